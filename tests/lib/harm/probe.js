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
    'fetch of a URL': async () => (await fetch(new URL('/api/echo', location.href), { method: 'PUT', body: new Uint8Array([65, 66]) })).text(),
    'fetch of a form': async () => { const form = new FormData(); form.append('a', 'b'); const told = await (await fetch('/api/echo', { method: 'POST', body: form })).text(); return told.length; },
    'fetch in parts': async () => { let bytes = 0; for (let reader = (await fetch('/api/drip')).body.getReader(), one; !(one = await reader.read()).done;) bytes += one.value.length; return bytes; },
    'fetch of a stream': async () => { const body = new ReadableStream({ start(to) { to.enqueue(new Uint8Array([67])); to.close(); } }); const request = new Request('/api/echo', { method: 'POST', body, duplex: 'half' }); return `${request.bodyUsed} ${(await new Response(request.body).text())}`; },
    'fetch aborted': async () => { const stop = new AbortController(); const call = fetch('/api/drip', { signal: stop.signal }); stop.abort(); return call.then(() => 'came', named); },
    'fetch refused': async () => fetch('http://[').then(() => 'came', named),
    'fetch without address': async () => fetch().then(() => 'came', named),
    'fetch on another object': () => fetch.call({}, '/api/echo').then(() => 'came', named),
    'fetch as constructor': () => { const made = new fetch('/api/echo'); if (made.catch) made.catch(() => {}); return made.constructor.name; },
    'fetch, its shape': () => list([fetch.name, fetch.length, 'prototype' in fetch, keys(fetch).length, shape(window, 'fetch'), fetch === window.fetch, typeof fetch]),
    xhr: () => call('GET', '/api/echo'),
    'xhr of a form': () => call('POST', '/api/404', 'a=b'),
    'xhr without patience': () => { const xhr = new XMLHttpRequest(); xhr.open('GET', '/api/echo', false); xhr.send(); return `${xhr.status} ${xhr.responseText}`; },
    'xhr aborted': () => call('GET', '/api/drip', null, (xhr) => xhr.abort()),
    'xhr unopened': () => new XMLHttpRequest().send(),
    'xhr on another object': () => XMLHttpRequest.prototype.open.call({}, 'GET', '/'),
    'xhr, its shape': () => list(['open', 'send'].map((name) => { const one = XMLHttpRequest.prototype[name]; return list([one.name, one.length, shape(XMLHttpRequest.prototype, name)]); })),
    history: () => { history.pushState({ a: 1 }, '', '/step?x=1'); const told = [location.pathname, history.state.a]; history.replaceState(null, '', '/case2'); return list([...told, location.pathname, history.state]); },
    'history, its errors': () => history.pushState(() => 1, ''),
    'history, its shape': () => list(['pushState', 'replaceState'].map((name) => list([history[name].name, history[name].length, shape(History.prototype, name)]))),
    /* Some pages look whether a function is the browser's own. A patch of the page's that looks so too does no harm. */
    'functions look native': () => harm.query.get('world') === 'untouched' && list([fetch, XMLHttpRequest.prototype.open, history.pushState].map((one) => /\[native code\]/.test(one))),
    beacon: () => navigator.sendBeacon('/api/echo', 'x'),
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

  function shape(owner, name) {
    const one = getOwnPropertyDescriptor(owner, name) || {};
    return list([one.writable, one.enumerable, one.configurable]);
  }

  const call = async (method, address, body, then) => {
    const xhr = new XMLHttpRequest();
    const seen = [];
    xhr.onreadystatechange = () => (seen[seen.length] = xhr.readyState);
    const over = new (getPrototypeOf((async () => {})()).constructor)((resolve) => { xhr.onloadend = (event) => resolve(event ? event.type : ''); });
    xhr.open(method, address);
    xhr.send(body);
    if (then) then(xhr);
    return list([await over, xhr.status, xhr.responseText, ...seen]);
  };

  /** { step: told }; a step that does not end within five seconds "hangs". */
  harm.probe = async () => {
    const answers = {};
    await 0;
    for (const name of keys(STEPS)) {
      let over = false;
      const step = (async () => { try { answers[name] = text(await STEPS[name]()); } catch (error) { answers[name] = `threw ${named(error)}`; } over = true; })();
      for (let i = 0; i < 500 && !over; i++) await (i < 20 ? 0 : wait(10));
      if (!over) answers[name] = 'hangs';
      void step;
    }
    return answers;
  };
  harm.wait = wait;
  freeze(STEPS);
})();
