// Makes the data of the emoji palette: which emoji there are, in their groups, and words by which each is found in our languages. What it makes
// is committed; who wants newer emoji installs `unicode-emoji-json` and `cldr-annotations-full` in a folder: node scripts/emoji.mjs FOLDER

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const folder = process.argv[2];
if (!folder) throw new Error('node scripts/emoji.mjs FOLDER');
const require = createRequire(join(folder, 'package.json'));
const LANGUAGES = ['en', 'de', 'fr', 'es', 'ar'];
/** Emoji of later versions are empty boxes on many machines. */
const NEWEST = 15;
/** Words of one emoji, beside its name. */
const MOST_WORDS = 9;
const GROUPS = { 'Smileys & Emotion': 'faces', 'People & Body': 'people', 'Animals & Nature': 'nature', 'Food & Drink': 'food', 'Travel & Places': 'places', Activities: 'play', Objects: 'things', Symbols: 'signs', Flags: 'flags' };
const OUT = 'src/lib/emoji';

const groups = require('unicode-emoji-json/data-by-group.json').map(({ name, emojis }) => ({ name: GROUPS[name], emojis: emojis.filter(isWanted) }));
const list = groups.map(({ name, emojis }) => `  { name: '${name}', emoji: '${emojis.map(({ emoji }) => emoji).join(' ')}' },`);
write('groups.ts', `/** Emoji in their groups, in the order of Unicode, with spaces between. */\nexport const GROUPS = [\n${list.join('\n')}\n] as const;\n`);

for (const language of LANGUAGES) {
  const { annotations } = require(`cldr-annotations-full/annotations/${language}/annotations.json`).annotations;
  const lines = groups.flatMap(({ emojis }) => emojis).map((one) => line(one, annotations));
  write(`${language}.ts`, `/** For each emoji of the groups a line: its name, and words that lead to it. Flags of countries have none: their names are the browser's. */\nexport default ${JSON.stringify(lines.join('\n'))};\n`);
}
const licence = (name) => `${name} ${require(`${name}/package.json`).version}\n\n${readFileSync(join(folder, 'node_modules', name, 'LICENSE'), 'utf8').trim()}\n`;
writeFileSync(join(OUT, 'licences.txt'), `Emoji and their words, from\n\n${licence('unicode-emoji-json')}\n${licence('cldr-annotations-full')}`);

/** One of each: the same with another skin, or for men and women alone, is left to the keyboards that have them. */
function isWanted({ emoji, name, emoji_version: version }) {
  return Number(version) <= NEWEST && !/\u200d[♀♂]|^[👨👩]\u200d/u.test(emoji) && !name.includes('skin tone');
}

function line({ emoji, name: inEnglish }, annotations) {
  if (/^[\u{1f1e6}-\u{1f1ff}]{2}$/u.test(emoji)) return '';
  const of = (sign) => annotations[sign] ?? annotations[sign.replaceAll('\ufe0f', '')];
  const whole = of(emoji) ? [of(emoji)] : emoji.split('\u200d').map(of).filter(Boolean);
  // Keycaps are called as they look; three flags have a name in English only.
  const fallback = /^[0-9#*]/u.test(emoji) ? emoji.slice(0, 1) : inEnglish;
  const name = whole.map(({ tts }) => tts?.[0]).filter(Boolean).join(' · ') || fallback;
  const named = new Set(name.toLowerCase().split(/[\s·]+/u));
  const words = new Set(whole.flatMap((one) => one.default ?? []).flatMap((one) => one.toLowerCase().split(/[\s|]+/u)).filter((word) => !named.has(word)));
  return [name, ...[...words].slice(0, MOST_WORDS)].join(' ').replace(name, `${name}|`).replace('| ', '|').replace(/\|$/u, '');
}

function write(name, text) {
  writeFileSync(join(OUT, name), `// Made by scripts/emoji.mjs; not to be edited.\n\n${text}`);
}
