// The languages of the page. Another one is a file like de.json beside this one, and its line here.
import de from "./de.json";
import en from "./en.json";

/* A text, or its forms by the plural rule of the language ("one", "few", "other", …) as {n} asks for. */
export type Text = string | { other: string; [rule: string]: string };

export interface Language {
  name: string; // in the language itself
  dates: string; // the locale whose dates and times are shown
  texts: Record<string, Text>;
}

// English stands in the code; its file has only the plural forms.
export const LANGUAGES: Record<string, Language> = {
  en: { name: "English", dates: "en-GB", texts: en },
  de: { name: "Deutsch", dates: "de", texts: de },
};
