// Firefox (Debian's firefox-esr, or SEISMO_FIREFOX) by WebDriver BiDi, its own protocol: no driver stands between.
//
//   const firefox = await openFirefox();
//   const tab = await firefox.open();          a visitor of its own: storage and cache are nobody else's
//   await tab.go(url);                          until the load event
//   await tab.run((a) => ..., a);               in the page; gives what JSON can carry
//   await tab.click('#x');                      as a person does, trusted
//   tab.told                                    the console's lines, errors and rejections: [{ level, text }]
//   await tab.close();  await firefox.close();
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket from 'ws';
import { until } from './seismo.mjs';

const ANSWER_MS = 60000;

export async function openFirefox() {
  const profile = mkdtempSync(join(tmpdir(), 'seismo-firefox-'));
  const child = spawn(process.env.SEISMO_FIREFOX ?? 'firefox-esr', ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data) => (said += data));
  child.on('error', (error) => (said += error));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const close = async (line) => {
    await line?.send('browser.close').catch(() => {});
    const late = setTimeout(() => child.kill('SIGKILL'), 10000);
    await ended;
    clearTimeout(late);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const address = await until(`Firefox: ${said}`, () => /WebDriver BiDi listening on (ws:\S+)/.exec(said)?.[1], { within: ANSWER_MS });
    const line = await openLine(`${address}/session`);
    await line.send('session.new', { capabilities: {} });
    await line.send('session.subscribe', { events: ['log.entryAdded'] });
    return { open: () => openTab(line), close: () => close(line) };
  } catch (error) {
    child.kill('SIGKILL');
    await close();
    throw error;
  }
}

/** Commands and their answers over one socket; `on` takes events. */
async function openLine(address) {
  const socket = new WebSocket(address);
  const waiting = new Map();
  const listeners = [];
  let last = 0;
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.on('message', (data) => {
    const message = JSON.parse(data);
    if (message.type === 'event') return listeners.forEach((listener) => listener(message));
    const { resolve, reject } = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.type === 'success') resolve(message.result);
    else reject(new Error(`${message.error}: ${message.message}`));
  });
  socket.on('close', () => waiting.forEach(({ reject }) => reject(new Error('Firefox is gone'))));
  return {
    on: (listener) => listeners.push(listener),
    send: (method, params = {}) => new Promise((resolve, reject) => {
      if (socket.readyState !== WebSocket.OPEN) return reject(new Error('Firefox is gone'));
      waiting.set(++last, { resolve, reject });
      socket.send(JSON.stringify({ id: last, method, params }));
    }),
  };
}

async function openTab(line) {
  const { userContext } = await line.send('browser.createUserContext');
  const { context } = await line.send('browsingContext.create', { type: 'tab', userContext });
  const told = [];
  line.on(({ method, params }) => method === 'log.entryAdded' && params.source.context === context && told.push({ level: params.level, text: params.text }));
  const evaluate = async (expression) => {
    const answer = await line.send('script.evaluate', { expression, target: { context }, awaitPromise: true, resultOwnership: 'none' });
    if (answer.type === 'exception') throw new Error(answer.exceptionDetails.text);
    return answer.result;
  };
  return {
    told,
    go: (url) => line.send('browsingContext.navigate', { context, url, wait: 'complete' }),
    async run(work, ...args) {
      const { value } = await evaluate(`(async () => JSON.stringify(await (${work})(...${JSON.stringify(args)})))()`);
      return value === undefined ? undefined : JSON.parse(value);
    },
    async click(selector) {
      const { sharedId } = await evaluate(`document.querySelector(${JSON.stringify(selector)})`);
      const origin = { type: 'element', element: { sharedId } };
      await line.send('input.performActions', {
        context,
        actions: [{ type: 'pointer', id: 'mouse', actions: [{ type: 'pointerMove', x: 0, y: 0, origin }, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }] }],
      });
    },
    close: () => line.send('browsingContext.close', { context }),
  };
}
