// Lists for content blockers (EasyPrivacy is the widest spread) block addresses by the words in them. None may stand in an address that the
// live page asks for, nor in those that the agent's tag asks for as it comes: else a blocker makes a dashboard empty, or a visit unseen.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const read = (path) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

// The words on which general rules of such lists rest, wherever in an address they stand by themselves: between signs, or at its ends.
const words = `ad ads adserver advert affiliate analytic analytics apm audience beacon beacons behavior behaviour boomerang clickstream clicktrack
  collect collector conversion cookie counter datadog eum event events fingerprint gtag hit hits hotjar impression impressions insights intake
  log logger logging logs matomo metric metrics mixpanel monitor monitoring newrelic perf performance ping piwik pixel pixels plausible pageview
  pageviews posthog profiler rec referrer replay report reporter rum segment sentry speed sponsor stat statistics stats survey tag tags telemetry
  tracer track tracker tracking trk umami usage utm visit visitor visitors visits vitals webvitals xiti`.split(/\s+/);
const blocked = (address) => address.toLowerCase().split(/[^a-z]+/).filter((part) => words.includes(part));

test('the words are found where they stand', () => {
  assert.deepEqual(blocked('/api/v1/track?x=1'), ['track']);
  assert.deepEqual(blocked('/assets/web-vitals.js'), ['vitals']);
  assert.deepEqual(blocked('/api/tracks'), []);
});

test('no address of the live page has one', () => {
  const { paths, components } = JSON.parse(read('schemas/live-api.json'));
  const resolved = ({ $ref, ...parameter }) => ($ref ? components.parameters[$ref.split('/').at(-1)] : parameter);
  const parameters = Object.values(paths).flatMap((path) => Object.values(path).flatMap((method) => (method.parameters ?? []).map((parameter) => resolved(parameter).name)));
  const files = readdirSync(fileURLToPath(new URL('../../collector/live/page/dist', import.meta.url)));
  assert.ok(Object.keys(paths).length > 10 && parameters.length > 10 && files.includes('live.js'));
  const all = [...Object.keys(paths), ...parameters.map((name) => `?${name}=`), ...files.map((name) => `/${name}`)];
  assert.deepEqual(all.filter((address) => blocked(address).length), []);
});

test('nor has one that the tag asks for as it comes', () => {
  const { properties } = JSON.parse(read('schemas/config.schema.json'));
  const defaults = [];
  (function walk(node) {
    if (typeof node?.default === 'string' && node.default.startsWith('/')) defaults.push(node.default);
    for (const value of Object.values(node ?? {})) if (value && typeof value === 'object') walk(value);
  })(properties);
  assert.ok(defaults.length, 'the path of beacons has a default');
  assert.deepEqual(['/seismo.js', ...defaults].filter((address) => blocked(address).length), []);
});
