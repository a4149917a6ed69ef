// W3C Trace Context: the header `traceparent`, on calls to the page's own origin and to those that the page lists.
//
// A browser takes it along when an answer redirects to another origin, which would then refuse the call. So a GET by fetch stops at a redirect
// and goes on as the page had written it, and one by XMLHttpRequest has the header once its path has answered in place.

import { settings } from "../config";
import { newId } from "./id";

const PATHS = 200;
let inPlace: string[] = [];

const keyOf = (href: string): string => href.split("?")[0]!.replace(/\d+/g, "");

/** The header for a call to this address, if it may have one; `isSafe` when a redirect does no harm. */
export function traceparentFor(href: string, isSafe: boolean): string | undefined {
  const allowed = [location.origin, ...`${settings.trace}`.split(/[\s,]+/)];
  if (allowed.includes("off") || !allowed.includes(new URL(href).origin) || !(isSafe || inPlace.includes(keyOf(href)))) return undefined;
  return `00-${newId(32, 16)}-${newId(16, 16)}-01`;
}

/** The answer to a call to `href` came from `url`. */
export function noteInPlace(href: string, url: string): void {
  if (href === url) inPlace = [keyOf(href), ...inPlace].slice(0, PATHS);
}
