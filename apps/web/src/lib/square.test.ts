import { expect, test } from 'vitest';

import { squareOf } from './square';

test('a picture that is wide or high gives its middle', () => {
  expect(squareOf(640, 480)).toEqual({ x: 80, y: 0, side: 480 });
  expect(squareOf(300, 900)).toEqual({ x: 0, y: 300, side: 300 });
  expect(squareOf(7, 7)).toEqual({ x: 0, y: 0, side: 7 });
});
