// A way to a real Elasticsearch that fails as told. Modes:
//   open      all passes
//   refusing  connections are cut at once
//   silent    they are taken and never answered
//   busy      writing is answered with 429 and Retry-After: 1
//   page      writing is answered with 200 and a proxy's page
//   lost      writing passes, and its answer is cut off on the way back
import http from 'node:http';

export function elasticDoor(address) {
  const { hostname, port } = new URL(address);
  const onward = new http.Agent({ keepAlive: true });
  const sockets = new Set();
  const met = {}; // how many writing requests each mode has met
  let mode = 'open';

  function pass(request, response, cut) {
    const next = http.request({ agent: onward, hostname, port, method: request.method, path: request.url, headers: { ...request.headers, host: `${hostname}:${port}` } }, (answer) => {
      if (cut) {
        answer.resume();
        answer.on('end', () => response.socket?.destroy());
        return;
      }
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    next.on('error', () => response.socket?.destroy());
    request.pipe(next);
  }

  const server = http.createServer((request, response) => {
    const writes = request.url.includes('/_bulk');
    if (writes) met[mode] = (met[mode] ?? 0) + 1;
    if (mode === 'refusing') return void request.socket.destroy();
    if (mode === 'silent') return void request.resume();
    if (writes && (mode === 'busy' || mode === 'page')) {
      request.resume();
      request.on('end', () => {
        response.writeHead(mode === 'busy' ? 429 : 200, mode === 'busy' ? { 'retry-after': '1' } : { 'content-type': 'text/html' });
        response.end(mode === 'busy' ? '{"error":{"type":"es_rejected_execution_exception"},"status":429}' : '<html><title>Welcome</title></html>');
      });
      return;
    }
    pass(request, response, writes && mode === 'lost');
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    if (mode === 'refusing') socket.destroy();
  });
  const set = (next) => {
    mode = next;
    if (next === 'refusing' || next === 'silent') for (const socket of sockets) socket.destroy();
  };
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({
    url: `http://127.0.0.1:${server.address().port}`,
    set,
    met,
    close: () => {
      onward.destroy();
      for (const socket of sockets) socket.destroy();
      return new Promise((done) => server.close(done));
    },
  })));
}
