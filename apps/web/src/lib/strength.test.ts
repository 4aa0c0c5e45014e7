import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { strengthOf } from './strength';

/** What the command line is held to as well. */
const file = new URL('../../../../crates/kith-vault/src/strength/cases.json', import.meta.url);
const cases = JSON.parse(readFileSync(file, 'utf8')) as [string, string][];

test.each(cases)('%j is %s', (password, strength) => {
  expect(strengthOf(password)).toBe(strength);
});

test('nothing is not judged', () => {
  expect(strengthOf('')).toBe('empty');
});
