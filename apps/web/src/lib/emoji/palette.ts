// Emoji to choose from. What there is, and by which words it is found, is loaded when somebody looks for one; nothing of what they chose is kept.

import type { Language } from '../../texts/catalog';

/** Those at hand for a reaction. */
export const FIRST_EMOJI = ['👍', '❤️', '😂', '😮', '😢', '🙏'] as const;

/** Names of the groups. */
export type Group = 'faces' | 'people' | 'nature' | 'food' | 'places' | 'play' | 'things' | 'signs' | 'flags';

/** An emoji, and what it is called. */
export interface Emoji {
  emoji: string;
  name: string;
}

interface Found extends Emoji {
  /** Beginnings of these lead to it. */
  words: string[];
}

/** Emoji in their groups, which can be searched. */
export class Palette {
  readonly groups: { name: Group; emoji: Emoji[] }[] = [];
  private readonly all: Found[] = [];

  /** `lines` has a line for each emoji: its name, a bar, other words. */
  constructor(groups: readonly { name: Group; emoji: string }[], lines: string, language: string) {
    const countries = new Intl.DisplayNames(language, { type: 'region' });
    const words = lines.split('\n');
    for (const { name, emoji } of groups) {
      const from = this.all.length;
      for (const one of emoji.split(' ')) {
        const [called = '', more = ''] = (words[this.all.length] || countryOf(one, countries)).split('|');
        this.all.push({ emoji: one, name: called, words: wordsOf(`${called} ${more}`) });
      }
      this.groups.push({ name, emoji: this.all.slice(from) });
    }
  }

  /** Those to which every word that was typed leads, or its beginning; those that are called so come first. */
  search(typed: string): Emoji[] {
    const wanted = wordsOf(typed);
    if (wanted.length === 0) return [];
    const found = this.all.filter(({ words }) => wanted.every((want) => words.some((word) => word.startsWith(want))));
    const isCalled = ({ name }: Emoji) => wordsOf(name).some((word) => word.startsWith(wanted[0] ?? ''));
    return [...found.filter(isCalled), ...found.filter((one) => !isCalled(one))];
  }
}

const LINES: Record<Language, () => Promise<{ default: string }>> = {
  en: () => import('./en'),
  de: () => import('./de'),
  fr: () => import('./fr'),
  es: () => import('./es'),
  ar: () => import('./ar'),
};

/** Loads the palette in a language. */
export async function loadPalette(language: Language): Promise<Palette> {
  const [{ GROUPS }, lines] = await Promise.all([import('./groups'), LINES[language]()]);
  return new Palette(GROUPS, lines.default, language);
}

/** Words as they are compared: without the marks on letters, in small letters. */
function wordsOf(text: string): string[] {
  return text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** A flag of two letters is called as its country is. */
function countryOf(emoji: string, countries: Intl.DisplayNames): string {
  const letters = [...emoji].map((sign) => String.fromCharCode((sign.codePointAt(0) ?? 0) - 0x1f1e6 + 65)).join('');
  return /^[A-Z]{2}$/.test(letters) ? (countries.of(letters) ?? letters) : '';
}
