// Whatever a page has done to its browser before the agent comes: with the agent everything that the page does gives the same answers,
// errors and console lines as without, and where anything can be sent something arrives.
// Each hostile world is a frame with the agent beside one without.
// only: embedded
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBrowser } from '../lib/browser.mjs';
import { root } from '../lib/seismo.mjs';
import { openStage } from '../lib/stage.mjs';

const AT_ONCE = 20;
const SIDE_PX = 50; // of a frame's button, as in world.html
const script = (name) => readFileSync(join(root, 'tests/lib/harm', name), 'utf8');
const frames = `<!doctype html><html lang="en"><title>Frames</title><body style="margin:0"><script>
  var worlds = {};
  var tagged, awaited, arrived;
  var done = (name, harm, answers) => { worlds[name] = { harm, answers: { ...answers } }; if (--awaited === 0) arrived(); };
  async function open(names, withAgent, key) {
    tagged = withAgent;
    awaited = names.length;
    const all = new Promise((resolve, reject) => {
      arrived = resolve;
      setTimeout(() => reject(new Error('there is no end in: ' + names.filter((name) => !worlds[name]).join(', '))), 200000);
    });
    names.forEach((name, i) => {
      const frame = document.createElement('iframe');
      frame.style = 'position:absolute;border:0;width:${SIDE_PX}px;height:${SIDE_PX}px;top:0;left:' + i * ${SIDE_PX} + 'px';
      frame.src = '/world?' + new URLSearchParams(withAgent ? { world: name, key: key + name } : { world: name });
      document.body.append(frame);
    });
    await all;
  }
  function end() {
    const results = {};
    for (const [name, { harm, answers }] of Object.entries(worlds)) results[name] = { answers, told: [...harm.told].map(String).sort(), patched: harm.patched };
    for (const name of Object.keys(worlds)) delete worlds[name];
    document.querySelectorAll('iframe').forEach((frame) => frame.remove());
    return results;
  }
</script>`;

let stage, browser, names, mute;
before(async () => {
  const text = (name) => ({ text: script(name), headers: { 'content-type': 'text/javascript', 'cache-control': 'max-age=60' } });
  stage = await openStage({ '/world': { text: script('world.html'), attributes: 'data-flush=100' }, '/frames': { text: frames }, '/worlds.js': text('worlds.js'), '/probe.js': text('probe.js') });
  browser = await openBrowser();
  const page = await openFrames();
  names = await page.evaluate(() => Object.keys(harm.worlds));
  mute = await page.evaluate(() => Object.keys(harm.worlds).filter((name) => harm.worlds[name].mute));
});
after(async () => {
  await browser?.close();
  stage?.close();
});

async function openFrames() {
  const page = await browser.newPage({ viewport: { width: AT_ONCE * SIDE_PX, height: 100 } });
  await page.goto(`${stage.site}/frames`);
  await page.addScriptTag({ url: '/worlds.js' });
  return page;
}

/** Visits the worlds, some at a time; gives { name: { answers, told, patched } }. */
async function tour(withAgent) {
  const page = await openFrames();
  const results = {};
  for (let i = 0; i < names.length; i += AT_ONCE) {
    const some = names.slice(i, i + AT_ONCE);
    await page.evaluate(([...rest]) => open(...rest), [some, withAgent, 'k ']);
    for (let n = 0; n < some.length; n++) await page.mouse.click((n + 0.5) * SIDE_PX, SIDE_PX / 2);
    Object.assign(results, await page.evaluate(() => end()));
  }
  await page.context().close();
  return results;
}

/** What is not the same. */
function compare(a, b) {
  const steps = Object.keys(a.answers).filter((step) => a.answers[step] !== b.answers[step]);
  const wrong = steps.map((step) => `${step}: ${a.answers[step]} became ${b.answers[step]}`);
  const more = [...b.told];
  for (const line of a.told) {
    const index = more.indexOf(line);
    if (index < 0) wrong.push(`not told: ${line}`);
    else more.splice(index, 1);
  }
  /* What the page had wrapped before, the agent's own calls go through too. */
  if (b.patched < a.patched) wrong.push(`the page's patch ran ${b.patched} times, not ${a.patched}`);
  return [...wrong, ...more.map((line) => `told: ${line}`)];
}

test('a page with the agent is as it is without, in every hostile world', async () => {
  const [without, withAgent] = await Promise.all([tour(false), tour(true)]);
  const wrong = names.flatMap((name) => compare(without[name], withAgent[name]).map((what) => `${name}: ${what}`));
  if (wrong.length) assert.fail(wrong.join('\n'));
});

test('and after the agent has stopped it is as it was, with the patches that others made meanwhile', async () => {
  const answersOf = async (name, withAgent) => {
    const page = await openFrames();
    await page.evaluate(([...rest]) => open(...rest), [[name], withAgent, 'stopped ']);
    const frame = page.frames()[1];
    if (withAgent) await frame.evaluate(() => seismo('stop'));
    const answers = await frame.evaluate(() => harm.probe());
    const { patched } = (await page.evaluate(() => end()))[name];
    await page.context().close();
    return { answers, patched, told: [] };
  };
  for (const name of ['a patch after', 'functions frozen']) {
    assert.deepEqual(compare(await answersOf(name, false), await answersOf(name, true)), [], name);
  }
});

test('and tells of it wherever anything can be told', async () => {
  const silent = [];
  await Promise.all(names.filter((one) => !mute.includes(one)).map((name) => stage.own(`k ${name}`, 'probe').catch(() => silent.push(name))));
  if (silent.length) assert.fail(silent.join('\n'));
  await stage.event('k untouched', (one) => one.kind === 'click');
});
