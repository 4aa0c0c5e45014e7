import { expect, test } from 'vitest';

import { ar } from './ar';
import { directionOf, languageOf, say } from './catalog';
import { de } from './de';
import { en } from './en';
import { fr } from './fr';

test('a person gets the first of their languages that Kith speaks', () => {
  expect(languageOf(['nl-NL', 'de-AT', 'en'])).toBe('de');
  expect(languageOf(['nl'])).toBe('en');
});

test('what is filled in keeps its direction to itself', () => {
  expect(say(en, 'en', 'list.draft', { text: 'ليلى' })).toBe('Draft: \u2068ليلى\u2069');
});

test('numbers choose the form that the language has for them', () => {
  expect(say(en, 'en', 'span.days', { n: 1 })).toBe('1 day');
  expect(say(en, 'en', 'span.days', { n: 3 })).toBe('3 days');
  expect(say(ar, 'ar', 'span.days', { n: 2 })).toBe('يومين');
  expect(say(ar, 'ar', 'span.days', { n: 3 })).toMatch(/أيام$/);
});

test('what comes round each time is said without a number where the language does so', () => {
  expect([1, 2].map((n) => say(de, 'de', 'settings.pace.weeks', { n }))).toEqual(['Jede Woche', 'Alle 2 Wochen']);
  expect([1, 2].map((n) => say(fr, 'fr', 'settings.pace.weeks', { n }))).toEqual(['Toutes les semaines', 'Toutes les 2 semaines']);
});

test('a text that is filled in is not searched for names again', () => {
  expect(say(en, 'en', 'talk.arrived', { name: '{text}', text: 'hello' })).toBe('\u2068{text}\u2069: \u2068hello\u2069');
});

test('Arabic is written from the right', () => {
  expect(directionOf('ar')).toBe('rtl');
  expect(directionOf('fr')).toBe('ltr');
});
