// The shop's own API. `slow` is the one piece of state: while it is on, checkout takes 1.2 to 1.8 s
// instead of 40 to 90 ms.
import { products } from "./products.mjs";

const BODY_BYTES = 16384;
let slow = false;
let orders = 1000;

/** Answers a call under /api/. */
export async function answerApi(request, response, path) {
  const route = `${request.method} ${path.replace(/\d+$/, ":id")}`;
  const handle = routes[route];
  if (!handle) return reply(response, 404, { error: "no such call" });
  const body = await readJson(request);
  if (!body) return reply(response, 400, { error: "the body is no JSON object or too long" });
  const [status, answer] = await handle(Number(path.split("/").pop()), body);
  return reply(response, status, answer);
}

const routes = {
  "GET /api/products": async () => {
    await pause(15, 40);
    return [200, products];
  },
  "GET /api/products/:id": async (id) => {
    await pause(10, 30);
    const product = products.find((one) => one.id === id);
    return product ? [200, product] : [404, { error: "no such product" }];
  },
  "GET /api/stock/:id": async (id) => {
    await pause(8, 25);
    return [200, { id, left: 3 + ((id * 7) % 20) }];
  },
  "POST /api/cart": async (_id, { product }) => {
    await pause(20, 50);
    return products.some((one) => one.id === product) ? [200, { product, added: 1 }] : [404, { error: "no such product" }];
  },
  "POST /api/checkout": async () => {
    await (slow ? pause(1200, 1800) : pause(40, 90));
    return [200, { order: ++orders }];
  },
  "POST /api/report": async () => {
    await pause(1450, 1550);
    return [200, { rows: 40000 }];
  },
  "POST /api/voucher": async () => {
    await pause(20, 40);
    return [500, { error: "the voucher service fell over" }];
  },
  "GET /api/admin/slow": async () => [200, { on: slow }],
  "POST /api/admin/slow": async (_id, { on }) => {
    slow = on === true;
    return [200, { on: slow }];
  },
};

function pause(least_ms, most_ms) {
  return new Promise((resolve) => setTimeout(resolve, least_ms + Math.random() * (most_ms - least_ms)));
}

function reply(response, status, answer) {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" });
  response.end(JSON.stringify(answer));
}

/** The body as an object, {} when there is none, undefined when it is not understood. */
async function readJson(request) {
  let text = "";
  for await (const part of request) {
    text += part;
    if (text.length > BODY_BYTES) return undefined;
  }
  try {
    const value = text ? JSON.parse(text) : {};
    return value && typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}
