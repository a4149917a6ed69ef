// only: embedded
// tests/kibana/draw judges panels rightly: on pages that are built as Kibana 8.12 and 9 build theirs, panels that draw, late or at once, that are
// empty, in error, at work for ever, or not there. That our panels draw only a real Kibana can say.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openKibana } from '../fakes/kibana.mjs';
import { inspectPanel } from '../kibana/inspect.mjs';
import { openBrowser } from '../lib/browser.mjs';
import { root } from '../lib/seismo.mjs';

let browser;
before(async () => { browser = await openBrowser(); });
after(() => browser?.close());

const eight = (at, attributes, inside, before = '') => `<div data-test-subj="dashboardPanel" id="panel-${at}"><div role="figure" class="embPanel" data-test-subj="embeddablePanel">
  <h2>Title of ${at}</h2>${before}<div class="embPanel__content" data-shared-item ${attributes}>${inside}</div></div></div>`;
const nine = (at, attributes, inside, before = '') => `<div data-test-subj="dashboardPanel" id="panel-${at}"><div role="figure" class="embPanel" data-test-subj="embeddablePanel" ${attributes}>
  <h2>Title of ${at}</h2>${before}<div class="embPanel__content">${inside}</div></div></div>`;
const failure = (words) => `<div data-test-subj="embeddableError"><div data-test-subj="embeddableStackError"><div data-test-subj="errorMessageMarkdown">${words}</div></div></div>`;
const chart = '<div class="echChart"><canvas width="10" height="10"></canvas></div>';

const CASES = [
  ['a chart of 8', eight('p', 'data-render-complete="true" data-rendering-count="1"', chart), null, false],
  ['a chart of 8 that still loads', eight('p', 'data-render-complete="false" data-loading="true"', ''), 'it has not finished', true],
  ['a chart of 8 that loads again', eight('p', 'data-render-complete="true" data-loading="true"', chart), 'it has not finished', true],
  ['Lens of 8 in error', eight('p', 'data-render-complete="false" data-rendering-count="1"', '<div data-test-subj="embeddable-lens-failure">Field seismo.nothing was not found</div>'), /^error: Field seismo\.nothing/, false],
  ['any panel of 8 in error', eight('p', 'data-error="true" data-render-complete="false"', '', failure('search_phase_execution_exception')), /^error: search_phase/, false],
  ['a chart of 8 with a badge', eight('p', 'data-render-complete="true"', `${chart}<button data-test-subj="lens-message-list-trigger">1 error</button>`), /^error badge: 1 error/, false],
  ['Lens of 8 without results', eight('p', 'data-render-complete="true"', '<div data-test-subj="emptyPlaceholder">No results found</div>'), 'empty: no results', false],
  ['a metric of 8 without a value', eight('p', 'data-render-complete="true"', '<div class="echChart"><ul><li><p>Sessions</p><p>N/A</p></li></ul></div>'), 'empty: N/A', false],
  ['a search of 8', eight('p', 'data-render-complete="true"', '<div class="euiDataGrid" role="grid" data-render-complete="true">No results found, says a log line</div>'), null, false],
  ['a search of 8 whose grid is not there yet', eight('p', 'data-render-complete="true"', '<div data-render-complete="false">…</div>'), 'it has not finished', true],
  ['a search of 8 without documents', eight('p', 'data-render-complete="true"', '<div class="euiDataGrid__noResults" data-render-complete="true"><p>No results found</p></div>'), 'empty: no results', false],
  ['text of 8', eight('p', 'data-render-complete="true"', '<div data-test-subj="markdownBody"><a href="#">Pages</a></div>'), null, false],
  ['a panel of 8 with nothing in it', eight('p', 'data-render-complete="true"', ''), 'it shows nothing', false],
  ['a chart of 9', nine('p', 'data-render-complete="true"', `<div data-shared-item data-render-complete="true">${chart}</div>`), null, false],
  ['a chart of 9 before its inside begins', nine('p', 'data-render-complete="true"', '<div data-shared-item data-render-complete="false"></div>'), 'it has not finished', true],
  ['a panel of 9 that loads', nine('p', 'data-loading="true"', ''), 'it has not finished', true],
  ['a panel of 9 in error', nine('p', 'data-render-complete="true" data-error="true"', '', failure('no such index')), /^error: no such index/, false],
  ['a panel that is not there', '<div></div>', 'it is not on the page', true],
];

test('what each kind of panel is taken for', async () => {
  const page = await browser.newPage();
  for (const [what, html, problem, waits] of CASES) {
    await page.setContent(html);
    const [found] = await page.evaluate(inspectPanel, [{ at: 'p', title: 'Title of p' }]);
    if (problem instanceof RegExp) assert.match(found.problem ?? '', problem, what);
    else assert.equal(found.problem, problem, what);
    assert.equal(found.waits, waits, what);
  }
  await page.close();
});

/* A page as Kibana's: the panels of a dashboard come one after the other, load for a moment and draw. */
const pageOf = (panels, trouble) => `<!doctype html><body><script>
const panels = ${JSON.stringify(panels)}, trouble = ${JSON.stringify(trouble)}, id = /view\\/([\\w-]+)/.exec(location.hash)[1];
setTimeout(() => { for (const [i, at] of panels[id].entries()) {
  const panel = document.createElement('div'), content = document.createElement('div');
  panel.id = 'panel-' + at; panel.dataset.testSubj = 'dashboardPanel'; content.dataset.renderComplete = 'false'; content.dataset.loading = 'true';
  panel.append(content); document.body.append(panel);
  if (trouble[id + ' ' + at] === 'for ever') continue;
  setTimeout(() => { content.removeAttribute('data-loading'); content.dataset.renderComplete = 'true';
    content.innerHTML = trouble[id + ' ' + at] ?? '<canvas width="40" height="20"></canvas>'; }, 100 + i * 20);
} }, 200);
</script></body>`;

async function draw(t, trouble) {
  const kibana = await openKibana(), folder = mkdtempSync(join(tmpdir(), 'seismo-draw-'));
  t.after(async () => { await kibana.close(); rmSync(folder, { recursive: true }); });
  kibana.answer = ({ url }) => {
    if (!url.startsWith('/app/dashboards')) return null;
    const dashboards = [...kibana.objects.get('default').values()].filter(({ type }) => type === 'dashboard');
    return [200, pageOf(Object.fromEntries(dashboards.map(({ id, attributes }) => [id, JSON.parse(attributes.panelsJSON).map(({ panelIndex }) => panelIndex)])), trouble), 'text/html; charset=utf-8'];
  };
  const child = spawn(join(root, 'tests/kibana/draw'), [kibana.url, folder], { env: { ...process.env, SEISMO_DRAW_DEADLINE_MS: '20000' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => { said += bytes; });
  const code = await new Promise((resolve) => child.on('close', resolve));
  return { code, said, pictures: readdirSync(folder).sort() };
}

test('every dashboard is imported, opened, waited for and kept as a picture', { timeout: 240000 }, async (t) => {
  const { code, said, pictures } = await draw(t, {});
  assert.equal(code, 0, said);
  assert.deepEqual(pictures, ['alerts', 'api', 'business', 'clicks', 'errors', 'overview', 'pages', 'quality', 'sessions'].map((name) => `${name}.png`));
  assert.match(said, /every panel of every dashboard shows something/);
});

test('panels that are empty, in error or never end are told by name, and the exit code says so', { timeout: 240000 }, async (t) => {
  const { code, said } = await draw(t, { 'seismo-overview p1': '<p>No results found</p>', 'seismo-alerts p1': '<div data-test-subj="embeddable-lens-failure">no such field</div>', 'seismo-quality p2': 'for ever' });
  assert.equal(code, 1, said);
  assert.match(said, /^overview: "Sessions": empty: no results$/m);
  assert.match(said, /^alerts: ".+": error: no such field$/m);
  assert.match(said, /^quality: ".+": it has not finished$/m);
  assert.match(said, /^3 panels are empty or in error$/m);
});
