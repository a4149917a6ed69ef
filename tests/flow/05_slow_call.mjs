#!/usr/bin/env node
// long: yes
// A call turns slow: Slack is told once, also over a kill -9, and told once when it is over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slack } from '../fakes/slack.mjs';
import { id, place, post, sleep, start, until } from '../lib/seismo.mjs';

test('opened once, kept over a kill, resolved once', { timeout: 175000 }, async () => {
  const fake = await slack();
  const where = place({ environment: {
    SEISMO_SLACK_WEBHOOK: fake.url, SEISMO_DETECT_OPEN_MS: '10s', SEISMO_DETECT_QUIET_MS: '20s', SEISMO_DETECT_YOUNG_MS: '2m',
    SEISMO_DETECT_MIN_SESSIONS: '2', SEISMO_ROLLUP_CLOSE_WAIT_MS: '5s', SEISMO_LISTEN_INNER_URL: 'http://seismo.test',
  } });
  let seismo = await start(where);
  let slow = false, going = true;
  const visitors = Array.from({ length: 6 }, async () => {
    const session = id('s');
    while (going) {
      const duration = (slow ? 1400 : 60) + Math.random() * 40;
      const at = Date.now();
      await post(seismo.publicUrl, {
        id: id('b'), service: 'shop', environment: 'test', session, sent: at,
        events: [
          { kind: 'api', at: at - duration, page: '/checkout', url: '/api/checkout', method: 'POST', status: 200, duration, initiator: 'fetch' },
          { kind: 'api', at: at - 30, page: '/', url: '/api/products', method: 'GET', status: 200, duration: 20 + Math.random() * 20, initiator: 'fetch' },
        ],
      }).catch(() => null);
      await sleep(250 + Math.random() * 200);
    }
  });
  try {
    await sleep(45000);
    assert.deepEqual(fake.messages, [], 'nothing is said of ordinary traffic');
    slow = true;
    const turned = Date.now();
    const opened = await until('the message that it is slow', () => fake.messages[0], { within: 45000 });
    console.log(`# said after ${opened.at - turned} ms`);
    const text = JSON.stringify(opened);
    assert.match(text, /\/api\/checkout/);
    assert.match(text, /shop/);
    assert.match(text, /slower/);
    assert.match(text, /http:\/\/seismo\.test/);

    // A webhook has no key to know a repeat by: until "sent" is written down, a kill means that it is sent again.
    await sleep(3000);
    await seismo.kill();
    seismo = await start(where);
    await sleep(5000);
    slow = false;
    const over = Date.now();
    const resolved = await until('the message that it is over', () => fake.messages[1], { within: 60000 });
    console.log(`# over said after ${resolved.at - over} ms`);
    assert.match(JSON.stringify(resolved), /[Rr]esolved|over|[Rr]ecovered/);
    await sleep(3000);
    assert.equal(fake.messages.length, 2, JSON.stringify(fake.messages.slice(2)));
    assert.deepEqual(fake.problems, [], 'Slack would have refused');
    const alerts = await (await fetch(`${seismo.innerUrl}/api/alerts`)).json();
    assert.ok(JSON.stringify(alerts).includes('resolved'));
  } finally {
    going = false;
    await Promise.all(visitors);
    await seismo.stop();
    await fake.close();
    where.remove();
  }
});
