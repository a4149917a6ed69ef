// The demo desk: everything that a visitor can do to this shop so that Seismo has something to tell.
import { call, toast } from "./call.js";

const EVERY_MS = 300;
const IN_FLIGHT = 8;

export function startDesk() {
  const on = (id, type, handle) => document.getElementById(id).addEventListener(type, handle);
  on("slow", "click", slow);
  on("broken", "click", broken);
  on("reject", "click", () => {
    toast("A promise was rejected and nobody caught it.", "bad");
    Promise.reject(new RangeError("the gift wrapping ran out"));
  });
  on("slow-switch", "change", ({ target }) => setSlow(target));
  on("robots", "change", ({ target }) => setRobots(target.checked));
  call("GET", "/api/admin/slow").then(({ on: state }) => (document.getElementById("slow-switch").checked = state), () => {});
}

/** A call of about 1.5 s, after 120 ms in which the page answers nobody. */
async function slow({ currentTarget: button }) {
  const end = performance.now() + 120;
  while (performance.now() < end);
  button.setAttribute("aria-busy", "true");
  try {
    const { rows } = await call("POST", "/api/report", {});
    toast(`The report has ${rows.toLocaleString("en")} rows. That took a while.`);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** A call that answers 500, and a member of something that is not there. */
function broken() {
  toast("That went wrong.", "bad");
  fetch("/api/voucher", { method: "POST" }).catch(() => {});
  const voucher = undefined;
  return voucher.discount;
}

async function setSlow(box) {
  try {
    const { on } = await call("POST", "/api/admin/slow", { on: box.checked });
    box.checked = on;
    toast(on ? "Checkout is slow now." : "Checkout is fast again.", on ? "bad" : "good");
  } catch {
    box.checked = !box.checked;
    toast("The shop did not answer.", "bad");
  }
}

let timer;
let flying = 0;
let bought = 0;

/* The robots live in this page, and buy through its own fetch: what they do is as real as what a person does. */
function setRobots(active) {
  clearInterval(timer);
  if (active) timer = setInterval(buy, EVERY_MS);
}

async function buy() {
  if (flying >= IN_FLIGHT) return;
  flying++;
  try {
    await call("POST", "/api/checkout", { items: [{ product: 1 + (bought % 12), quantity: 1 }] });
    document.getElementById("robots-note").textContent = `${++bought} checkouts from this page so far`;
  } catch {
    /* A robot shrugs and tries again. */
  } finally {
    flying--;
  }
}
