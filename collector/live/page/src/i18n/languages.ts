// The languages of the page. Another one is a file like de.json beside this one, and its line here.
import de from "./de.json";
import en from "./en.json";

/* A text, or its forms by the plural rule of the language ("one", "few", "other", …) as {n} asks for. */
export type Text = string | { other: string; [rule: string]: string };

/* How the language writes numbers and days. What the browser knows too: but it loads its tables for that in the moment that somebody asks, which is
   a tenth of the first screen's time. tests/unit/i18n.test.mjs holds both to be the same. Without it the browser is asked. */
export interface Writing {
  group: string; // between thousands
  point: string; // before decimals
  short: [number, string][]; // how large numbers are shortened, from the largest down
  day: string; // {day} and {month}
  months: string[]; // as they stand in it
}

export interface Language {
  name: string; // in the language itself
  dates: string; // the locale whose dates and times are shown
  writing?: Writing;
  texts: Record<string, Text>;
}

const ENGLISH: Writing = {
  group: ",", point: ".", short: [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]], day: "{day} {month}",
  months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"],
};
const GERMAN: Writing = {
  group: ".", point: ",", short: [[1e12, "\u00a0Bio."], [1e9, "\u00a0Mrd."], [1e6, "\u00a0Mio."]], day: "{day}. {month}",
  months: ["Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."],
};

// English stands in the code; its file has only the plural forms.
export const LANGUAGES: Record<string, Language> = {
  en: { name: "English", dates: "en-GB", writing: ENGLISH, texts: en },
  de: { name: "Deutsch", dates: "de", writing: GERMAN, texts: de },
};
