// The inline stub, for those who want nothing lost before the script has come: it keeps commands, errors, rejections and clicks, at most 100.
// npm run build makes dist/stub.js of it, which docs/agent.md shows.
!(function (page) {
  const stub = (page.seismo = page.seismo || function () { keep(arguments); });
  const keep = (one) => stub.q.length < 100 && stub.q.push(one);
  stub.q = [];
  for (const type of ["error", "unhandledrejection", "click"]) addEventListener(type, (event) => page.seismo === stub && keep(["early", event]), true);
})(window);
