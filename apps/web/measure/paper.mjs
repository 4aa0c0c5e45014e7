// Writes what was measured into a document, between two marks: the rest of it is written by people.

import { readFile, writeFile } from 'node:fs/promises';

const BEGIN = '<!-- measured: cargo xtask web --measure -->';
const END = '<!-- /measured -->';

const times = (values) => told(values, (value) => value.toFixed(value < 10 ? 1 : 0), ' ms');
const sizes = (values) => told(values, (value) => (value / 1024).toFixed(0), ' KiB');
const counts = (values) => told(values, String, '');

/** What is told, in its order: what it is, what is wanted of the median, and what was found. */
const ROWS = [
  ['bytes of a first visit, with what opens Kith without a network', '≤ 1,536 KiB', 1.5 * 1024 * 1024, 'firstBytes', sizes],
  ['first visit until something can be done, everything four times slower', '< 2,000 ms', 2_000, 'first', times],
  ['a later visit, in a browser that was just started', '< 2,000 ms', 2_000, 'later', times],
  ['unlocking, until the list is there', '', null, 'unlock', times],
  ['opening the conversation, the first time after unlocking', '≤ 150 ms', 150, 'opened', times],
  ['opening it again', '≤ 150 ms', 150, 'again', times],
  ['a message, from its frame on the WebSocket until it is painted', '≤ 100 ms', 100, 'arrival', times],
  ['scrolling: from picture to picture', '', null, 'scrollFrame', times],
  ['scrolling: the longest gap between two pictures', '', null, 'scrollLongest', times],
  ['far away at once, until messages are there', '', null, 'dragged', times],
  ['pictures with a hole, of 240', '0', 0, 'holes', counts],
  ['jumps of what is under the eye, of 60', '0', 0, 'jumps', counts],
  ['restoring it all from a backup', '', null, 'restored', times],
];

/** Replaces what stands between the marks. Without a document, it is only shown. */
export async function writeInto(document, found, about) {
  const rows = ROWS.filter(([, , , key]) => found[key]?.length > 0).map(([what, wanted, most, key, tell]) => {
    const middle = median(found[key]);
    const verdict = most === null ? '' : middle <= most ? 'met' : 'missed';
    return `| ${what} | ${wanted} | ${tell(found[key])} | ${verdict} |`;
  });
  const said = `With ${about.messages.toLocaleString('en')} messages in ${about.rounds} rounds, on ${about.machine}.`;
  const text = [said, '', '| | wanted | reached (least to greatest) | |', '|---|---|---|---|', ...rows].join('\n');
  console.log(text);
  if (!document) return;
  const paper = await readFile(document, 'utf8');
  const [begin, end] = [paper.indexOf(BEGIN), paper.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${document} has no place for what was measured`);
  await writeFile(document, `${paper.slice(0, begin + BEGIN.length)}\n${text}\n${paper.slice(end)}`);
}

/** The median, and between which values it lies. */
function told(values, write, unit) {
  const [least, middle, greatest] = [Math.min(...values), median(values), Math.max(...values)].map(write);
  return least === greatest ? `${middle}${unit}` : `${middle}${unit} (${least} to ${greatest})`;
}

function median(values) {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)];
}
