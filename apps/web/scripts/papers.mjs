// Writes, beside what was built, `build.json` (the version, and one hash over all other files) and `licences.txt`. Same sources, same hash.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The packages whose code is in what people load. */
const SHIPPED = ['svelte', 'jsqr'];

/** A plugin for Vite that writes the papers when everything else is there. */
export function buildPapers() {
  let folder = 'dist';
  return {
    name: 'kith-build-papers',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    closeBundle() {
      if (!existsSync(folder)) return;
      writeFileSync(join(folder, 'licences.txt'), licences());
      const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
      writeFileSync(join(folder, 'build.json'), `${JSON.stringify({ version, build: hashOf(folder) })}\n`);
    },
  };
}

function licences() {
  const own = 'Kith is licensed under Apache-2.0 OR MIT, as you choose.\n';
  const others = SHIPPED.map((name) => {
    const home = join('node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
    const file = readdirSync(home).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(join(home, file), 'utf8').trim() : '';
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  return [own, ...others].join('\n----\n\n');
}

/** SHA-256 over the names and contents of all files but `build.json`, in the order of their names. */
function hashOf(folder) {
  const hash = createHash('sha256');
  for (const file of filesIn(folder).sort()) {
    const name = relative(folder, file).replaceAll('\\', '/');
    if (name === 'build.json') continue;
    const bytes = readFileSync(file);
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

function filesIn(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });
}
