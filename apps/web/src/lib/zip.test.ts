import { expect, test } from 'vitest';

import { hasRoom, plainName, zip } from './zip';

test('a zip file has its files, their sums and an index behind them', async () => {
  const made = await zip([{ name: 'a.txt', content: new Blob(['123456789']) }, { name: 'ü/b', content: new Blob([]) }], new Date(2026, 10, 22, 1, 2, 4));
  const bytes = new Uint8Array(await made.arrayBuffer());
  const view = new DataView(bytes.buffer);
  expect(view.getUint32(0, true)).toBe(0x04034b50);
  // The sum that every reader of zip files knows for these nine digits.
  expect(view.getUint32(14, true)).toBe(0xcbf43926);
  expect(new TextDecoder().decode(bytes.subarray(30, 44))).toBe('a.txt123456789');
  const end = bytes.length - 22;
  expect(view.getUint32(end, true)).toBe(0x06054b50);
  expect(view.getUint16(end + 10, true)).toBe(2);
  const index = view.getUint32(end + 16, true);
  expect(view.getUint32(index, true)).toBe(0x02014b50);
  expect(view.getUint32(index + 16, true)).toBe(0xcbf43926);
  expect(view.getUint32(index + 42, true)).toBe(0);
  expect(index + view.getUint32(end + 12, true)).toBe(end);
});

test.each([
  ['../../etc/passwd', '1-__.._etc_passwd'],
  ['C:\\x', '1-C__x'],
  ['', '1-file'],
  ['Ferien plan.pdf', '1-Ferien plan.pdf'],
  ['photo\u202egpj.exe', '1-photogpj.exe'],
  ['\u2066a\u200bb\u2069', '1-ab'],
  ['\ud83d', '1-_'],
])('the name %j leads nowhere', (name, plain) => {
  expect(plainName(1, name)).toBe(plain);
});

test('a long name is cut between letters, so that it can be written in a link', () => {
  const cut = plainName(7, `😀${'a'.repeat(119)}`);
  expect(cut).toBe(`7-😀${'a'.repeat(119)}`);
  expect(() => encodeURIComponent(plainName(7, `b😀${'a'.repeat(119)}😀`))).not.toThrow();
});

test('what a zip file cannot hold is known before', () => {
  expect(hasRoom(0, 0, 1000)).toBe(true);
  expect(hasRoom(65_534, 0, 1)).toBe(false);
  expect(hasRoom(3, 4_000_000_000, 300_000_000)).toBe(false);
});
