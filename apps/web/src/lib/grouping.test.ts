import { expect, test } from 'vitest';

import { placeOf } from './grouping';

const at = (hour: number, minute: number, day = 3) => new Date(2026, 4, day, hour, minute).getTime();
const said = (mine: boolean, sent: number) => ({ mine, sent });

test('one writer within five minutes is one group, and its last message is known', () => {
  const [one, two, three] = [said(true, at(9, 0)), said(true, at(9, 4)), said(true, at(9, 8))];
  expect(placeOf(undefined, one, two)).toEqual({ newDay: true, first: true, last: false });
  expect(placeOf(one, two, three)).toEqual({ newDay: false, first: false, last: false });
  expect(placeOf(two, three, undefined)).toEqual({ newDay: false, first: false, last: true });
});

test('another writer, or five minutes, begin a new group', () => {
  expect(placeOf(said(true, at(9, 0)), said(false, at(9, 1)), undefined).first).toBe(true);
  expect(placeOf(said(true, at(9, 0)), said(true, at(9, 5)), undefined).first).toBe(true);
});

test('a new day ends the group of the evening before', () => {
  const [late, early] = [said(true, at(23, 59)), said(true, at(0, 1, 4))];
  expect(placeOf(undefined, late, early).last).toBe(true);
  expect(placeOf(late, early, undefined)).toEqual({ newDay: true, first: true, last: true });
});
