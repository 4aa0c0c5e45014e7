import { expect, test } from 'vitest';

import { clockOf } from './formats';
import { isVoiceNote, loudnessOf, peaksOf } from './recording';

test('silence is not loud, and the loudest sample counts', () => {
  expect(loudnessOf(new Uint8Array([128, 128, 128]))).toBe(0);
  expect(loudnessOf(new Uint8Array([128, 64, 130]))).toBe(0.5);
  expect(loudnessOf(new Uint8Array([0]))).toBe(1);
});

test('a sound is drawn in as many parts as there is room for, the loudest in full', () => {
  expect(peaksOf(new Float32Array([0, 0.1, -0.2, 0.1, 0.4, 0]), 3)).toEqual([0.25, 0.5, 1].map((peak) => expect.closeTo(peak, 5)));
  expect(peaksOf(new Float32Array(10), 4)).toEqual([0, 0, 0, 0]);
  expect(peaksOf(new Float32Array(0), 2)).toEqual([0, 0]);
});

test('lengths are told as a clock does', () => {
  expect(clockOf(0)).toBe('0:00');
  expect(clockOf(61.9)).toBe('1:01');
  expect(clockOf(3600)).toBe('1:00:00');
  expect(clockOf(Number.NaN)).toBe('0:00');
});

test('only what was recorded here is called a voice note', () => {
  expect(isVoiceNote('voice-07af.webm')).toBe(true);
  expect(isVoiceNote('voice-of-an-angel.webm')).toBe(false);
  expect(isVoiceNote('song.webm')).toBe(false);
});
