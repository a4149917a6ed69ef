// Hostile worlds, as a classic script of a page: harm.worlds maps a name to what is done to the page before the agent comes.
// A world that says `mute` is one in which nothing can be sent; in all others something must arrive. In a `thorough` one more is tried.
'use strict';
var harm = { worlds: {} };

(() => {
  const define = Object.defineProperty;
  const describe = Object.getOwnPropertyDescriptor;
  const own = Object.prototype.hasOwnProperty;

  /* [owner, name] of a path such as History.prototype.pushState. The owner is the object that holds it. */
  function find(path) {
    const names = path.split('.');
    const name = names.pop();
    let owner = names.reduce((object, next) => object && object[next], window);
    while (owner && !own.call(owner, name) && Object.getPrototypeOf(owner)) owner = Object.getPrototypeOf(owner);
    return [owner, name];
  }
  const put = (path, descriptor) => {
    const [owner, name] = find(path);
    if (owner && (describe(owner, name) || { configurable: true }).configurable) define(owner, name, { configurable: true, enumerable: true, ...descriptor });
  };
  const WAYS = {
    missing: (path) => put(path, { value: undefined, writable: true }),
    'throwing when used': (path) => put(path, { value: function () { throw new TypeError('sabotaged use'); }, writable: true }),
    'throwing when read': (path) => put(path, { get() { throw new TypeError('sabotaged read'); }, set() {} }),
  };

  const FUNCTIONS = `fetch XMLHttpRequest Request Response Blob URL TextEncoder CompressionStream PerformanceObserver MutationObserver ReportingObserver Promise
    WeakMap WeakRef Map Set Proxy Image Element Node getComputedStyle requestAnimationFrame requestIdleCallback`.split(/\s+/);
  const OBJECTS = 'localStorage sessionStorage crypto performance history navigation navigator Reflect CSS console PerformanceEventTiming HTMLLabelElement'.split(' ');
  const MEMBERS = `crypto.randomUUID crypto.getRandomValues Navigator.prototype.sendBeacon History.prototype.pushState Performance.prototype.now
    Performance.prototype.getEntriesByType PerformanceObserver.supportedEntryTypes PerformanceObserver.prototype.observe MutationObserver.prototype.observe
    Storage.prototype.getItem Storage.prototype.setItem TextEncoder.prototype.encode XMLHttpRequest.prototype.open XMLHttpRequest.prototype.send
    EventTarget.prototype.addEventListener Element.prototype.closest Element.prototype.getAttribute Event.prototype.composedPath Document.prototype.referrer
    Document.prototype.title Document.prototype.hidden Document.prototype.currentScript Node.prototype.baseURI CSS.escape Array.from Object.entries
    Object.assign JSON.stringify JSON.parse Math.random Date.now`.split(/\s+/);
  /* Without these no event can be made, or none be handed over by a frame that is taken away. */
  const MUTE = /^(?:performance|Performance\.prototype\.now|Math\.random|JSON\.stringify|URL|TextEncoder|TextEncoder\.prototype\.encode|Date\.now|Array\.from|Object\.assign|Object\.entries|navigator|fetch|EventTarget\.prototype\.addEventListener|Element\.prototype\.getAttribute|Document\.prototype\.currentScript)$/;

  const THOROUGH = ['untouched', 'functions frozen', 'fetch of a library', 'XMLHttpRequest that inherits', 'promises of a library', 'Object.prototype with more members', 'a patch before', 'a patch after'];
  const add = (name, make, mute = false) => { harm.worlds[name] = { make, mute, thorough: THOROUGH.includes(name) }; };
  for (const path of FUNCTIONS) for (const way of ['missing', 'throwing when used']) add(`${path} ${way}`, () => WAYS[way](path), MUTE.test(path));
  for (const path of OBJECTS) for (const way of ['missing', 'throwing when read']) add(`${path} ${way}`, () => WAYS[way](path), MUTE.test(path));
  for (const path of MEMBERS) for (const way of ['missing', 'throwing when used']) add(`${path} ${way}`, () => WAYS[way](path), MUTE.test(path));

  add('untouched', () => {});
  add('fetch and sendBeacon missing', () => ['fetch', 'Navigator.prototype.sendBeacon'].forEach(WAYS.missing), true);
  add('Prototype.js', () => {
    const { stringify } = JSON;
    Array.prototype.toJSON = function () { return '[' + [].map.call(this, (one) => stringify(one)).join(', ') + ']'; };
    String.prototype.toJSON = function () { return `"${this}"`; };
    Array.prototype.each = Array.prototype.forEach;
    Array.prototype.first = function () { return this[0]; };
  });
  add('names clobbered', () => document.write('<form name="body"><input name="getAttribute"><input name="closest"><input name="matches"><input name="id"><input name="localName"><input name="parentElement"><input name="getRootNode"><button id="inner" type="button">in a form</button></form><img name="currentScript"><img name="querySelector"><img name="title"><a id="fetch"></a><a id="navigation"></a>'));
  add('storage full', () => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; });
  add('storage hostile', () => { Storage.prototype.getItem = () => ({ toString() { throw new Error('sabotaged value'); } }); });
  add('storage holds rubbish', () => { for (const key of ['seismo', 'seismo.q', 'seismo.session']) localStorage.setItem(key, '{"a":[\u0000'); });
  add('Object.prototype with more members', () => { Object.prototype.each = function () {}; Object.prototype.secret = 'polluted'; });
  add('Object.prototype with names of the wire', () => { for (const name of ['view', 'key', 'page', 'user', 'count', 'flags']) Object.prototype[name] = 'polluted'; });
  add('Array.prototype with more members', () => { Array.prototype.last = function () { return this[this.length - 1]; }; Array.prototype.extra = 'polluted'; });
  add('functions frozen', () => [fetch, XMLHttpRequest, XMLHttpRequest.prototype, History.prototype, history, Navigator.prototype, console].forEach(Object.freeze));
  add('functions fixed', () => [[window, 'fetch'], [History.prototype, 'pushState'], [XMLHttpRequest.prototype, 'send']].forEach(([owner, name]) => define(owner, name, { value: owner[name], writable: false, configurable: false })));
  add('intrinsics frozen', () => [Object, Array, String, Function, Promise, Error, RegExp, Map, Set, WeakMap, Date].forEach((one) => { Object.freeze(one); Object.freeze(one.prototype); }));
  add('fetch that answers nothing', () => { window.fetch = () => undefined; }, true);
  add('fetch that is no promise', () => { window.fetch = () => ({ then: 5, get status() { throw new Error('sabotaged status'); } }); }, true);
  add('fetch of a library', () => { const native = window.fetch; window.fetch = function fetch(input, init) { return native.call(window, input, init).then((answer) => answer); }; });
  add('fetch of a class', () => { const native = window.fetch; window.fetch = class { constructor() { return native(...arguments); } }; }, true);
  add('XMLHttpRequest of a library', () => { window.XMLHttpRequest = function () { this.open = () => {}; this.send = () => this.onloadend && this.onloadend(); this.getAllResponseHeaders = () => ''; }; });
  add('XMLHttpRequest that inherits', () => { const Native = XMLHttpRequest; window.XMLHttpRequest = class extends Native { open(...rest) { return super.open(...rest); } send(...rest) { return super.send(...rest); } }; });
  add('promises of a library', () => { window.Promise = class ZonePromise extends Promise {}; });
  add('clocks that stand', () => { Date.now = () => 0; Performance.prototype.now = () => 0; });
  add('clocks that say nothing', () => { Date.now = () => NaN; Performance.prototype.now = () => undefined; });
  add('timers that never end', () => { window.setTimeout = () => 7; window.setInterval = () => 7; });
  add('timers that throw', () => { window.setTimeout = window.setInterval = window.clearTimeout = () => { throw new Error('sabotaged timer'); }; }, true);
  add('seismo is an element', () => { document.write('<form id="seismo"><input name="q"></form>'); });
  add('seismo is a number', () => { window.seismo = 7; });
  add('seismo with a queue of rubbish', () => { window.seismo = () => {}; window.seismo.q = [null, 5, 'x', [], { length: 1e9 }, ['event'], ['event', Symbol('s')]]; });
  add('seismo cannot be set', () => define(window, 'seismo', { value: undefined, writable: false, configurable: false }), true);
  add('seismo throws', () => define(window, 'seismo', { get() { throw new Error('sabotaged seismo'); } }), true);
  add('errors without a stack', () => { Error.stackTraceLimit = 0; });
  add('stacks that throw', () => { Error.prepareStackTrace = () => { throw new Error('sabotaged stack'); }; });
  add('onerror that says yes', () => { window.onerror = () => true; });
  add('clicks swallowed', () => window.addEventListener('click', (event) => event.stopImmediatePropagation(), true));
  add('a patch before', () => harm.patch());
  add('a patch after', () => { harm.later = () => harm.patch(); });

  /* As any other agent does it: plain functions around what is there. */
  harm.patched = 0;
  harm.patch = () => {
    for (const [owner, name] of [[window, 'fetch'], [XMLHttpRequest.prototype, 'open'], [XMLHttpRequest.prototype, 'send'], [history, 'pushState']]) {
      const before = owner[name];
      owner[name] = function (...rest) { harm.patched++; return before.apply(this, rest); };
    }
  };
})();
