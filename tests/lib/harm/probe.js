// What a page does with its browser, told as texts: with and without the agent the answers must be the same.
'use strict';
(() => {
  /* Before the world turns hostile. */
  const { setTimeout, FormData, AbortController, String: text, Error, Request, URL } = window;
  const { freeze, keys, getOwnPropertyDescriptor, getPrototypeOf } = Object;
  const { join, map, push } = Array.prototype;
  const list = (array) => join.call(map.call(array, (one) => text(one)), '|');
  const wait = (ms) => new (getPrototypeOf((async () => {})()).constructor)((resolve) => setTimeout.call(window, resolve, ms));
  const told = (harm.told = []);
  const tell = (kind, what) => push.call(told, `${kind} ${what}`);
  const named = (error) => { try { return `${error && error.name}: ${error && error.message}`; } catch { return 'unspeakable'; } };

  const listen = EventTarget.prototype.addEventListener;
  listen.call(window, 'error', (event) => tell('error', event.message), true);
  listen.call(window, 'unhandledrejection', (event) => tell('rejection', named(event.reason)), true);
  listen.call(document, 'securitypolicyviolation', (event) => tell('violation', event.violatedDirective), true);
  for (const level of ['log', 'info', 'debug', 'warn', 'error', 'trace', 'assert', 'table', 'dir', 'group']) {
    console[level] = (...rest) => tell(`console.${level}`, list(rest));
  }

  const STEPS = {
    fetch: async () => (await fetch('/api/echo')).text(),
    'fetch of a Request': async () => (await fetch(new Request('/api/echo', { method: 'POST', body: 'body' }))).text(),
    'fetch without address': async () => fetch().then(() => 'came', named),
    'fetch that nobody waits for': () => { fetch('http://['); },
    'fetch, its shape': () => list([fetch.name, fetch.length, 'prototype' in fetch, keys(fetch).length, shape(window, 'fetch'), fetch === window.fetch, typeof fetch]),
    xhr: () => call('GET', '/api/echo'),
    'xhr without patience': () => { const xhr = new XMLHttpRequest(); xhr.open('GET', '/api/echo', false); xhr.send(); return `${xhr.status} ${xhr.responseText}`; },
    'xhr unopened': () => new XMLHttpRequest().send(),
    'xhr, its shape': () => list(['open', 'send'].map((name) => { const one = XMLHttpRequest.prototype[name]; return list([one.name, one.length, shape(XMLHttpRequest.prototype, name)]); })),
    history: () => { history.pushState({ a: 1 }, '', '/step?x=1'); const told = [location.pathname, history.state.a]; history.replaceState(null, '', '/case2'); return list([...told, location.pathname, history.state]); },
    'history, its errors': () => history.pushState(() => 1, ''),
    'history, its shape': () => list(['pushState', 'replaceState'].map((name) => list([history[name].name, history[name].length, shape(History.prototype, name)]))),
    storage: () => { localStorage.setItem('page', 'own'); return localStorage.getItem('page'); },
    json: () => JSON.stringify({ a: [1, 'x', { b: null }] }),
    loops: () => { const names = []; for (const name in []) names[names.length] = name; for (const name in {}) names[names.length] = name; return list(names); },
    globals: () => list(keys(window).filter((name) => name !== 'seismo').sort()),
    promise: async () => { const order = []; Promise.resolve().then(() => (order[order.length] = 'then')); queueMicrotask(() => (order[order.length] = 'microtask')); await null; await null; return list(order); },
    'click of a script': () => { let heard = 0; harm.button.addEventListener('click', (event) => (heard += 1 + event.isTrusted)); harm.button.click(); return heard; },
    errors: async () => {
      const seen = [];
      const hostile = [new Proxy({}, { get() { throw new Error('hostile'); }, getPrototypeOf() { throw new Error('hostile'); }, ownKeys() { throw new Error('hostile'); } }), undefined, Object.create(null)];
      for (const one of hostile) setTimeout.call(window, () => { throw one; });
      for (const one of hostile) (async () => { throw one; })();
      await wait(20);
      return list(seen);
    },
    'a stray console': () => { console.error('of the page', { toString() { return 'object'; } }); return 'told'; },
  };

  /* What takes longer, in the worlds that say `thorough`. */
  const own = async (answer) => (await answer).text();
  const elsewhere = location.origin.replace('127.0.0.1', 'localhost');
  const THOROUGH = {
    'fetch aborted': async () => { const stop = new AbortController(); const call = fetch('/api/drip', { signal: stop.signal }); stop.abort(); return call.then(() => 'came', named); },
    'fetch as constructor': () => { const made = new fetch('/api/echo'); if (made.catch) made.catch(() => {}); return made.constructor.name; },
    'xhr aborted': () => call('GET', '/api/drip', null, (xhr) => xhr.abort()),
    beacon: () => navigator.sendBeacon('/api/echo', 'x'),
    'fetch of a URL': async () => (await fetch(new URL('/api/echo', location.href), { method: 'PUT', body: new Uint8Array([65, 66]) })).text(),
    'fetch of a form': async () => { const form = new FormData(); form.append('a', 'b'); const told = await (await fetch('/api/echo', { method: 'POST', body: form })).text(); return /^POST [^]*name="a"[^]*\nb\r/.test(told); },
    'fetch in parts': async () => { let bytes = 0; for (let reader = (await fetch('/api/drip')).body.getReader(), one; !(one = await reader.read()).done;) bytes += one.value.length; return bytes; },
    'fetch of a stream': async () => { const body = new ReadableStream({ start(to) { to.enqueue(new Uint8Array([67])); to.close(); } }); const request = new Request('/api/echo', { method: 'POST', body, duplex: 'half' }); return `${request.bodyUsed} ${(await new Response(request.body).text())}`; },
    'fetch refused': async () => fetch('http://[').then(() => 'came', named),
    'fetch on another object': () => fetch.call({}, '/api/echo').then(() => 'came', named),
    'xhr of a form': () => call('POST', '/api/404', 'a=b'),
    'xhr on another object': () => XMLHttpRequest.prototype.open.call({}, 'GET', '/'),
    'functions look native': () => harm.query.get('world') === 'untouched' && list([fetch, XMLHttpRequest.prototype.open, history.pushState].map((one) => /\[native code\]/.test(one))),
    'headers of an object': () => own(fetch('/api/headers', { headers: { 'X-Own': '1' } })),
    'headers of a list': () => own(fetch('/api/headers', { headers: [['x-own', '1'], ['x-own', '2']] })),
    'headers of Headers': () => own(fetch('/api/headers', { method: 'POST', body: 'a', headers: new Headers({ 'x-own': '3', 'content-type': 'x/y' }) })),
    'headers of a Request': () => own(fetch(new Request('/api/headers', { method: 'POST', body: 'a', headers: { 'x-own': '4' } }))),
    'headers of a Request and more': () => own(fetch(new Request('/api/headers', { headers: { 'x-own': '5', 'x-other': '6' } }), { headers: { 'x-own': '7' } })),
    'headers of a Request, its own kept': () => own(fetch(new Request('/api/headers', { headers: { 'x-own': '8' } }), { cache: 'no-cache' })),
    'headers that are inherited': () => own(fetch('/api/headers', Object.create({ method: 'PUT', body: 'b', headers: { 'x-own': '9' } }))),
    'headers of the page for tracing': () => own(fetch('/api/headers', { headers: { traceparent: '00-page' } })),
    'headers, none wanted': () => own(fetch('/api/headers', undefined)),
    'headers of null': () => own(fetch('/api/headers', null)),
    'an init that nobody may write to': async () => { const init = freeze({ method: 'POST', body: 'c', headers: freeze({ 'x-own': '10' }) }); const told = await own(fetch('/api/headers', init)); return list([told, keys(init), keys(init.headers)]); },
    'a Request is used up once': async () => { const request = new Request('/api/headers', { method: 'POST', body: 'd' }); const told = await own(fetch(request)); return list([told, request.bodyUsed, await own(fetch(request)).catch(named)]); },
    'another origin': () => own(fetch(`${elsewhere}/api/headers`, { method: 'POST', body: 'e' })),
    'another origin, which allows nothing': () => fetch(`${elsewhere}/api/headers`, { headers: { 'x-own': '11' } }).then(own, named),
    'another origin, by a redirect': () => own(fetch(`/api/away?to=${encodeURIComponent(`${elsewhere}/api/headers`)}`)),
    'xhr, its headers': () => call('POST', '/api/headers', 'f', null, (xhr) => xhr.setRequestHeader('x-own', '12')),
    'xhr, its own trace': () => call('GET', '/api/headers', null, null, (xhr) => xhr.setRequestHeader('traceparent', '00-page')),
    'xhr to another origin': () => call('POST', `${elsewhere}/api/headers`, 'g'),
    'xhr used twice': async () => { const xhr = new XMLHttpRequest(); const told = []; for (const address of ['/api/echo', '/api/404']) { xhr.open('GET', address); xhr.send(); await until(xhr); told[told.length] = xhr.status; } return list(told); },
    'xhr opened again as it ends': async () => { const xhr = new XMLHttpRequest(); let again = 0; xhr.onload = () => { if (again++) return; xhr.open('GET', '/api/404'); xhr.send(); }; xhr.open('GET', '/api/echo'); xhr.send(); for (let i = 0; i < 300 && again < 2; i++) await wait(10); return `${again} ${xhr.status}`; },
  };

  function shape(owner, name) {
    const one = getOwnPropertyDescriptor(owner, name) || {};
    return list([one.writable, one.enumerable, one.configurable]);
  }

  const until = (xhr) => new (getPrototypeOf((async () => {})()).constructor)((resolve) => { xhr.onloadend = (event) => resolve(event ? event.type : ''); });
  const call = async (method, address, body, then, opened) => {
    const xhr = new XMLHttpRequest();
    const seen = [];
    xhr.onreadystatechange = () => (seen[seen.length] = xhr.readyState);
    const over = until(xhr);
    xhr.open(method, address);
    if (opened) opened(xhr);
    xhr.send(body);
    if (then) then(xhr);
    return list([await over, xhr.status, xhr.responseText, ...seen]);
  };

  /** { step: told }; a step that does not end within five seconds "hangs". */
  harm.probe = async () => {
    const answers = {};
    await 0;
    const steps = harm.world.thorough ? { ...STEPS, ...THOROUGH } : STEPS;
    for (const name of keys(steps)) {
      let over = false;
      const step = (async () => { try { answers[name] = text(await steps[name]()); } catch (error) { answers[name] = `threw ${named(error)}`; } over = true; })();
      for (let i = 0; i < 500 && !over; i++) await (i < 20 ? 0 : wait(10));
      if (!over) answers[name] = 'hangs';
      void step;
    }
    return answers;
  };
  harm.wait = wait;
})();
