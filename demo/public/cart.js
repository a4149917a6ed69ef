// The cart: kept for the tab, in memory where storage is off.

const KEY = "cart";
let lines = read();
const listeners = [];

/** The lines: product and quantity. */
export const cartLines = () => lines;
export const cartCount = () => lines.reduce((sum, line) => sum + line.quantity, 0);
export const cartTotal = () => lines.reduce((sum, line) => sum + line.quantity * line.product.price, 0);

export function addToCart(product) {
  const line = lines.find((one) => one.product.id === product.id);
  if (line) line.quantity++;
  else lines.push({ product, quantity: 1 });
  changed();
}

export function removeFromCart(id) {
  lines = lines.filter((line) => line.product.id !== id);
  changed();
}

export function emptyCart() {
  lines = [];
  changed();
}

/** Calls `listener` now and after each change. */
export function onCart(listener) {
  listeners.push(listener);
  listener();
}

function changed() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(lines));
  } catch {
    /* The cart then lives as long as the page. */
  }
  listeners.forEach((listener) => listener());
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}
