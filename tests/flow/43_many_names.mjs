#!/usr/bin/env node
// long: yes
// A flood of 100,000 different page names among ordinary traffic: the number of series stays bounded, the flood evicts itself, and the
// real pages and the service as a whole are counted to the last event.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countDocuments, countWindows, windows } from '../lib/equal.mjs';
import { beacon, id, exported, metric, place, post, sleep, start, until } from '../lib/seismo.mjs';

const names = Number(process.env.SEISMO_TEST_NAMES ?? 100000), aBeacon = 100, maxSeries = 500;

test(`${names} names in one application`, { timeout: 170000 }, async () => {
  const where = place({ environment: { SEISMO_ROLLUP_MAX_SERIES: String(maxSeries), SEISMO_ROLLUP_CLOSE_WAIT_MS: '5s' } });
  const seismo = await start(where);
  try {
    const page = (path, at) => ({ kind: 'page', at, url: `http://shop.test${path}`, page: path, duration: 120, navigation: 'navigate' });
    let events = 0, real = 0;
    const send = async (list) => {
      const answer = await post(seismo.publicUrl, beacon({ events: list, session: id('s') }));
      assert.equal(answer.status, 202, answer.text);
      assert.equal(answer.json.accepted, list.length, answer.text);
      events += list.length;
    };
    const ordinary = async () => {
      await send(['/', '/cart', '/checkout'].map((path) => page(path, Date.now() - 200)));
      real++;
    };
    for (let i = 0; i < 20; i++) await ordinary();
    await until('the real pages are known', async () => (await metric(seismo.innerUrl, 'seismo_series')) >= 3, { within: 20000 });
    let made = 0;
    await Promise.all(Array.from({ length: 4 }, async () => {
      while (made < names) {
        const from = made;
        made += aBeacon;
        // letters only: numbers and ids in a path are named alike
        const word = (n) => [...n.toString(26)].map((digit) => String.fromCharCode(97 + parseInt(digit, 26))).join('');
        await send(Array.from({ length: aBeacon }, (_, i) => page(`/flood-${word(from + i)}`, Date.now() - 200)));
        if (from % (aBeacon * 20) === 0) await ordinary();
      }
    }));
    assert.ok((await metric(seismo.innerUrl, 'seismo_series')) <= maxSeries);
    await sleep(1000);
    let raw, rolled, documents, list, pages;
    const sum = (counts) => [...counts.values()].reduce((all, n) => all + n, 0);
    await until('everything is counted', async () => {
      documents = await exported(where);
      list = await windows(where);
      raw = sum(countDocuments(documents));
      rolled = sum(countWindows(list));
      pages = new Map();
      for (const each of list) if (each['seismo.rollup.kind'] === 'page') pages.set(each['seismo.rollup.name'], (pages.get(each['seismo.rollup.name']) ?? 0) + each['seismo.rollup.events']);
      // the service as a whole is written before its parts
      return documents.length === events && rolled >= raw && ['/', '/cart', '/checkout'].every((path) => pages.get(path) >= real);
    }, { within: 120000, every: 2000 }).catch((error) => assert.fail(`${error.message.slice(0, 200)}\n${documents?.length} of ${events} stored, ${raw} to count, ${rolled} counted, ${list?.length} windows\n${seismo.log()}`));
    assert.equal(rolled, raw, 'the service as a whole is complete');
    for (const path of ['/', '/cart', '/checkout']) assert.equal(pages.get(path), real, `${path} is there, with every event`);
    const series = await metric(seismo.innerUrl, 'seismo_series'), evicted = await metric(seismo.innerUrl, 'seismo_series_evicted_total');
    const known = new Set(documents.map((each) => each['seismo.page.route'] ?? each['seismo.route'])).size;
    console.log(`# ${events} events, ${known} names stored, ${series} series at the end, ${evicted} turned away, ${pages.size} names in windows`);
    assert.ok(series <= maxSeries && evicted > 0);
    assert.ok(pages.size < maxSeries + names / 10, 'nor do windows grow with the names');
  } finally {
    await seismo.stop();
    where.remove();
  }
});
