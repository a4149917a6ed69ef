// Visitors of a shop, so that every panel of every dashboard has something to show: all kinds of events, on all devices, and the rare ones: rage,
// clocks that are wrong, late events, what agents drop, an alert that begins and ends, and documents that the store refuses.
import { beaconOf, dice } from '../lib/visitors.mjs';
import { id, post, until } from '../lib/seismo.mjs';

const browsers = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
];
const MINUTE = 60000;

/** Settings under which an alert needs no waiting. */
export const quickAlerts = {
  SEISMO_WATCH_REPORT_MS: '1000',
  SEISMO_DETECT_OPEN_MS: '10s', SEISMO_DETECT_QUIET_MS: '10s', SEISMO_DETECT_YOUNG_MS: '1m', SEISMO_DETECT_MIN_SESSIONS: '2', SEISMO_ROLLUP_CLOSE_WAIT_MS: '5s',
};

const send = async (url, beacon, agent = browsers[0]) => {
  const answer = await post(url, beacon, { headers: { 'user-agent': agent } });
  if (answer.status !== 202) throw new Error(`${answer.status} ${answer.text}`);
};
const envelope = (at, more) => ({ v: 1, id: id('b'), service: 'shop', version: '1.4.2', environment: 'test', session: id('s'), view: id('v'), sent: Date.now(), rate: 1,
  agent: { name: 'seismo-js', version: '0.1.0' }, user: { id: 'ada' }, labels: { plan: 'gold' }, ...more });

const vitals = {
  LCP: { resource: '/hero.avif', ttfb: 700, load_delay: 900, load_time: 2400, render_delay: 200 },
  INP: { interaction: 'pointerup', input_delay: 200, processing: 3900, presentation: 100, script: '/shop.js', invoker: 'BUTTON#pay.onclick' },
  CLS: { shift: 0.3 }, FCP: {}, TTFB: {},
};

// What a crowd does only now and then, once each.
function rareEvents(now) {
  const page = '/checkout', event = (kind, more) => ({ kind, at: now - 2000, page, ...more });
  return [
    ...['rage', 'dead', 'error', 'slow'].map((flags, i) => event('click', { selector: `#pay${i}`, name: 'Pay', role: 'button', count: 3, flags })),
    ...Object.entries(vitals).map(([name, parts]) => event('vital', { name, value: name === 'CLS' ? 0.4 : 4200, rating: 'poor', target: 'main > img.hero', metric: `v5-${now}-${name}`, ...parts })),
    ...['rejection', 'console'].map((source) => event('error', { type: 'TypeError', message: `Failed to fetch (${source})`, source, file: '/shop.js', line: 4, column: 2 })),
    event('page', { url: `http://shop.test${page}`, title: 'Checkout', navigation: 'navigate', duration: 900, redirect: 12, dns: 8, connect: 30, request: 120, response: 20, dom: 400, load: 310, bytes: 5120 }),
    event('api', { url: '/api/checkout', method: 'POST', status: 503, duration: 8400, initiator: 'fetch', outcome: 'failure', trace: '0af7651916cd43dd8448eb211c80319c',
      redirect: 0, dns: 1, connect: 12, request: 8300, response: 4 }),
    event('event', { name: 'purchase', value: 49.9, props: { currency: 'EUR', items: 3, first: true } }),
    event('event', { name: 'sign-up', props: { plan: 'free' } }),
    event('mark', { name: 'hero shown', value: 640 }), event('measure', { name: 'search', duration: 81 }),
    event('click', { selector: '#x', name: 'Help', role: 'button', of_a_later_release: 1 }),
  ];
}

async function sendRare(url) {
  const now = Date.now(), late = 26 * 60 * MINUTE;
  await send(url, envelope(now, { dropped: 7, events: rareEvents(now) }), browsers[1]);
  await send(url, envelope(now, { sent: now - 10 * MINUTE, user: { id: 'grace' }, events: rareEvents(now - 10 * MINUTE) }), browsers[2]); // a clock that is behind
  await send(url, envelope(now, { sent: now + 10 * MINUTE, events: rareEvents(now + 10 * MINUTE) })); // and one ahead
  await send(url, envelope(now, { events: rareEvents(now - late) })); // kept by the browser since yesterday
  await send(url, envelope(now, { events: rareEvents(now + late) }));
}

async function sendCrowd(url, sessions) {
  const roll = dice(7);
  for (let i = 0; i < sessions; i++) {
    const session = id('s'), user = { id: `user-${i % 12}` };
    for (let n = 0; n < 3; n++) {
      const { beacon } = beaconOf(roll, { session, wrongShare: 0, rates: [1, 1, 0.5] });
      await send(url, { ...beacon, user }, browsers[i % browsers.length]);
    }
  }
}

// One step of visitors who all call the same.
function visit(url, at, duration) {
  return Promise.all(Array.from({ length: 6 }, (_, i) => send(url, envelope(at, {
    session: `session-of-visitor-${i}`, user: { id: `user-${i}` },
    events: [0, 1].map((n) => ({ kind: 'api', at: at + n * 100, page: '/checkout', url: '/api/checkout', method: 'POST', status: 200, duration: duration * (0.9 + ((i + n) % 5) / 25), initiator: 'fetch' })),
  }))));
}

// A call that has turned slow a minute ago. It lies behind, so that nobody waits for it: nothing newer may have been sent yet.
async function sendHistory(url) {
  const now = Date.now();
  for (let at = now - 7 * MINUTE; at < now; at += 5000) await visit(url, at, at < now - MINUTE ? 80 : 1500);
}

// It stays slow until it is told, and is then as usual again.
async function awaitAlert(url, stored) {
  for (const [state, duration] of [['firing', 1500], ['resolved', 80]])
    await until(`an alert that is ${state}`, async () => {
      await visit(url, Date.now(), duration);
      return stored('logs-seismo.alerts', { term: { 'seismo.alert.state': state } });
    }, { within: 150000, every: 1000 });
}

// A template of somebody else for a while, under which the store refuses pages that tell where their visitor came from (no panel asks for that).
async function makeRejects(seismo, call, namespace) {
  const stream = `logs-seismo.events-${namespace}`, template = `${namespace}-somebody-else`;
  await call('PUT', `/_index_template/${template}`, { index_patterns: [stream], priority: 9000, data_stream: {},
    template: { mappings: { dynamic: false, properties: { '@timestamp': { type: 'date' }, 'http.request.referrer': { properties: { x: { type: 'keyword' } } } } } } });
  await call('POST', `/${stream}/_rollover`);
  const now = Date.now();
  await send(seismo.publicUrl, envelope(now, { events: [...rareEvents(now), { kind: 'page', at: now - 1000, page: '/', referrer: 'http://elsewhere.test/' }] }));
  await until('documents that are refused', async () => {
    await call('POST', `/logs-seismo.rejects-${namespace}/_refresh`).catch(() => {});
    return (await call('GET', `/logs-seismo.rejects-${namespace}/_count`)).count > 0;
  }, { within: 60000, every: 300 });
  await call('DELETE', `/_index_template/${template}`).catch(() => {}); // OpenSearch keeps one that a stream has begun with
  await call('POST', `/${stream}/_rollover`);
}

/** seismo: as of tests/lib/seismo.mjs, newly started in a place of its own, with the settings of quickAlerts; call(method, path, body): to the store. Returns when all of it is stored. */
export async function fill(seismo, call, namespace, { sessions = 40 } = {}) {
  const url = seismo.publicUrl;
  const stored = async (stream, query) => {
    await call('POST', `/${stream}-${namespace}/_refresh`);
    return (await call('POST', `/${stream}-${namespace}/_count`, { query })).count;
  };
  await sendHistory(url);
  await sendCrowd(url, sessions);
  await sendRare(url);
  await awaitAlert(url, stored);
  await makeRejects(seismo, call, namespace);
  await until('what Seismo says of itself', () => stored('metrics-seismo.health', { exists: { field: 'seismo.health.lag.merge' } }), { within: 60000, every: 300 });
  await until('the events', () => stored('logs-seismo.events', { term: { 'event.action': 'click' } }), { within: 60000, every: 300 });
  await until('the windows', () => stored('metrics-seismo.rollups', { term: { 'seismo.rollup.width': 60 } }), { within: 60000, every: 300 });
}
