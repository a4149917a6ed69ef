// Beacons as a shop's visitors send them: all kinds, some events wrong, some beacons wrong as a whole. Drawn from a seed, so that a run
// can be repeated. Each is { beacon, wrong } with wrong = the places of its events that must be refused.
import { randomInt } from 'node:crypto';
import { id } from './seismo.mjs';

// Mulberry32 (Tommy Ettinger): numbers in [0, 1).
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const paths = ['/', '/cart', '/checkout', '/product/17', '/product/4711', '/account/orders', '/search'];
const calls = [['GET', '/api/products'], ['GET', '/api/products/17'], ['POST', '/api/cart'], ['POST', '/api/checkout'], ['GET', '/api/orders/99']];
const messages = ["Cannot read properties of undefined (reading 'price')", 'Failed to fetch', 'ResizeObserver loop limit exceeded', 'x is not a function'];
// The first event of every beacon is as old as an agent lets one become: from that the rollup learns how long it has to wait.
export const oldestMs = 5000;

const pick = (roll, list) => list[Math.floor(roll() * list.length)];
const milliseconds = (roll, middle) => Math.round(middle * Math.exp((roll() + roll() + roll() - 1.5) * 1.5) * 100) / 100;

const kinds = {
  page: (roll, page) => ({ page, url: `http://shop.test${page}`, title: 'Shop', navigation: 'navigate', duration: milliseconds(roll, 400), dns: 0, request: 20.4, response: 3.2, dom: 180, load: 90, bytes: 5120 }),
  route: (roll, page) => ({ page, url: page, from: pick(roll, paths), title: 'Lamp', duration: milliseconds(roll, 60) }),
  api: (roll, page) => {
    const [method, url] = pick(roll, calls);
    const status = roll() < 0.03 ? 500 : roll() < 0.02 ? 0 : 200;
    return { page, url, method, status, duration: milliseconds(roll, 45), initiator: 'fetch', outcome: status === 200 ? 'success' : 'failure' };
  },
  click: (roll, page) => ({ page, selector: '#buy', name: 'Add to cart', role: 'button', ...(roll() < 0.1 && { count: 3, flags: 'rage' }) }),
  error: (roll, page) => ({ page, type: 'TypeError', message: pick(roll, messages), stack: 'TypeError: x\n    at buy (http://shop.test/shop.js:10:12)', source: 'error', file: '/shop.js', line: 10, column: 12, ...(roll() < 0.2 && { count: 2 }) }),
  vital: (roll, page) => ({ page, name: pick(roll, ['LCP', 'INP', 'CLS', 'FCP', 'TTFB']), value: milliseconds(roll, 200), rating: 'good', metric: `v5-${Math.floor(roll() * 1e9)}` }),
  purchase: (roll, page) => ({ page, amount: 19.9, currency: 'EUR' }),
};
const shares = [['page', 0.12], ['route', 0.1], ['api', 0.45], ['click', 0.12], ['error', 0.05], ['vital', 0.13], ['purchase', 0.03]];

function kindOf(roll) {
  let left = roll();
  for (const [kind, share] of shares) if ((left -= share) < 0) return kind;
  return 'api';
}

const damages = [
  (event) => ({ ...event, at: -5 }),
  (event) => ({ ...event, at: 'yesterday' }),
  (event) => ({ ...event, kind: undefined }),
  (event) => ({ ...event, page: { path: '/' } }),
  () => ({ kind: 'api', at: Date.now(), page: '/', duration: 3 }),
  () => ({ kind: 'error', at: Date.now(), page: '/' }),
  () => null,
];

// Ages fall from oldestMs to 0 over the beacon. A page, route or call is told when it has ended, so it began before.
function eventOf(roll, kind, age, now) {
  const event = { kind, at: 0, ...kinds[kind](roll, pick(roll, paths)) };
  event.at = Math.round(now - age - (['page', 'route', 'api'].includes(kind) ? event.duration : 0));
  return event;
}

export function beaconOf(roll, { session, wrongShare = 0.03, most = 10, service = 'shop', rates = [1, 1, 0.5] } = {}) {
  const now = Date.now();
  const n = 1 + Math.floor(roll() * most);
  const events = [], wrong = [];
  for (let i = 0; i < n; i++) {
    const kind = i === 0 ? 'click' : kindOf(roll);
    const event = eventOf(roll, kind, oldestMs * (1 - i / n), now);
    const isWrong = roll() < wrongShare;
    if (isWrong) wrong.push(i);
    events.push(isWrong ? pick(roll, damages)(event) : event);
  }
  const beacon = {
    v: 1, id: id('b'), service, version: '1.4.2', environment: 'test', session, view: id('v'), sent: now, rate: pick(roll, rates),
    agent: { name: 'seismo-js', version: '0.1.0' }, events,
  };
  return { beacon, wrong };
}

// A crowd that comes and goes: each session sends some beacons and is followed by another.
export function crowd({ seed = randomInt(2 ** 31), size = 40, stay = 12, ...options } = {}) {
  const roll = dice(seed);
  const sessions = Array.from({ length: size }, () => ({ id: id('s'), left: 1 + Math.floor(roll() * stay) }));
  return {
    seed,
    roll,
    next() {
      const at = Math.floor(roll() * sessions.length);
      if (sessions[at].left-- <= 0) sessions[at] = { id: id('s'), left: Math.floor(roll() * stay) };
      return beaconOf(roll, { session: sessions[at].id, ...options });
    },
  };
}
