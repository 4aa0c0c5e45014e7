import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { GROUPS } from './groups';
import { FIRST_EMOJI, loadPalette } from './palette';

const EMOJI = GROUPS.flatMap(({ emoji }) => emoji.split(' '));

describe('the palette of emoji', () => {
  test.each(['en', 'de', 'fr', 'es', 'ar'] as const)('in %s every emoji is called something and found by its name', async (language) => {
    const palette = await loadPalette(language);
    const all = palette.groups.flatMap(({ emoji }) => emoji);
    expect(all.map(({ emoji }) => emoji)).toEqual(EMOJI);
    for (const { emoji, name } of all) {
      expect(name, emoji).not.toBe('');
      // Some are called by signs without a letter.
      if (/\p{L}/u.test(name)) expect(palette.search(name).map((found) => found.emoji), name).toContain(emoji);
    }
  });

  test.each([
    ['en', 'cake', '🎂'],
    ['en', 'Germ', '🇩🇪'],
    ['de', 'kuchen', '🍰'],
    ['fr', 'gateau', '🍰'],
    ['es', 'corazon', '❤️'],
    ['ar', 'قلب', '❤️'],
  ] as const)('in %s “%s” leads to %s', async (language, typed, emoji) => {
    expect((await loadPalette(language)).search(typed).map((found) => found.emoji)).toContain(emoji);
  });

  test('every word that was typed has to fit, and nothing typed finds nothing', async () => {
    const palette = await loadPalette('en');
    expect(palette.search('red hea').map(({ emoji }) => emoji)).toContain('❤️');
    expect(palette.search('red zebra')).toEqual([]);
    expect(palette.search('  ')).toEqual([]);
    expect(palette.search('(.*')).toEqual([]);
  });

  test('each is one that other devices take as a reaction', () => {
    // The characters of KE-97, as the engine has them.
    const possible = /^(?:[\u{1f000}-\u{1faff}\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff©®‼⁉™ℹⓂ〰〽㊗㊙]|[0-9#*]\ufe0f?\u20e3|[\ufe0f\u200d]|[\u{e0020}-\u{e007f}])+$/u;
    for (const emoji of [...EMOJI, ...FIRST_EMOJI]) {
      expect(emoji).toMatch(possible);
      expect(new TextEncoder().encode(emoji).length).toBeLessThanOrEqual(64);
    }
    expect(new Set(EMOJI).size).toBe(EMOJI.length);
  });

  test('whose words they are is told', () => {
    expect(readFileSync('src/lib/emoji/licences.txt', 'utf8')).toContain('UNICODE LICENSE V3');
  });
});
