// Packs the built files, once and as small as it goes, so that a home server does not have to.

import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const [folder] = process.argv.slice(2);
/** What a first visit may cost on the wire, everything together: the page, the engine, and what is kept so that it opens without a network. In bytes. */
const LIMIT = 1.5 * 1024 * 1024;
/** What comes after that, as it is wanted. */
const LATER = /[\\/]assets[\\/]later[\\/]/;
const KINDS = /\.(html|js|css|wasm|svg|json|webmanifest|txt)$/;

let plain = 0;
let packed = 0;
let later = 0;
for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
  if (!entry.isFile()) continue;
  const file = join(entry.parentPath ?? entry.path, entry.name);
  if (/\.(br|gz)$/.test(file)) {
    await rm(file);
    continue;
  }
  const bytes = await readFile(file);
  if (!KINDS.test(file)) {
    plain += bytes.length;
    count(file, bytes.length);
    continue;
  }
  const hint = file.endsWith('.wasm') ? constants.BROTLI_MODE_GENERIC : constants.BROTLI_MODE_TEXT;
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_MODE]: hint, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const br = brotliCompressSync(bytes, { params });
  const gz = gzipSync(bytes, { level: 9 });
  if (br.length < bytes.length) await writeFile(`${file}.br`, br);
  if (gz.length < bytes.length) await writeFile(`${file}.gz`, gz);
  plain += bytes.length;
  count(file, Math.min(br.length, bytes.length));
}
if (packed > LIMIT) {
  console.error(`${folder} is ${(packed / 1024).toFixed(0)} KiB when it is packed, and ${LIMIT / 1024} KiB are the most`);
  process.exitCode = 1;
}
console.log(`${folder}: ${(plain / 1024).toFixed(0)} KiB, packed ${(packed / 1024).toFixed(0)} KiB, and ${(later / 1024).toFixed(0)} KiB that come later`);

function count(file, bytes) {
  if (LATER.test(file)) later += bytes;
  else packed += bytes;
}
