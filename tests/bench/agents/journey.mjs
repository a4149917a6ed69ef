// The journey: one page of a shop, 21 calls, 20 clicks, 4 routes, 3 errors and a word on the console, a pause, and away. Whatever is to be
// found in what an agent sent has a name of its own.

export const secrets = { token: 's3cr3t-t0ken-17', mail: 'jane.doe@mail.example', card: '4111111111111111', jwt: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxNyJ9.c2lnbmF0dXJlMTc' };
export const names = {
  clicks: [...Array.from({ length: 10 }, (_, i) => `Plain ${String.fromCharCode(65 + i)}`), 'Nothing', 'Slow', ...Array.from({ length: 4 }, (_, i) => `Go ${i + 1}`)],
  calls: Array.from({ length: 21 }, (_, i) => `call-${String(i + 1).padStart(2, '0')}`),
  routes: Array.from({ length: 4 }, (_, i) => `/route-${i + 1}`),
  errors: ['first boom', 'second boom', 'rejected boom', 'console boom'],
};

const { clicks, calls, routes } = names;

export const html = (collector, script) => `<!doctype html><html lang="en"><title>Bench</title><body>
<h1>A page with some words on it</h1><div id="shift"></div>
${clicks.slice(0, 10).map((name, i) => `<button class="plain" data-i="${i}">${name}</button>`).join('\n')}
<button id="dead">Nothing</button><button id="slow">Slow</button><button id="fail">Pay for ${secrets.mail}</button>
<nav>${routes.map((route, i) => `<a href="${route}">Go ${i + 1}</a>`).join(' ')}</nav><main></main>
<script>window.benchCollector = ${JSON.stringify(collector)};</script>${script}
<script>
const get = (name, more = '') => fetch('/api/' + name + more).then((answer) => answer.text()).catch(() => {});
for (const button of document.querySelectorAll('.plain')) button.onclick = () => { button.dataset.n = 1; return get(${JSON.stringify(calls)}[+button.dataset.i], '?token=${secrets.token}'); };
document.querySelector('#slow').onclick = (event) => { for (const until = performance.now() + 150; performance.now() < until;); event.target.dataset.n = 1; };
document.querySelector('#fail').onclick = () => { throw new Error('first boom for ${secrets.mail} with ${secrets.card}'); };
for (const link of document.querySelectorAll('a')) link.onclick = (event) => {
  event.preventDefault();
  history.pushState({}, '', link.getAttribute('href') + '?session=${secrets.token}&mail=${secrets.mail}');
  const i = [...document.querySelectorAll('a')].indexOf(link);
  document.querySelector('main').textContent = 'Now at ' + (i + 1);
  get(${JSON.stringify(calls)}[10 + i]);
};
window.rest = async () => {
  for (let i = 14; i < 20; i++) await get(${JSON.stringify(calls)}[i], i === 14 ? '?status=500' : i === 15 ? '?status=404' : '?jwt=${secrets.jwt}');
  await new Promise((done) => { const one = new XMLHttpRequest(); one.open('GET', '/api/${calls[20]}?token=${secrets.token}'); one.onloadend = done; one.send(); });
  setTimeout(() => { throw new TypeError('second boom at /x?token=${secrets.token}'); });
  Promise.reject(new RangeError('rejected boom'));
  console.error('console boom');
};
</script>`;

/** Goes it, to the moment before the page is left. */
export async function go(page, pause_ms) {
  for (const name of clicks.slice(0, 10)) await page.getByRole('button', { name, exact: true }).click();
  await page.click('#dead', { clickCount: 4, delay: 20 });
  for (let i = 0; i < 2; i++) await page.click('#slow');
  for (let i = 1; i <= 4; i++) {
    await page.getByRole('link', { name: `Go ${i}`, exact: true }).click();
    await page.waitForTimeout(300);
  }
  await page.click('#fail');
  await page.evaluate(() => window.rest());
  await page.waitForTimeout(pause_ms);
}
