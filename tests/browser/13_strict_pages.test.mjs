// Pages that allow little: a strict Content Security Policy with a nonce, integrity and Trusted Types; frames without an origin; documents
// that came from no server. Nothing is reported, nothing is thrown, and all of it arrives.
// only: embedded
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, before, test } from 'node:test';
import { openBrowser } from '../lib/browser.mjs';
import { openStage } from '../lib/stage.mjs';

let stage, browser, page, directory;
const problems = [];
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'seismo-strict-'));
  stage = await openStage();
  browser = await openBrowser();
  page = await browser.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (line) => problems.push(line.text()));
});
after(async () => {
  await browser?.close();
  stage?.close();
  rmSync(directory, { recursive: true, force: true });
});

const tagWith = (key, more = '') => stage.tag(key, `data-flush="100" data-version="1" ${more}`);
const use = `<button id="b">Press</button><p id="p"></p>`;

test('a policy with nonce, integrity and Trusted Types: no report, all of it arrives', async () => {
  const digest = createHash('sha384').update(stage.agent).digest('base64');
  const policy = `default-src 'none'; script-src 'nonce-n17'; connect-src 'self' ${stage.collector}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; ` +
    `require-trusted-types-for 'script'; trusted-types 'none'; report-uri /report`;
  stage.pages['/strict'] = {
    headers: { 'content-security-policy': policy, 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'referrer-policy': 'no-referrer', 'permissions-policy': 'sync-xhr=(), unload=()' },
    text: `<!doctype html><html lang="en"><title>Strict</title><body>${use}${tagWith('strict', `nonce="n17" integrity="sha384-${digest}"`)}<script nonce="n17">
      document.addEventListener('securitypolicyviolation', (event) => console.log('violation ' + event.violatedDirective));
      b.onclick = () => { p.textContent = 'pressed'; history.pushState({}, '', '/strict/deep'); fetch('/api/echo').then((answer) => answer.text()); };
    </script>`,
  };
  await page.goto(`${stage.site}/strict`);
  await page.click('#b');
  for (const kind of ['page', 'click', 'route', 'api']) await stage.event('strict', (one) => one.kind === kind, kind);
  await page.evaluate(() => { seismo('event', 'bye'); });
  await page.goto('about:blank');
  for (const name of ['LCP', 'CLS', 'INP']) await stage.event('strict', (one) => one.name === name, name);
  await stage.own('strict', 'bye');
  assert.deepEqual([problems, stage.reports], [[], []]);
});

test('frames without an origin, documents from no server: the agent works, and their content stays theirs', async () => {
  const text = (key) => `<!doctype html><title>From nowhere</title><body>${use}${tagWith(key)}<script>
    fetch(${JSON.stringify(`${stage.collector}/api/none`)}).catch(() => {}); try { history.pushState({}, '', '#/route'); } catch {}
    document.querySelector('button').click(); seismo('event', 'done', { where: origin });</script><!-- content-of-the-page -->`;
  const file = join(directory, 'page.html');
  writeFileSync(file, text('file'));
  stage.pages['/frames'] = { text: '<!doctype html><html lang="en"><title>Frames</title><body>' };
  await page.goto(`${stage.site}/frames`);
  await page.evaluate(([sandboxed, data, srcdoc, blank]) => {
    const add = (attributes) => document.body.appendChild(Object.assign(document.createElement('iframe'), attributes));
    add({ sandbox: 'allow-scripts', srcdoc: sandboxed });
    add({ src: `data:text/html,${encodeURIComponent(data)}` });
    add({ srcdoc });
    const { contentDocument } = add({});
    contentDocument.open();
    contentDocument.write(blank);
    contentDocument.close();
  }, ['sandboxed', 'data', 'srcdoc', 'blank'].map(text));
  for (const key of ['sandboxed', 'data', 'srcdoc', 'blank']) await stage.own(key, 'done');
  await page.goto(pathToFileURL(file).href);
  await stage.own('file', 'done');
  await page.goto('about:blank');
  for (const { key, ...beacon } of stage.beacons) {
    const said = JSON.stringify(beacon);
    assert.ok(!/content-of|From%20nowhere|doctype/.test(said), `${key}: ${said}`);
  }
  assert.deepEqual(problems, []);
});
