// Where the visitor is: the page's path and the view's id, now and at earlier moments, so that a vital that is
// reported late still goes to the page on which it happened.

import { newId } from "./id";
import { cut, scrubHash, scrubPath, scrubText, scrubUrl } from "./scrub";

const VIEWS = 50;

export interface View {
  id: string;
  /** performance.now() at its beginning; the first view begins with the navigation. */
  since: number;
  page: string;
}

export interface Place {
  view(): View;
  /** The view of that moment of the performance timeline. */
  viewAt(time: number): View;
  /** Begins a new view at this address. */
  enter(): View;
  /** The page's path or the route that the page names itself; refreshes the present view. */
  page(): string;
}

export function openPlace(): Place {
  const views: View[] = [{ id: newId(), since: 0, page: pageNow() }];
  const last = (): View => views[views.length - 1]!;

  return {
    view: last,
    viewAt(time) {
      for (let i = views.length - 1; i > 0; i--) if (views[i]!.since <= time) return views[i]!;
      return views[0]!;
    },
    enter() {
      views.push({ id: newId(), since: performance.now(), page: pageNow() });
      if (views.length > VIEWS) views.splice(1, 1);
      return last();
    },
    page: () => (last().page = pageNow()),
  };
}

/** The path without secrets, with the route in the fragment when there is one; a name on <body> wins. */
export function pageNow(): string {
  const named = document.body?.getAttribute("data-seismo-route");
  if (named) return scrubText(named, 2048);
  return cut(scrubPath(location.pathname) + scrubHash(location.hash).split("?")[0], 2048);
}

/** The address without secrets, as a path alone when it is on this origin. */
export function addressOf(address: string): string {
  return scrubUrl(address, document.baseURI, location.origin);
}

/** The page's title without secrets. */
export function titleNow(): string | undefined {
  return scrubText(document.title, 256) || undefined;
}
