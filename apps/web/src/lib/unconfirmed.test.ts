import { expect, test } from 'vitest';

import { daysUnconfirmed } from './unconfirmed';

const HOUR = 60 * 60 * 1000;

test('what the home server took and nobody has confirmed for a week is said, of own messages only', () => {
  const sent = Date.UTC(2026, 4, 1);
  const after = (hours: number, state: 'waiting' | 'accepted' | 'delivered', mine = true) => daysUnconfirmed({ mine, state, sent }, sent + hours * HOUR);
  expect(after(7 * 24 - 1, 'accepted')).toBe(null);
  expect(after(7 * 24, 'accepted')).toBe(7);
  expect(after(21 * 24 + 23, 'accepted')).toBe(21);
  expect(after(21 * 24, 'delivered')).toBe(null);
  expect(after(21 * 24, 'waiting')).toBe(null);
  expect(after(21 * 24, 'accepted', false)).toBe(null);
});
