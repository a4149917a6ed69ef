// Bounded load over kept-alive connections, sent as the agent sends: a beacon keeps its id until it is answered 2xx or 4xx; after 429, 5xx,
// or no answer it comes again. So repeats happen for real, and whoever checks has a ledger of what became of each.
//
//   const load = startLoad(() => seismo.publicUrl, { perSecond: 200 });
//   ... load.stop() when the faults are over; then settled(where, seismo, load) of settled.mjs
import http from 'node:http';
import { crowd } from './visitors.mjs';
import { sleep, until } from './seismo.mjs';

const waitingMost = 2000; // beacons that wait to be sent again; with so many no new ones are made

// One attempt: { status, headers, json } or { status: 0, why }.
function attempt(agent, url, key, headers, body, timeoutMs) {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const request = http.request({ agent, hostname, port, method: 'POST', path: `/in/v1?k=${encodeURIComponent(key)}`, headers: { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body), ...headers } }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', (error) => resolve({ status: 0, why: error.code ?? error.message }));
      response.on('end', () => {
        if (!response.complete) return resolve({ status: 0, why: 'answer cut' });
        const text = Buffer.concat(parts).toString();
        let json = null;
        try {
          json = JSON.parse(text);
        } catch {
          // kept as text
        }
        resolve({ status: response.statusCode, headers: response.headers, json, text });
      });
    });
    const timer = setTimeout(() => request.destroy(new Error('no answer in time')), timeoutMs);
    request.on('close', () => clearTimeout(timer));
    request.on('error', (error) => resolve({ status: 0, why: error.code ?? error.message }));
    request.end(body);
  });
}

// A beacon's life in the ledger: `state` is flying, waiting, acknowledged (202), refused (other 4xx) or unsure (given up without an answer).
// `accepted` is what the 202 said. `answers` are all statuses that came, 0 for none.
function entryOf({ beacon, wrong }, copies) {
  return { id: beacon.id, beacon, wrong: new Set(wrong), state: 'flying', accepted: 0, answers: [], copies };
}

// What one process of the collector has been seen to answer: figures to hold its metrics against.
const newLife = () => ({ beacons: 0, events: 0, rejected: 0, unanswered: 0, statuses: {}, why: {} });

export function startLoad(url, options = {}) {
  const { perSecond = 200, connections = 8, key = 'demo', headers = {}, timeoutMs = 20000, repeatShare = 0.02, backOffMs = 100, source = crowd(options) } = options;
  const { roll } = source;
  const entries = new Map(), waiting = [], problems = [];
  let going = true, closing = false, flying = 0, life = newLife(), due = Date.now();
  const lives = [life];

  // What the answer says must be what was sent: each wrong event is named, no other.
  function checkAccepted(entry, json) {
    const refused = (json?.rejected ?? []).map((each) => each.index);
    const right = entry.beacon.events.length - entry.wrong.size;
    if (json?.accepted !== right || refused.length !== entry.wrong.size || refused.some((index) => !entry.wrong.has(index)))
      problems.push(`beacon ${entry.id}: answered ${JSON.stringify(json)}, ${right} events are right, wrong are ${[...entry.wrong]}`);
    if (entry.state === 'acknowledged' && json?.accepted !== entry.accepted) problems.push(`beacon ${entry.id}: ${entry.accepted} accepted, then ${json?.accepted}`);
  }

  function later(entry, answer) {
    const asked = Number(answer.headers?.['retry-after'] ?? 0) * 1000;
    if (answer.status && !(asked > 0)) problems.push(`${answer.status} without Retry-After: ${answer.text}`);
    entry.state = 'waiting';
    const soon = backOffMs * (0.5 + roll());
    waiting.push({ entry, at: Date.now() + (options.heedRetryAfter ? Math.max(asked, soon) : Math.min(Math.max(asked, soon), 1000)) });
  }

  function settle(entry, answer, during) {
    entry.answers.push(answer.status);
    options.answered?.(answer, entry);
    during.statuses[answer.status] = (during.statuses[answer.status] ?? 0) + 1;
    if (answer.status === 202) {
      checkAccepted(entry, answer.json);
      during.beacons++;
      during.events += answer.json?.accepted ?? 0;
      during.rejected += answer.json?.rejected?.length ?? 0;
      if (entry.state !== 'acknowledged') entry.accepted = answer.json?.accepted ?? 0;
      entry.state = 'acknowledged';
      if (--entry.copies >= 0) waiting.push({ entry, at: Date.now() + 50 + roll() * 3000 }); // the answer was lost on the way, say
    } else if (answer.status === 0 || answer.status === 429 || answer.status >= 500) {
      if (answer.status === 0) during.why[answer.why] = (during.why[answer.why] ?? 0) + 1;
      if (answer.status === 0 && answer.why !== 'ECONNREFUSED') during.unanswered++;
      if (entry.state !== 'acknowledged') later(entry, answer);
    } else {
      during.rejected += answer.json?.rejected?.length || 1;
      entry.state = 'refused';
      if (entry.wrong.size < entry.beacon.events.length) problems.push(`beacon ${entry.id}: refused with ${answer.status} ${answer.text}`);
    }
  }

  function take() {
    const now = Date.now();
    const ready = waiting.findIndex((each) => each.at <= now);
    if (ready >= 0) return waiting.splice(ready, 1)[0].entry;
    if (!going || waiting.length >= waitingMost || now < due) return null;
    due = Math.max(due + 1000 / perSecond, now - 200); // what was missed for long is not made up for
    const entry = entryOf(source.next(), roll() < repeatShare ? 1 : 0);
    entries.set(entry.id, entry);
    return entry;
  }

  async function connection() {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1 });
    while (going || (waiting.length && !closing)) {
      const to = url();
      const entry = to ? take() : null;
      if (!entry) {
        await sleep(5);
        continue;
      }
      if (entry.state !== 'acknowledged') entry.state = 'flying';
      entry.beacon.sent = Date.now();
      const during = life;
      flying++;
      settle(entry, await attempt(agent, to, key, headers, JSON.stringify(entry.beacon), timeoutMs), during);
      flying--;
    }
    agent.destroy();
  }
  const all = Array.from({ length: connections }, connection);

  const list = (state) => [...entries.values()].filter((entry) => entry.state === state);
  return {
    seed: source.seed, entries, problems, lives, list,
    sent: () => entries.size,
    acknowledged: () => list('acknowledged').length,
    // A new process answers from here on.
    newLife: () => lives.push((life = newLife())),
    // Makes no new beacons; goes on with those that wait until each is answered, or `within` is over: the rest is unsure.
    async stop({ within = 30000 } = {}) {
      going = false;
      await until('beacons that wait are answered', () => waiting.length === 0 && flying === 0, { within }).catch(() => {});
      closing = true;
      await Promise.all(all);
      for (const entry of entries.values()) if (entry.state === 'waiting' || entry.state === 'flying') entry.state = 'unsure';
    },
    summary() {
      const states = {};
      for (const entry of entries.values()) states[entry.state] = (states[entry.state] ?? 0) + 1;
      return `seed ${source.seed}: ${entries.size} beacons ${JSON.stringify(states)}, answers ${lives.map((each) => JSON.stringify({ ...each.statuses, ...each.why })).join(' ')}`;
    },
  };
}
