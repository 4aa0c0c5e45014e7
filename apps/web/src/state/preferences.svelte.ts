// What the person likes on this device: colours, language, the Enter key. It says nothing about people or messages, for it can be read
// while Kith is locked: the locked screen needs it.

import { type Language, isLanguage } from '../texts/catalog';

/** Colours: the system's, or the person's choice. */
export type Theme = 'system' | 'light' | 'dark';

/** The choices. */
export interface Choices {
  theme: Theme;
  /** None means the browser's. */
  language: Language | null;
  enterSends: boolean;
  notify: boolean;
  /** Whether place and time are taken out of pictures. */
  cleansPictures: boolean;
  /** Minutes without anybody there until Kith locks; 0 means never. */
  lockAfter: number;
}

/** Minutes that can be chosen. */
export const LOCK_MINUTES = [0, 1, 5, 15, 60] as const;

const KEPT_AS = 'kith-look';
const USUAL: Choices = { theme: 'system', language: null, enterSends: true, notify: false, cleansPictures: true, lockAfter: 15 };

/** Reads what was kept; whatever is not as it should be counts as not chosen. */
export function choicesFrom(kept: string | null): Choices {
  let read: Partial<Record<keyof Choices, unknown>> = {};
  try {
    const value: unknown = JSON.parse(kept ?? '{}');
    if (typeof value === 'object' && value !== null) read = value;
  } catch {
    // Not ours, or damaged: the usual choices hold.
  }
  const { theme, language, enterSends, notify, cleansPictures, lockAfter } = read;
  return {
    theme: theme === 'light' || theme === 'dark' ? theme : USUAL.theme,
    language: typeof language === 'string' && isLanguage(language) ? language : USUAL.language,
    enterSends: typeof enterSends === 'boolean' ? enterSends : USUAL.enterSends,
    notify: typeof notify === 'boolean' ? notify : USUAL.notify,
    cleansPictures: typeof cleansPictures === 'boolean' ? cleansPictures : USUAL.cleansPictures,
    lockAfter: LOCK_MINUTES.find((minutes) => minutes === lockAfter) ?? USUAL.lockAfter,
  };
}

class Preferences {
  private choices = $state<Choices>(choicesFrom(readKept()));

  get theme() {
    return this.choices.theme;
  }
  get language() {
    return this.choices.language;
  }
  get enterSends() {
    return this.choices.enterSends;
  }
  get notify() {
    return this.choices.notify;
  }
  get cleansPictures() {
    return this.choices.cleansPictures;
  }
  get lockAfter() {
    return this.choices.lockAfter;
  }

  /** Chooses, and keeps it for the next time. */
  choose(some: Partial<Choices>): void {
    Object.assign(this.choices, some);
    try {
      localStorage.setItem(KEPT_AS, JSON.stringify(this.choices));
    } catch {
      // A browser that keeps nothing: the choice holds for as long as the page is open.
    }
    this.paint();
  }

  /** Gives the page its colours. Called once at the start, then by itself. */
  paint(): void {
    const dark = this.theme === 'system' ? matchMedia('(prefers-color-scheme: dark)').matches : this.theme === 'dark';
    document.documentElement.dataset.look = dark ? 'dark' : 'light';
  }

  /** Follows the system when it turns dark or light. */
  follow(): void {
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.paint());
    this.paint();
  }
}

function readKept(): string | null {
  try {
    return localStorage.getItem(KEPT_AS);
  } catch {
    return null;
  }
}

export const preferences = new Preferences();
