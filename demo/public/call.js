// Calls to the shop's API, by fetch; one by XMLHttpRequest, as older parts of every shop do.

/** The answer of a call as an object; throws when it fails. */
export async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}`);
  return response.json();
}

/** How many of a product are left. */
export function askStock(id) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("GET", `/api/stock/${id}`);
    xhr.responseType = "json";
    xhr.onload = () => (xhr.status === 200 ? resolve(xhr.response.left) : reject(new Error(`stock answered ${xhr.status}`)));
    xhr.onerror = () => reject(new Error("stock did not answer"));
    xhr.send();
  });
}

/** Tells the visitor something for a few seconds. */
export function toast(text, kind = "good") {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.className = `shown ${kind}`;
  clearTimeout(box.timer);
  box.timer = setTimeout(() => (box.className = ""), 3500);
}
