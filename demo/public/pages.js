// One function a page. `put(title, ...nodes)` shows it, unless the visitor has gone on meanwhile.
import { askStock, toast } from "./call.js";
import { addToCart, cartLines, cartTotal, emptyCart, removeFromCart } from "./cart.js";
import { el, price } from "./dom.js";
import { picture } from "./pictures.js";

export async function showHome(put, _id, { call }) {
  const grid = el("div", { class: "grid" }, ...Array.from({ length: 8 }, () => el("div", { class: "product ghost", "aria-hidden": "true" })));
  const hero = el("section", { class: "hero" }, el("h1", {}, "Good things, made to stay"), el("p", {}, "Twelve objects for rooms that are lived in."));
  put("", hero, grid);
  const products = await call("GET", "/api/products");
  grid.replaceChildren(...products.map(card));
}

function card(product) {
  return el(
    "a",
    { class: "product", href: `/product/${product.id}` },
    picture(product),
    el("span", { class: "name" }, product.name),
    el("span", { class: "price" }, price(product.price)),
  );
}

export async function showProduct(put, id, { call }) {
  put("", el("div", { class: "detail ghost", "aria-hidden": "true" }));
  const product = await call("GET", `/api/products/${id}`);
  const stock = el("p", { class: "stock" }, "Looking in the stock room …");
  const add = el("button", { id: "add", class: "main" }, "Add to cart");
  add.addEventListener("click", async () => {
    await call("POST", "/api/cart", { product: product.id });
    addToCart(product);
    toast(`${product.name} is in your cart.`);
  });
  put(
    product.name,
    el("p", { class: "crumbs" }, el("a", { href: "/" }, "All products")),
    el(
      "article",
      { class: "detail" },
      picture(product),
      el("div", {}, el("h1", {}, product.name), el("p", { class: "price" }, price(product.price)), el("p", {}, product.text), stock,
        el("div", { class: "row" }, add, el("a", { class: "plain", href: "/cart" }, "See the cart"))),
    ),
  );
  stock.textContent = `${await askStock(product.id)} left, leaves us tomorrow`;
}

export function showCart(put, _id, page) {
  const lines = cartLines();
  const rows = lines.map(({ product, quantity }) => {
    const remove = el("button", { class: "quiet", "aria-label": `Remove ${product.name}` }, "Remove");
    remove.addEventListener("click", () => {
      removeFromCart(product.id);
      showCart(put, _id, page);
    });
    return el("li", {}, picture(product), el("a", { href: `/product/${product.id}` }, product.name), el("span", {}, `${quantity} × ${price(product.price)}`), remove);
  });
  put(
    "Cart",
    el("h1", {}, "Your cart"),
    lines.length ? el("ul", { class: "lines" }, ...rows) : el("p", { class: "empty" }, "Nothing here yet. ", el("a", { href: "/" }, "Have a look around"), "."),
    lines.length ? el("p", { class: "total" }, "Total ", el("b", {}, price(cartTotal()))) : undefined,
    el("a", { class: "main", id: "to-checkout", href: "/checkout" }, "To the checkout"),
  );
}

export function showCheckout(put, _id, { call }) {
  const field = (label, attributes) => el("label", { class: "field" }, label, el("input", attributes));
  const order = el("button", { id: "checkout", class: "main" }, "Place the order");
  const result = el("p", { class: "result", role: "status" });
  const form = el(
    "form",
    { class: "form", novalidate: true },
    field("Name", { name: "name", autocomplete: "off", value: "Ada Example" }),
    field("E-mail", { name: "mail", type: "email", autocomplete: "off", value: "ada@example.org" }),
    field("Card number", { name: "card", inputmode: "numeric", autocomplete: "off", value: "4111 1111 1111 1111" }),
    order,
    result,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await placeOrder(call, order, result);
  });
  const sum = el("p", { class: "total" }, cartLines().length ? "To pay " : "Your cart is empty, so the demo orders a lamp. To pay ", el("b", {}, price(cartTotal() || 89)));
  put("Checkout", el("h1", {}, "Checkout"), el("p", { class: "hint" }, "Made-up data. What stands in these fields is never captured."), sum, form);
}

async function placeOrder(call, button, result) {
  const began = performance.now();
  button.disabled = true;
  result.textContent = "Placing your order …";
  try {
    const items = cartLines().map(({ product, quantity }) => ({ product: product.id, quantity }));
    const { order } = await call("POST", "/api/checkout", { items });
    window.seismo?.("event", "purchase", { value: cartTotal() || 89, currency: "EUR", items: items.length || 1 });
    result.textContent = `Order ${order} is placed. It took ${Math.round(performance.now() - began)} ms.`;
    emptyCart();
  } catch {
    result.textContent = "The order could not be placed. Try again.";
  } finally {
    button.disabled = false;
  }
}

export function showAccount(put) {
  const secret = new URLSearchParams(location.search).has("token");
  put(
    "Account",
    el("h1", {}, "Your account"),
    el(
      "section",
      { class: "person", "data-seismo-mask": true },
      el("span", { class: "avatar", "aria-hidden": "true" }, "AE"),
      el("div", {}, el("b", {}, "Ada Example"), el("p", {}, "ada@example.org"), el("button", { class: "quiet", id: "edit" }, "Edit Ada Example")),
    ),
    el("p", { class: "hint" }, "This card is masked: clicks in it are told without their names."),
    secret ? el("p", { class: "note" }, "You came with a token in the address. Its value is scrubbed before anything is sent; look for it on the live page.") : undefined,
  );
}

export function showMissing(put) {
  put("Not found", el("h1", {}, "There is nothing here"), el("p", {}, el("a", { href: "/" }, "Back to the products")));
}
