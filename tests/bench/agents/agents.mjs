// The agents side by side: how each becomes one script, and how what it sent is read. Every text that a page wrote is looked for as it is,
// so that no reader of ours is kinder to one format than to another; only the names of vitals and flags differ.
import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../lib/seismo.mjs';

const here = join(root, 'tests/bench/agents');

export const agents = {
  none: { title: 'no agent', script: () => '' },
  seismo: {
    title: 'Seismo', package: null, script: () => readFileSync(join(root, 'js-agent/dist/seismo.js'), 'utf8'),
    attributes: (collector) => `data-key="bench" data-service="bench" data-endpoint="${collector}/in/v1"`,
    inp: /"name":"INP"/, rage: /"flags":"[^"]*rage/, dead: /"flags":"[^"]*dead/, errorClick: /"flags":"[^"]*error/,
  },
  elastic: { title: 'Elastic APM RUM', package: '@elastic/apm-rum', inp: /inp_value/, rage: /rage/, dead: /dead_click/, errorClick: /error_click/ },
  faro: { title: 'Grafana Faro', package: '@grafana/faro-web-sdk', inp: /"inp"/, rage: /rage/, dead: /dead_click/, errorClick: /error_click/ },
  datadog: { title: 'Datadog RUM slim', package: '@datadog/browser-rum-slim', inp: /interaction_to_next_paint/, rage: /rage_click/, dead: /dead_click/, errorClick: /error_click/ },
  sentry: { title: 'Sentry with tracing', package: '@sentry/browser', inp: /"inp"|ui\.interaction/, rage: /rage/, dead: /dead_?click/i, errorClick: /error_click/ },
};

export function versionOf(agent) {
  const folder = agent.package ? join(here, 'node_modules', agent.package) : join(root, 'js-agent');
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
}

/** One minified script that starts itself. */
export async function scriptOf(name) {
  if (agents[name].script) return agents[name].script();
  const { outputFiles } = await build({ entryPoints: [join(here, 'entries', `${name}.js`)], bundle: true, minify: true, format: 'iife', target: 'es2020', write: false, logLevel: 'warning' });
  return outputFiles[0].text;
}
