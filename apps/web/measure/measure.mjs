// Measures the app as people get it, in a real browser against a real home server: `cargo xtask web --measure`.
//
// Each number is taken several times; the median counts, and the least and the greatest are told. KITH_MESSAGES and KITH_ROUNDS ask for
// fewer than usual, KITH_LONG_BACKUP names the program that makes the long conversation.

import { cpus, loadavg } from 'node:os';

import { LongTalk } from './long.mjs';
import { writeInto } from './paper.mjs';
import { visits } from './visits.mjs';

const rounds = Number(process.env.KITH_ROUNDS ?? 7);
const messages = Number(process.env.KITH_MESSAGES ?? 100_000);

const before = loadavg()[1];
const found = await visits(rounds);
console.log(found);
const long = await LongTalk.begin(messages);
try {
  for (let round = 0; round < rounds; round += 1) await long.enter();
  for (let round = 0; round < rounds; round += 1) await long.scroll();
  await long.receive(rounds * 5);
} finally {
  await long.end();
}
Object.assign(found, long.found);
console.log(found);
const load = Math.max(before, loadavg()[1]).toFixed(1);
await writeInto(process.env.KITH_PAPER, found, { rounds, messages, machine: `${cpus().length} cores (${cpus()[0].model.trim()}), load ${load}` });
