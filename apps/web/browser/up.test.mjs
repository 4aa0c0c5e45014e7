// The demonstration, from the one command that the README names to a conversation in the app.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, test } from 'node:test';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { chromium } from 'playwright-core';

import { Person } from './person.mjs';
import { folder, openBrowser, programs, web } from './programs.mjs';

const PASSWORD = 'a password for the demonstration';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../../..');

let demonstration;
let context;
let world;
let said;

beforeEach(async () => {
  world = await folder();
});

afterEach(async () => {
  await context?.close().catch(() => {});
  demonstration?.kill('SIGINT');
  await demonstration?.ended;
  await world?.remove();
});

function begin(...more) {
  said = '';
  demonstration = spawn(join(programs, 'xtask'), ['up', '--app', resolve(web), ...more], { cwd: root, stdio: ['pipe', 'ignore', 'pipe'] });
  demonstration.ended = new Promise((done) => demonstration.once('exit', done));
  createInterface({ input: demonstration.stderr }).on('line', (line) => (said += `${line}\n`));
}

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
  begin();
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
  await amina.saysTheSame();
  demonstration.stdin.write('y\n');
  await amina.open('Bruno');
  await amina.message('It is. Bring the plum cake.').waitFor();
  await amina.message('Bruno, is the kettle on?').waitFor();
  if (process.env.KITH_PICTURES) await amina.page.screenshot({ path: join(process.env.KITH_PICTURES, 'up.png') });
});

test('the demonstration opens a browser in the conversation by itself, and what is written there reaches the other', async () => {
  begin('--headless');
  await says(/It shows the conversation/);
  // Where the browser of the demonstration says how to look into it.
  const [port] = (await readFile(join(root, 'target/up/browser/DevToolsActivePort'), 'utf8')).split('\n');
  context = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
  const amina = new Person(context.contexts()[0].pages()[0]);
  await amina.message('Bruno, is the kettle on?').waitFor();
  await amina.message('It is. Bring the plum cake.').waitFor();
  await amina.say('I am in the browser now.');
  // Bruno goes online as whoever runs the demonstration is told to make him do.
  const deadline = Date.now() + 120_000;
  while (!(await bruno('log', 'Amina')).includes('I am in the browser now.')) {
    assert.ok(Date.now() < deadline, 'Bruno did not get it');
    await bruno('sync');
  }
  await amina.message('I am in the browser now.').and(amina.page.locator('[data-state="delivered"]')).waitFor();
});

/** Runs a command of Bruno's, and returns what it wrote. */
async function bruno(...words) {
  const [, password] = said.match(/KITH_PASSWORD='(.+)'/);
  const { stdout } = await run(join(programs, 'kith'), ['--home', join(root, 'target/up/bruno'), ...words], { env: { KITH_PASSWORD: password } });
  return stdout;
}
