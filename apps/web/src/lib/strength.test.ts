import { expect, test } from 'vitest';

import { strengthOf } from './strength';

test.each([
  ['', 'empty'],
  ['password', 'common'],
  ['Password1!', 'common'],
  ['12345678', 'common'],
  ['summer2026', 'weak'],
  ['aaaaaaaaaaaaaaaaaaaaaaaa', 'weak'],
  ['abcdefghijklmnop', 'weak'],
  ['anna anna anna anna anna', 'weak'],
  ['Tr0ub4d', 'weak'],
  ['three quiet chairs', 'fair'],
  ['seven quiet chairs in a kitchen', 'good'],
  ['fünf ruhige Stühle am Fenster', 'good'],
  ['q7#Lw9!xZ2vK', 'good'],
])('%j is %s', (password, strength) => {
  expect(strengthOf(password)).toBe(strength);
});
