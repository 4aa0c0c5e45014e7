// What a catalog of texts is, and how one text is made from it. No state: which language is spoken is kept in state/words.

import type { en } from './en';

/** Forms of a text by number, as Intl.PluralRules names them. */
export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

/** A name of a text. */
export type TextKey = keyof typeof en;

/** All texts in one language: the keys of English, each with forms where English has them. */
export type Catalog = { [Key in TextKey]: (typeof en)[Key] extends string ? string : Plural };

/** What is filled into a text. */
export type Filling = Record<string, string | number>;

/** Languages that have a catalog, with their own names. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español', ar: 'العربية' } as const;

/** A language that has a catalog. */
export type Language = keyof typeof LANGUAGES;

/** Whether there is a catalog of this name. */
export function isLanguage(name: string): name is Language {
  return Object.hasOwn(LANGUAGES, name);
}

/** Returns the first language that a person reads and Kith speaks; English if there is none. */
export function languageOf(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const name = tag.toLowerCase().split('-')[0] ?? '';
    if (isLanguage(name)) return name;
  }
  return 'en';
}

/** The direction in which a language is written. */
export function directionOf(language: Language): 'ltr' | 'rtl' {
  return language === 'ar' ? 'rtl' : 'ltr';
}

// Names of people may be written in the other direction: each is kept to itself.
const ISOLATE = '\u2068';
const END_ISOLATE = '\u2069';

/** Returns a text with everything filled in. Numbers are written as the language does. */
export function say(catalog: Catalog, language: Language, key: TextKey, filling: Filling = {}): string {
  const text = catalog[key];
  const form = typeof text === 'string' ? text : (text[pluralRule(language, Number(filling.n ?? 0))] ?? text.other);
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = filling[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? numberFormat(language).format(value) : `${ISOLATE}${value}${END_ISOLATE}`;
  });
}

const rules = new Map<Language, Intl.PluralRules>();
const numbers = new Map<Language, Intl.NumberFormat>();

function pluralRule(language: Language, n: number): Intl.LDMLPluralRule {
  let rule = rules.get(language);
  if (!rule) rules.set(language, (rule = new Intl.PluralRules(language)));
  return rule.select(n);
}

function numberFormat(language: Language): Intl.NumberFormat {
  let format = numbers.get(language);
  if (!format) numbers.set(language, (format = new Intl.NumberFormat(language)));
  return format;
}
