// Where the visitor is: the page's path and the view's id, now and at earlier moments, so that a vital that is
// reported late still goes to the page on which it happened.

import { settings } from "../config";
import { now } from "./clock";
import { quietly } from "./guard";
import { newId } from "./id";
import { cut, scrubHash, scrubPath, scrubText, scrubUrl } from "./scrub";

const VIEWS = 50;

export interface View {
  id: string;
  /** performance.now() at its beginning; the first view begins with the navigation. */
  since: number;
  page: string;
  /** Its load or route has been reported. */
  isTold?: boolean;
}

const views: View[] = [];
/* What the page called the present view, until the next. */
let given: string | undefined;

/** Begins a new view at this address. */
export function enterView(since = now(), name?: string): View {
  given = name;
  const view = { id: newId(), since, page: pageNow() };
  if (views.push(view) > VIEWS) views.splice(1, 1);
  return view;
}

/** Names the present view, if nothing was told of it yet and it has no name. */
export function nameNow(name?: string): boolean {
  const isNew = !!name && !given && !viewAt(Infinity).isTold;
  if (isNew) given = name;
  return isNew;
}

/** The present view; its page is looked at again. */
export function viewNow(): View {
  const view = viewAt(Infinity);
  view.page = pageNow();
  return view;
}

/** The view of that moment of the performance timeline. */
export function viewAt(time: number): View {
  return views.filter(({ since }) => since <= time).pop() ?? views[0]!;
}

/** The path without secrets, with the route in the fragment when there is one; a name that the page gives wins. */
function pageNow(): string {
  const named = given || document.getElementsByTagName("body")[0]?.getAttribute("data-seismo-route") || (settings.route && quietly(() => settings.route!(new URL(location.href))));
  if (named) return scrubText(named, 2048);
  return !/^http|^file/.test(location.protocol) ? location.protocol : cut(scrubPath(location.pathname) + scrubHash(location.hash).split("?")[0], 2048);
}

/** The address without secrets, as a path alone when it is on this origin. */
export function addressOf(address: string): string {
  return scrubUrl(address, document.baseURI, location.origin);
}

/** The page's title without secrets. */
export function titleNow(): string | undefined {
  return scrubText(document.title, 256) || undefined;
}
