// Shapes made of data: a QR code as one path, and what stands in an avatar while there is no picture.

import type { QrCode } from './worker/contract';

/** Squares around a QR code that scanners need to be light. */
export const QUIET_ZONE = 4;

/** Returns the dark squares of a QR code as an SVG path in units of one square, the quiet zone included. */
export function qrPath(code: QrCode): string {
  let path = '';
  for (let y = 0; y < code.size; y += 1) {
    let x = 0;
    while (x < code.size) {
      const from = x;
      while (x < code.size && code.modules[y * code.size + x] === '1') x += 1;
      if (x > from) path += `M${from + QUIET_ZONE} ${y + QUIET_ZONE}h${x - from}v1h${from - x}z`;
      else x += 1;
    }
  }
  return path;
}

/** The first letters of a name's first and last word; at most two, none of a name without letters. */
export function initialsOf(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [];
  const first = words[0];
  if (!first) return '';
  const last = words.length > 1 ? words[words.length - 1] : undefined;
  const letter = (word: string) => [...word][0]?.toLocaleUpperCase() ?? '';
  // Letters of scripts that join would be torn from each other: one is enough there.
  const joins = /\p{Script=Arabic}|\p{Script=Devanagari}/u.test(first);
  return letter(first) + (last && !joins ? letter(last) : '');
}

/** How many colours avatars have; see parts/Avatar. */
export const AVATAR_COLOURS = 8;

/** The colour of a contact's avatar, from the number that this device alone knows it by. */
export function avatarColour(contact: number): number {
  return (contact * 5 + 3) % AVATAR_COLOURS;
}

/** Pictures that browsers show safely; SVG is a program and is not among them. */
const SHOWN = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif']);
/** A picture larger than this is shown only when somebody asks: 16 MiB. */
const SHOWN_BYTES = 16 * 1024 * 1024;

/** Whether a file is shown as a picture in its message. */
export function isPicture(file: { mediaType: string; size: number }): boolean {
  return SHOWN.has(file.mediaType) && file.size <= SHOWN_BYTES;
}

/** Whether a file can be listened to in its message. */
export function isSound(file: { mediaType: string; size: number }): boolean {
  return /^audio\/(ogg|webm|mpeg|mp4|aac|wav|flac)(;|$)/.test(file.mediaType) && file.size <= SHOWN_BYTES;
}
