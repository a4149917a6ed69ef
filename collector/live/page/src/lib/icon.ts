import { svg } from "./dom";

// 16 x 16, drawn with the text's colour. An icon repeats what a word beside it says, so it is hidden from readers.
const shapes: Record<string, string> = {
  good: "M3.5 8.5l3 3 6-7",
  "needs-improvement": "M8 3v6.2M8 12.4v.3",
  poor: "M4.2 4.2l7.6 7.6M11.8 4.2l-7.6 7.6",
  none: "M4.5 8h7",
  page: "M4 2h5.5L12.5 5v9H4zM9.5 2v3h3",
  route: "M3 12V9.5A3.5 3.5 0 0 1 6.500 6H13M10 3l3 3-3 3",
  api: "M2 5.500h11M10 2.500l3 3-3 3M14 10.500H3M6 7.500l-3 3 3 3",
  click: "M5 2.500l7.500 6.500-4 .4 2.300 4-1.600.900-2.300-4L5 13z",
  error: "M8 2l6.500 11.500h-13zM8 6.500v3.200M8 11.700v.2",
  vital: "M1.500 9h3l2-5 3 8 2-5.500 1 2.500h2",
  event: "M8 2.200l5.800 5.800L8 13.800 2.200 8z",
  mark: "M4 14V2.500h8.500l-2.500 3 2.500 3H4",
  measure: "M2 8h12M4.500 5.500L2 8l2.500 2.500M11.500 5.500L14 8l-2.500 2.500",
  other: "M8 7.900v.2M4 7.900v.2M12 7.900v.2",
  alert: "M8 2.200a3.800 3.800 0 0 1 3.800 3.800c0 4 1.700 5 1.700 5h-11s1.700-1 1.700-5A3.800 3.800 0 0 1 8 2.200zM6.700 13.500a1.400 1.400 0 0 0 2.600 0",
  pause: "M5.500 3.500v9M10.500 3.500v9",
  play: "M5 3l7.500 5L5 13z",
  back: "M9.500 3.500L5 8l4.500 4.500",
  next: "M6.500 3.500L11 8l-4.500 4.500",
  copy: "M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3",
  close: "M4.500 4.500l7 7M11.500 4.500l-7 7",
  compare: "M5.500 13V4M3 6.500L5.500 4 8 6.500M10.500 3v9M8 9.500l2.500 2.500L13 9.500",
  search: "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM10.300 10.300L14 14",
  person: "M8 8a2.700 2.700 0 1 0 0-5.400A2.700 2.700 0 0 0 8 8zM2.800 14c.4-2.700 2.500-4 5.200-4s4.800 1.300 5.200 4",
};

export function icon(name: string): SVGElement {
  const known = Object.keys(shapes).includes(name) ? name : "other"; // a kind may be called "constructor"
  return svg("svg", { class: `icon icon-${known}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: shapes[known] }));
}

export function logo(): SVGElement {
  return svg("svg", { class: "logo", viewBox: "0 0 32 32", "aria-hidden": "true" },
    svg("rect", { width: 32, height: 32, rx: 8 }), svg("path", { d: "M4 17h6l3-9 5 17 4-12 2 4h4" }));
}
