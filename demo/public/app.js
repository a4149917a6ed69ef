// The shop in the browser: routes by history.pushState, one function a page, and the demo desk beside them.
import { call } from "./call.js";
import { startDesk } from "./desk.js";
import { showAccount, showCart, showCheckout, showHome, showMissing, showProduct } from "./pages.js";
import { cartCount, onCart } from "./cart.js";

const ROUTES = [
  [/^\/$/, showHome, "nav-products"],
  [/^\/product\/(\d+)$/, showProduct, "nav-products"],
  [/^\/cart$/, showCart, "nav-cart"],
  [/^\/checkout$/, showCheckout, "nav-checkout"],
  [/^\/account$/, showAccount, "nav-account"],
];

const main = document.getElementById("main");
let turn = 0;
let shown = "";

/** Goes to an address of the shop without loading a document. */
export function go(address) {
  if (address !== location.pathname + location.search) history.pushState({}, "", address);
  show(true);
}

async function show(moved) {
  const mine = ++turn;
  shown = location.pathname + location.search;
  const [route, handle, link] = match(location.pathname);
  for (const one of document.querySelectorAll("nav a")) {
    if (one.id === link) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  if (moved) scrollTo(0, 0);
  /* A page that was left while it loaded must not overwrite the next one. */
  const put = (title, ...nodes) => {
    if (mine !== turn) return;
    document.title = title ? `${title} · Fjord & Field` : "Fjord & Field";
    main.replaceChildren(...nodes);
  };
  try {
    await handle(put, route[1], { call, go });
  } catch {
    showMissing(put);
  }
  if (moved && mine === turn) main.focus({ preventScroll: true });
}

function match(path) {
  for (const [pattern, handle, link] of ROUTES) {
    const route = pattern.exec(path);
    if (route) return [route, handle, link];
  }
  return [[], showMissing, ""];
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.target || link.origin !== location.origin || link.hash) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
/* A jump to #desk is no other page. */
addEventListener("popstate", () => location.pathname + location.search === shown || show(false));
onCart(() => {
  const badge = document.getElementById("cart-count");
  badge.hidden = cartCount() === 0;
  badge.textContent = cartCount();
});
startDesk();
show(false);
