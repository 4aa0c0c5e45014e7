// The demonstration, from the one command that the README names to a conversation in the app.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { Person } from './person.mjs';
import { folder, openBrowser, programs, web } from './programs.mjs';

const PASSWORD = 'a password for the demonstration';

let demonstration;
let context;
let world;
let said = '';

before(async () => {
  world = await folder();
  const root = resolve(import.meta.dirname, '../../..');
  demonstration = spawn(join(programs, 'xtask'), ['up', '--app', resolve(web)], { cwd: root, stdio: ['pipe', 'ignore', 'pipe'] });
  demonstration.ended = new Promise((done) => demonstration.once('exit', done));
  createInterface({ input: demonstration.stderr }).on('line', (line) => (said += `${line}\n`));
});

after(async () => {
  await context?.close().catch(() => {});
  demonstration?.kill('SIGINT');
  await demonstration?.ended;
  await world?.remove();
});

/** Waits until the demonstration has said something. */
async function says(pattern) {
  const deadline = Date.now() + 300_000;
  while (Date.now() < deadline && demonstration.exitCode === null) {
    const found = said.match(pattern);
    if (found) return found;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error(`the demonstration did not say ${pattern}: ${said}`);
}

test('what the demonstration prints leads into the conversation, with a password and one look at a code', async () => {
  const [, address] = await says(/The app: (http:\/\/127\.0\.0\.1:\d+)\s/);
  // The contact card before it is shown in part.
  const [link] = await says(/kith:card\/\S{400,}/);
  context = await openBrowser(join(world.path, 'profile'));
  const amina = new Person(context.pages()[0]);
  await amina.page.goto(address);
  await amina.beginToJoin(PASSWORD);
  await amina.at('link-side-take').click();
  await amina.at('link-take-link').fill(link);
  await amina.at('link-go').click();
  const [, code] = await says(/The code here is ([\d ]+)\./);
  assert.equal(await amina.code(), code.replaceAll(' ', ''));
  demonstration.stdin.write('y\n');
  await amina.open('Bruno');
  await amina.message('It is. Bring the plum cake.').waitFor();
  await amina.message('Bruno, is the kettle on?').waitFor();
  if (process.env.KITH_PICTURES) await amina.page.screenshot({ path: join(process.env.KITH_PICTURES, 'up.png') });
});
