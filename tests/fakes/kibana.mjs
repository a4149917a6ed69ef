// Stands in for Kibana at the import's protocol only: status, _bulk_get and _import of saved objects, as Kibana 8.12 answers them. It keeps
// what is imported and draws nothing: whether the objects are right, only a real Kibana can say (tests/kibana/draw).
import http from 'node:http';

const read = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
};

// The one file of a multipart body.
function fileOf(body, type) {
  const boundary = /boundary=(\S+)/.exec(type)?.[1];
  const [, part] = body.split(`--${boundary}\r\n`), [head, ...rest] = part.split('\r\n\r\n');
  if (!/name="file"; filename="[^"]+\.ndjson"/.test(head)) throw new Error(`no file of saved objects: ${head}`);
  return rest.join('\r\n\r\n').split(`\r\n--${boundary}--`)[0];
}

// { url, objects: per space a Map from "type:id" to the object, calls, answer: put a function(request, body) there to answer [status, body, type] otherwise, close() }
export async function openKibana({ version = '8.12.2', authorization = null } = {}) {
  const kibana = { objects: new Map(), calls: [], answer: () => null };
  const spaceOf = (name) => kibana.objects.get(name) ?? kibana.objects.set(name, new Map()).get(name);

  const handle = (request, body) => {
    const [, space = 'default', path] = /^(?:\/s\/([^/]+))?(\/api\/.*)$/.exec(request.url) ?? [];
    const objects = spaceOf(space);
    if (authorization && request.headers.authorization !== authorization) return [401, { statusCode: 401, error: 'Unauthorized', message: 'Unauthorized' }];
    if (request.method !== 'GET' && !request.headers['kbn-xsrf']) return [400, { statusCode: 400, error: 'Bad Request', message: 'Request must contain a kbn-xsrf header.' }];
    if (path === '/api/status') return [200, { name: 'kibana', version: { number: version }, status: { overall: { level: 'available' } } }];
    if (path === '/api/saved_objects/_bulk_get')
      return [200, { saved_objects: JSON.parse(body).map(({ type, id }) => objects.get(`${type}:${id}`)
        ?? { type, id, error: { statusCode: 404, error: 'Not Found', message: `Saved object [${type}/${id}] not found` } }) }];
    if (path === '/api/saved_objects/_import?overwrite=true') {
      const all = fileOf(body, request.headers['content-type']).split('\n').filter(Boolean).map((line) => JSON.parse(line));
      for (const one of all) objects.set(`${one.type}:${one.id}`, one);
      return [200, { successCount: all.length, success: true, warnings: [], successResults: all.map(({ type, id }) => ({ type, id, overwrite: true })) }];
    }
    return [404, { statusCode: 404, error: 'Not Found', message: 'Not Found' }];
  };

  const server = http.createServer(async (request, response) => {
    const body = await read(request);
    kibana.calls.push(`${request.method} ${request.url}`);
    const [status, answer, type = 'application/json'] = kibana.answer(request, body) ?? handle(request, body);
    response.writeHead(status, { 'content-type': type });
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  kibana.url = `http://127.0.0.1:${server.address().port}`;
  kibana.close = () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); });
  return kibana;
}
