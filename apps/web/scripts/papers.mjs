// Writes, beside what was built, the licences, `build.json` (the version, and one hash over everything), and the service worker with the
// list of all files. Same sources, same bytes.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

import ts from 'typescript';

/** The packages whose code is in what people load. */
const SHIPPED = ['svelte', 'jsqr'];
/** Licences of data in what people load. */
const DATA = ['src/lib/emoji/licences.txt'];
const SERVICE = 'src/service/service-worker.ts';

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
      if (existsSync(folder)) writePapers(folder);
    },
  };
}

/** Writes the papers of the app in a folder; what is packed there must be gone. */
export function writePapers(folder) {
  const put = (name, text) => writeFileSync(join(folder, name), text);
  put('licences.txt', licences());
  const service = compiled(SERVICE);
  const files = Object.fromEntries(filesIn(folder).map((file) => [pathOf(folder, file), readFileSync(file)]));
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  // The list stands in the service worker, which is therefore no part of it; its program counts all the same.
  const build = hashOf({ ...files, '/service-worker.js': Buffer.from(service) });
  put('build.json', `${JSON.stringify({ version, build })}\n`);
  const listed = { ...files, '/build.json': readFileSync(join(folder, 'build.json')) };
  const shell = { build, files: Object.fromEntries(sorted(listed).map(([path, bytes]) => [path, `sha256-${sha256(bytes, 'base64')}`])) };
  put('service-worker.js', `const SHELL=${JSON.stringify(shell)};\n${service}`);
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
  return [own, ...others, ...DATA.map((file) => readFileSync(file, 'utf8'))].join('\n----\n\n');
}

/** A program of one file, without its types. */
function compiled(path) {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, removeComments: true };
  return ts.transpileModule(readFileSync(path, 'utf8'), { compilerOptions }).outputText;
}

/** SHA-256 over paths and contents, in the order of the paths. */
function hashOf(files) {
  const hash = createHash('sha256');
  for (const [path, bytes] of sorted(files)) hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  return hash.digest('hex');
}

function sha256(bytes, encoding) {
  return createHash('sha256').update(bytes).digest(encoding);
}

/** By code points, whatever the language of the machine. */
function sorted(files) {
  return Object.entries(files).sort(([one], [other]) => (one < other ? -1 : 1));
}

/** The path under which a file is served. */
function pathOf(folder, file) {
  const name = relative(folder, file).replaceAll('\\', '/');
  return name === 'index.html' ? '/' : `/${name}`;
}

function filesIn(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });
}
