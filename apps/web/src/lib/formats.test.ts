import { expect, test } from 'vitest';

import { daysAgo, shortTime, sizeOf, spanOf } from './formats';
import { initialsOf, qrPath } from './pictures';

const at = (day: number, hour = 12) => new Date(2026, 4, day, hour).getTime();

test('days are days of the calendar, not twenty-four hours', () => {
  expect(daysAgo(at(3, 23), at(4, 1))).toBe(1);
  expect(daysAgo(at(4, 1), at(4, 23))).toBe(0);
});

test('a list says the hour today, the weekday this week, else the date', () => {
  expect(shortTime('en-GB', at(4, 9), at(4, 12))).toBe('09:00');
  expect(shortTime('en-GB', at(2), at(4))).toBe('Sat');
  expect(shortTime('en-GB', at(2), at(30))).toBe('2 May');
});

test('spans are told in their largest whole unit', () => {
  expect(spanOf(3600)).toEqual({ n: 1, unit: 'hours' });
  expect(spanOf(86_400)).toEqual({ n: 1, unit: 'days' });
  expect(spanOf(2_419_200)).toEqual({ n: 4, unit: 'weeks' });
  expect(spanOf(5400)).toEqual({ n: 90, unit: 'minutes' });
  expect(spanOf(1)).toEqual({ n: 1, unit: 'minutes' });
});

test('sizes are short and have at most one decimal', () => {
  expect(sizeOf('en', 5)).toBe('5 bytes');
  expect(sizeOf('en', 1_240_000)).toBe('1.2 MB');
  expect(sizeOf('en', 482_113)).toBe('482 kB');
});

test('initials come from letters only, and joined scripts give one', () => {
  expect(initialsOf('Bela Marković')).toBe('BM');
  expect(initialsOf('  ✨ jonas ')).toBe('J');
  expect(initialsOf('ليلى حدّاد')).toBe('ل');
  expect(initialsOf('🎉🎉')).toBe('');
});

test('a QR code becomes runs of dark squares inside its quiet zone', () => {
  expect(qrPath({ size: 2, modules: '1101' })).toBe('M4 4h2v1h-2zM5 5h1v1h-1z');
});
