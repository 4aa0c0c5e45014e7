// A zip file of files that are not packed any further: what people open everywhere. It is made of pieces, so that nothing is in memory twice.

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});
/** Names are UTF-8. */
const UTF8 = 0x0800;
const VERSION = 20;

/** The most files of a zip file, and its most bytes: more do not fit into its numbers. */
const MOST_FILES = 0xffff;
const MOST_BYTES = 0xffff_ffff;
/** The longest name of a file that is kept, in letters. */
const LONGEST_NAME = 120;

/** It does not fit into a zip file. */
export class TooMuch extends Error {}

/** Whether files of so many bytes in all have room for one more in a zip file, and for what is written about each. */
export function hasRoom(files: number, bytes: number, more: number): boolean {
  // About each file stand less than 1,100 bytes: its name, twice, and 76 more.
  return files < MOST_FILES - 1 && bytes + more + (files + 2) * 1100 < MOST_BYTES;
}

/** One file in it. Its name is made harmless by whoever gives it. */
export interface Entry {
  name: string;
  content: Blob;
}

/** Returns a zip file with these files; fails with {@link TooMuch} when they do not fit. */
export async function zip(entries: Entry[], at: Date): Promise<Blob> {
  if (!hasRoom(entries.length - 1, entries.reduce((sum, entry) => sum + entry.content.size, 0), 0)) throw new TooMuch('more than a zip file holds');
  const parts: BlobPart[] = [];
  const index: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  for (const { name, content } of entries) {
    const bytes = new TextEncoder().encode(name);
    const about = { crc: await sumOf(content), size: content.size, bytes, at };
    const head = record(0x04034b50, about);
    parts.push(head, content);
    index.push(record(0x02014b50, about, offset));
    offset += head.length + content.size;
  }
  const size = index.reduce((sum, one) => sum + one.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, entries.length, true);
  end.setUint16(10, entries.length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, ...index, end.buffer], { type: 'application/zip' });
}

/** A file's name inside of a folder of its own: a number in front, nothing that leads anywhere, and nothing that cannot be seen. */
export function plainName(number: number, name: string): string {
  const seen = name.replace(/[\\/:*?"<>|\p{Cc}\p{Cs}]/gu, '_').replace(/\p{Cf}/gu, '');
  // Whole letters: half of one could be written nowhere.
  const harmless = [...seen.replace(/^\.+/, '_')].slice(-LONGEST_NAME).join('');
  return `${number}-${harmless || 'file'}`;
}

function record(sign: number, about: { crc: number; size: number; bytes: Uint8Array; at: Date }, offset?: number): Uint8Array<ArrayBuffer> {
  const isIndex = offset !== undefined;
  const length = isIndex ? 46 : 30;
  const out = new Uint8Array(length + about.bytes.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, sign, true);
  let at = 4;
  if (isIndex) view.setUint16((at += 2) - 2, VERSION, true);
  view.setUint16(at, VERSION, true);
  view.setUint16(at + 2, UTF8, true);
  view.setUint16(at + 6, (about.at.getHours() << 11) | (about.at.getMinutes() << 5) | (about.at.getSeconds() >> 1), true);
  view.setUint16(at + 8, (Math.max(0, about.at.getFullYear() - 1980) << 9) | ((about.at.getMonth() + 1) << 5) | about.at.getDate(), true);
  view.setUint32(at + 10, about.crc, true);
  view.setUint32(at + 14, about.size, true);
  view.setUint32(at + 18, about.size, true);
  view.setUint16(at + 22, about.bytes.length, true);
  if (isIndex) view.setUint32(42, offset, true);
  out.set(about.bytes, length);
  return out;
}

async function sumOf(content: Blob): Promise<number> {
  let sum = 0xffffffff;
  for (let from = 0; from < content.size; from += 1 << 20) {
    for (const byte of new Uint8Array(await content.slice(from, from + (1 << 20)).arrayBuffer())) sum = (TABLE[(sum ^ byte) & 0xff] ?? 0) ^ (sum >>> 8);
  }
  return (sum ^ 0xffffffff) >>> 0;
}
