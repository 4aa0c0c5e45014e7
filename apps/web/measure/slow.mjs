// A slower machine: a whole browser, with its workers and what fetches and draws for it, stands still for three quarters of the time.
//
// The browser's own throttling slows the page alone, and the engine is in a worker.

import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds of one turn: a quarter of it is run. */
const TURN = 20;
/** How often it is looked which processes there are, in turns. */
const LOOK = 5;

/** Slows everything that belongs to the browser with this profile. Returns what ends that. */
export function slow(profile) {
  let pids = [];
  let turn = 0;
  let goes = true;
  const tell = (signal) => {
    for (const pid of pids) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended.
      }
    }
  };
  const run = () => {
    if (!goes) return;
    if (turn++ % LOOK === 0) pids = family(profile);
    tell('SIGCONT');
    setTimeout(stop, TURN / 4);
  };
  const stop = () => {
    if (!goes) return;
    tell('SIGSTOP');
    setTimeout(run, (TURN * 3) / 4);
  };
  run();
  return () => {
    goes = false;
    tell('SIGCONT');
  };
}

/** The browser's first process, known by its profile, and all that come from it. */
function family(profile) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      return { pid: Number(name), parent, ours: words.includes(`--user-data-dir=${profile}`) };
    } catch {
      return { pid: 0, parent: 0, ours: false };
    }
  });
  const found = new Set(all.filter((one) => one.ours).map((one) => one.pid));
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const one of all) if (found.has(one.parent)) found.add(one.pid);
  }
  found.delete(0);
  return [...found];
}
