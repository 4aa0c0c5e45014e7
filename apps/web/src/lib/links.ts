// Addresses of web pages in what people write. A text stays a text: this says which parts of it are addresses, and where each really leads.

/** An address in a text. */
export interface Link {
  /** Where it leads, in letters of ASCII only: what it is made to look like by other scripts or directions is gone. */
  address: string;
  /** Whose page that is: the host, and the port where it is not the usual one. */
  host: string;
  /** Whether something stands before the host that may be taken for it, as in `https://bank.example@evil.example`. */
  disguised: boolean;
}

/** A part of a text, which may be an address. */
export interface Piece {
  text: string;
  link: Link | null;
}

/** Letters of an address at most: what is longer is nothing that a person would open. */
const LONGEST = 2048;
/** An address goes on to a space, a quotation mark, or a sign that is not seen and may turn the line round. */
const WRITTEN = /(?<![\p{L}\p{N}_])https?:\/\/[^\s\p{Cc}\p{Cf}<>"“”„«»‹›`|]+/giu;
/** What ends a sentence is no part of the address before it. */
const ENDS = new Set(".,;:!?'’‘…*_~،؛؟۔。、，．！？：；");
const BRACKETS = new Map([[')', '('], [']', '['], ['}', '{'], ['）', '（'], ['】', '【'], ['」', '「']]);

/** Takes a text apart; the pieces together are the text. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const found of text.matchAll(WRITTEN)) {
    const written = found[0].length > LONGEST ? '' : withoutEnd(found[0]);
    const link = written === '' ? null : linkTo(written);
    if (!link) continue;
    if (found.index > end) pieces.push({ text: text.slice(end, found.index), link: null });
    end = found.index + written.length;
    pieces.push({ text: written, link });
  }
  if (end < text.length) pieces.push({ text: text.slice(end), link: null });
  return pieces;
}

/** The addresses in a text, each once. */
export function linksOf(text: string): Link[] {
  const links = piecesOf(text).flatMap(({ link }) => (link ? [link] : []));
  return [...new Map(links.map((link) => [link.address, link])).values()];
}

/** The address in a text that is written so, whole; nothing when it is there only as the beginning of another one. */
export function linkWritten(text: string, written: string): Link | null {
  return piecesOf(text).find((piece) => piece.link && piece.text === written)?.link ?? null;
}

/** Says where an address leads, as the browser reads it; nothing when it leads to no page of the web. */
export function linkTo(written: string): Link | null {
  const url = read(written);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.host === '') return null;
  return { address: url.href, host: url.host, disguised: url.username !== '' || url.password !== '' };
}

// `URL.canParse` would be shorter; in Node 20 it begins to refuse hosts like bücher.example once it has been asked often.
function read(written: string): URL | null {
  try {
    return new URL(written);
  } catch {
    return null;
  }
}

/** Without what ends the sentence around it, and without a bracket that was opened before it. */
function withoutEnd(written: string): string {
  // Counted once: whoever sends nothing but brackets costs no more than others.
  const counts = new Map<string, number>();
  for (const sign of written) counts.set(sign, (counts.get(sign) ?? 0) + 1);
  let end = written.length;
  for (; end > 0; end -= 1) {
    const last = written[end - 1] ?? '';
    const opening = BRACKETS.get(last);
    const n = counts.get(last) ?? 0;
    const isLoose = opening !== undefined && n > (counts.get(opening) ?? 0);
    if (!isLoose && !ENDS.has(last)) break;
    counts.set(last, n - 1);
  }
  return written.slice(0, end);
}
