// An honest guess at how long a password holds against somebody who has the device. Argon2id makes each try costly; a thief with a hundred
// graphics cards is taken to make a hundred thousand a second. The guess counts what a guesser counts: words, repeats, runs and years are
// cheap. It never sends anything anywhere.

/** How well a password protects: how long such a thief needs at most. `years` are a few hundred, `good` is longer than anybody lives. */
export type Strength = 'empty' | 'common' | 'seconds' | 'minutes' | 'hours' | 'days' | 'months' | 'years' | 'good';

const COMMON = new Set(
  ('password passwort passw0rd motdepasse contraseña 123456 1234567 12345678 123456789 1234567890 qwerty qwertz azerty qwertyuiop qwertzuiop iloveyou letmein welcome ' +
    'admin monkey dragon football baseball sunshine princess master shadow superman hallo schatz bonjour kith secret abc123 111111 000000 123123 password1 hello')
    .split(' '),
);

/** Below how many bits a good guesser needs no longer: a hundred thousand a second are 2^22.5 in a minute, and so on. */
const HOLDS: readonly (readonly [Strength, number])[] = [
  ['seconds', 22.5],
  ['minutes', 28.4],
  ['hours', 33],
  ['days', 36],
  ['months', 41.5],
  ['years', 50],
];

/** Says how well a password protects. */
export function strengthOf(password: string): Strength {
  if (password === '') return 'empty';
  if (COMMON.has(password.toLowerCase().replace(/[!.?\s]+$/, ''))) return 'common';
  const bits = bitsOf(password);
  return HOLDS.find(([, most]) => bits < most)?.[0] ?? 'good';
}

/** Bits of a password, as the cheapest of two ways to guess it: letter by letter, or word by word. */
export function bitsOf(password: string): number {
  return Math.min(bitsByLetters(password), bitsByWords(password));
}

function bitsByLetters(password: string): number {
  const letters = [...password];
  const each = Math.log2(alphabet(password));
  let bits = 0;
  letters.forEach((letter, index) => {
    const before = letters[index - 1];
    const step = before === undefined ? NaN : (letter.codePointAt(0) ?? 0) - (before.codePointAt(0) ?? 0);
    // Repeats and runs like 1234 add next to nothing.
    bits += step === 0 || Math.abs(step) === 1 ? 0.5 : each;
  });
  // A repeated half is guessed as the half.
  const half = password.slice(0, Math.floor(password.length / 2));
  return half.length > 2 && password === half + half ? bits / 2 + 1 : bits;
}

function bitsByWords(password: string): number {
  const words = password.match(/\p{L}+|\p{N}+|[^\p{L}\p{N}]+/gu) ?? [];
  const seen = new Set<string>();
  let bits = 0;
  for (const word of words) {
    const plain = word.toLowerCase();
    if (seen.has(plain)) bits += 1;
    else if (/^\p{L}{1,3}$/u.test(word)) bits += word.length * 5.7;
    else if (/^\p{L}+$/u.test(word)) bits += COMMON.has(plain) ? 6 : Math.min(13, word.length * 4.2);
    else if (/^(19|20)\d\d$/.test(word)) bits += 6;
    else if (/^\p{N}+$/u.test(word)) bits += COMMON.has(plain) ? 4 : Math.min(word.length * 3.3, 26);
    else bits += word === ' ' || word === '-' ? 0.5 : word.length * 4.3;
    seen.add(plain);
  }
  // Long strings without words are what the other count is for.
  const unlikely = words.some((word) => /^\p{L}{14,}$/u.test(word));
  return unlikely ? Infinity : bits;
}

function alphabet(password: string): number {
  let size = 0;
  if (/\p{Ll}|\p{Lo}/u.test(password)) size += 26;
  if (/\p{Lu}/u.test(password)) size += 26;
  if (/\p{N}/u.test(password)) size += 10;
  if (/[^\p{L}\p{N}]/u.test(password)) size += 20;
  return Math.max(size, 10);
}
