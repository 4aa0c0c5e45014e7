import { describe, expect, test } from 'vitest';

import { Heights } from './heights';

describe('heights of rows', () => {
  test('rows that were not measured stand where the guess puts them', () => {
    const heights = new Heights(50);
    heights.resize(1000);
    expect(heights.total).toBe(50_000);
    expect(heights.top(10)).toBe(500);
    expect(heights.at(499)).toBe(9);
    expect(heights.at(500)).toBe(10);
  });

  test('a measured row moves all behind it and none before it', () => {
    const heights = new Heights(50);
    heights.resize(100);
    expect(heights.measure(40, 170)).toBe(120);
    expect(heights.top(40)).toBe(2000);
    expect(heights.top(41)).toBe(2170);
    expect(heights.at(2169)).toBe(40);
    expect(heights.measure(40, 170)).toBe(0);
  });

  test('what was measured outlives growing, and is gone after forgetting', () => {
    const heights = new Heights(50);
    heights.resize(10);
    heights.measure(3, 80);
    heights.resize(12);
    expect(heights.total).toBe(630);
    heights.forgetFrom(0);
    expect(heights.total).toBe(600);
  });

  test('sums agree with plain adding for any heights', () => {
    const heights = new Heights(10);
    heights.resize(777);
    const plain = new Array<number>(777).fill(10);
    for (let turn = 0; turn < 300; turn += 1) {
      const index = (turn * 131) % 777;
      plain[index] = 5 + ((turn * 37) % 200);
      heights.measure(index, plain[index]);
    }
    let sum = 0;
    for (const [index, height] of plain.entries()) {
      expect(heights.top(index)).toBeCloseTo(sum);
      expect(heights.at(sum)).toBe(index);
      sum += height;
    }
  });

  test('distances beyond both ends mean the first and the last row', () => {
    const heights = new Heights(10);
    expect(heights.at(0)).toBe(0);
    heights.resize(5);
    expect(heights.at(-3)).toBe(0);
    expect(heights.at(1e9)).toBe(4);
  });
});
