// A newer version: it announces itself, comes when it is asked for, and what was typed survives it. One that is not whole never comes.

import assert from 'node:assert/strict';
import { appendFile, cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { join } from 'node:path';

import { PASSWORD, friends } from './meeting.mjs';
import { Person } from './person.mjs';
import { Server, web } from './programs.mjs';
import { writePapers } from '../scripts/papers.mjs';

const DRAFT = 'Half a thought, and then';

let all;

before(async () => {
  all = await friends();
  await all.page.evaluate(() => navigator.serviceWorker.ready);
});

after(async () => {
  await all?.end();
});

/** Makes another build of the app: another page, with another name for its program. */
async function build(name) {
  const folder = join(all.world.path, name);
  await cp(web, folder, { recursive: true });
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (/\.(br|gz)$|^(build\.json|service-worker\.js)$/.test(entry.name)) await rm(join(entry.parentPath ?? entry.path, entry.name));
  }
  const page = await readFile(join(folder, 'index.html'), 'utf8');
  const [program] = page.match(/assets\/index-[\w-]+\.js/);
  await rename(join(folder, program), join(folder, `assets/index-${name}.js`));
  await writeFile(join(folder, 'index.html'), page.replace(program, `assets/index-${name}.js`).replace('<head>', `<head><meta name="build" content="${name}">`));
  writePapers(folder);
  return folder;
}

async function serve(folder) {
  await all.server.stop();
  all.server = await Server.start(all.server.data, all.server.port, folder);
}

/** Lets the browser ask for a newer build, and returns how its installation ended. */
async function ask(page) {
  return page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    const found = new Promise((done) => registration.addEventListener('updatefound', () => done(registration.installing), { once: true }));
    await registration.update();
    const service = await found;
    if (service.state !== 'installing') return service.state;
    return new Promise((done) => service.addEventListener('statechange', () => done(service.state), { once: true }));
  });
}

const nameOf = (page) => page.locator('meta[name="build"]').getAttribute('content');

test('a build of which one file is another is never used', async () => {
  const { ana, page } = all;
  const folder = await build('damaged');
  await appendFile(join(folder, 'licences.txt'), 'one line more');
  await serve(folder);
  assert.equal(await ask(page), 'redundant');
  await page.reload();
  await ana.unlock(PASSWORD);
  await ana.at('list-item').first().waitFor();
  assert.equal(await page.locator('meta[name="build"]').count(), 0, 'the old page came');
  assert.equal(await ana.at('new-version').count(), 0);
});

/** What lies in each build's store and was not needed to begin. */
const keptForLater = (page) =>
  page.evaluate(async () => {
    const stores = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
    return stores.map((requests) => requests.map(({ url }) => url).filter((url) => url.includes('/assets/later/')).sort());
  });

test('a newer version announces itself, and what was typed is there after it', async () => {
  const { ana, page } = all;
  if (!(await ana.at('composer-text').isVisible())) await ana.open('Belarmino');
  await page.waitForFunction(async () => (await (await caches.open((await caches.keys())[0])).keys()).filter(({ url }) => url.includes('/later/')).length === 3);
  await serve(await build('two'));
  assert.equal(await ask(page), 'installed');
  const stores = await keptForLater(page);
  assert.deepEqual(stores.at(-1), stores[0], 'what was kept for later is kept by the newer one');
  await ana.at('new-version').waitFor();
  assert.equal(await page.locator('meta[name="build"]').count(), 0, 'nothing changed by itself');
  await ana.at('composer-text').fill(DRAFT);
  await ana.at('new-version-go').click();
  await ana.at('unlock-password').waitFor();
  assert.equal(await nameOf(page), 'two');
  await ana.unlock(PASSWORD);
  await ana.at('list-item').first().waitFor();
  if (!(await ana.at('composer-text').isVisible())) await ana.open('Belarmino');
  await page.waitForFunction((draft) => document.querySelector('[data-test="composer-text"]')?.value === draft, DRAFT);
  assert.equal((await page.evaluate(() => caches.keys())).length, 1, 'the old version is gone');
});

test('a change waits while somebody changes a message', async () => {
  const { ana, page } = all;
  await ana.say('Bring the old pan');
  await ana.message('Bring the old pan').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: /edit|change/i }).click();
  await serve(await build('three'));
  assert.equal(await ask(page), 'installed');
  assert.equal(await ana.at('new-version').count(), 0);
  await ana.at('composer-text').press('Escape');
  await ana.at('new-version').waitFor();
});

test('all tabs change together', async () => {
  const { ana, context, page, server } = all;
  const other = await context.newPage();
  const there = new Person(other);
  await other.goto(server.url);
  await there.at('list-item').first().waitFor();
  assert.equal(await nameOf(other), 'two', 'an old version goes on in every tab until somebody asks');
  await ana.at('composer-text').fill(DRAFT);
  await there.at('new-version-go').click();
  for (const one of [page, other]) await one.waitForFunction(() => document.querySelector('meta[name="build"]')?.content === 'three');
  await other.close();
  await page.reload();
  await ana.unlock(PASSWORD);
  await ana.at('list-item').first().waitFor();
  if (!(await ana.at('composer-text').isVisible())) await ana.open('Belarmino');
  await page.waitForFunction((draft) => document.querySelector('[data-test="composer-text"]')?.value === draft, DRAFT);
});

test('no page did what it must not', () => {
  const expected = /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|Failed to find a valid digest in the 'integrity' attribute|service worker.*fetching the script/i;
  assert.deepEqual(all.wrong.filter((one) => !expected.test(one)), []);
});
