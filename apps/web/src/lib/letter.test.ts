import { expect, test } from 'vitest';

import { head, lineOf, plain } from './letter';

test('whatever somebody wrote stays text', () => {
  const line = { day: 'Today', time: '10:00', who: '<b>Bela</b>', mine: false, text: '<img src=x onerror=alert(1)> "&', note: '', file: { name: '"><script>', path: 'files/1-"><script>', missing: '' } };
  const page = head('<script>', 'en', 'ltr') + lineOf(line, null);
  expect(page).not.toMatch(/<script|<img|<b>/);
  expect(plain(`<"'&>`)).toBe('&#60;&#34;&#39;&#38;&#62;');
});

test('a day is said once', () => {
  const line = { day: 'Today', time: '10:00', who: 'Bela', mine: true, text: 'Tea?', note: '', file: null };
  expect(lineOf(line, null)).toContain('<h2>Today</h2>');
  expect(lineOf(line, line)).not.toContain('<h2>');
});
