// The language that Kith speaks on this page, and the texts in it. Catalogs other than English are fetched when they are wanted.

import { type Catalog, type Filling, type Language, type TextKey, directionOf, languageOf, say } from '../texts/catalog';
import { en } from '../texts/en';
import { type Span, spanOf } from '../lib/formats';

const CATALOGS: Record<Exclude<Language, 'en'>, () => Promise<Catalog>> = {
  de: async () => (await import('../texts/de')).de,
  fr: async () => (await import('../texts/fr')).fr,
  es: async () => (await import('../texts/es')).es,
  ar: async () => (await import('../texts/ar')).ar,
};

/** What is spoken, and how. One for the page. */
class Words {
  /** The language of the texts. */
  language = $state<Language>('en');
  private catalog = $state.raw<Catalog>(en);

  /** The language for numbers and dates: the person's own region of it where the browser says so. */
  get locale(): string {
    const own = navigator.languages.find((tag) => languageOf([tag]) === this.language && tag.toLowerCase().startsWith(this.language));
    return own ?? this.language;
  }

  /** Speaks this language from now on; the browser's when none is named. */
  async speak(wanted: Language | null): Promise<void> {
    const language = wanted ?? languageOf(navigator.languages);
    this.catalog = language === 'en' ? en : await CATALOGS[language]();
    this.language = language;
    document.documentElement.lang = language;
    document.documentElement.dir = directionOf(language);
  }

  /** A text, with everything filled in. */
  say(key: TextKey, filling?: Filling): string {
    return say(this.catalog, this.language, key, filling);
  }
}

export const words = new Words();

/** A text in the language of the page. */
export function t(key: TextKey, filling?: Filling): string {
  return words.say(key, filling);
}

/** A span of time in words: "7 days". */
export function spanWords(span: number | Span): string {
  const { n, unit } = typeof span === 'number' ? spanOf(span) : span;
  return t(`span.${unit}`, { n });
}

/** How often something comes round, in words: "Every week". An hour is the least. */
export function paceWords(hours: number): string {
  const { n, unit } = spanOf(hours * 3600);
  return t(`settings.pace.${unit === 'minutes' ? 'hours' : unit}`, { n });
}
