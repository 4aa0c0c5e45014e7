// The app without its server: it can be installed, opens, shows what was said, and sends later what was written meanwhile.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { join } from 'node:path';

import { PASSWORD, friends, strangers } from './meeting.mjs';
import { Person } from './person.mjs';
import { Server, web } from './programs.mjs';

const SAID = 'The plums are ripe, come over.';
const LATER = 'I write this on the train, without a network.';

let all;

before(async () => {
  all = await friends();
  await all.ana.say(SAID);
  await all.ana.reaches(SAID, 'accepted');
  await all.page.evaluate(() => navigator.serviceWorker.ready);
});

after(async () => {
  await all?.end();
});

test('the browser finds nothing that would keep it from installing the app', async () => {
  const { context, page } = all;
  const browser = await context.newCDPSession(page);
  const { errors } = await browser.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
  const { installabilityErrors } = await browser.send('Page.getInstallabilityErrors');
  // A profile without a name of its own counts as one that forgets.
  assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito'), []);
});

test('every icon of the manifest is there and as large as it says', async () => {
  const { icons } = JSON.parse(await readFile(join(web, 'kith.webmanifest'), 'utf8'));
  assert.ok(['any', 'maskable', 'monochrome'].every((purpose) => icons.some((icon) => icon.purpose === purpose)));
  for (const { src, sizes, type } of icons) {
    const answer = await fetch(all.server.url + src);
    assert.equal(answer.headers.get('content-type'), type);
    if (type !== 'image/png') continue;
    const bytes = Buffer.from(await answer.arrayBuffer());
    assert.equal(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`, sizes, src);
  }
});

/** What a page has kept, each with its hash. */
const keptBy = (page) =>
  page.evaluate(async () => {
    const found = {};
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) {
        const bytes = await (await cache.match(request)).arrayBuffer();
        const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
        found[`${name} ${new URL(request.url).pathname}`] = btoa(String.fromCharCode(...hash));
      }
    }
    return found;
  });

/** What the build lists, each with its hash: what there must be, and of what is there for later only this. */
async function listed(later) {
  const { build } = JSON.parse(await readFile(join(web, 'build.json'), 'utf8'));
  const service = await readFile(join(web, 'service-worker.js'), 'utf8');
  const { files } = JSON.parse(service.slice('const SHELL='.length, service.indexOf(';\n')));
  const wanted = Object.entries(files).filter(([path]) => !path.startsWith('/assets/later/') || later.test(path));
  return Object.fromEntries(wanted.map(([path, hash]) => [`kith-${build} ${path}`, hash.replace('sha256-', '')]));
}

test('what nobody needs to begin is not kept before somebody is there', async () => {
  const first = await strangers();
  try {
    await first.page.goto(first.server.url);
    await first.ana.at('start-name').waitFor();
    await first.page.evaluate(() => navigator.serviceWorker.ready);
    assert.deepEqual(await keptBy(first.page), await listed(/^$/));
  } finally {
    await first.end();
  }
});

test('what is kept is this build, whole and true, with the emoji of one language and what reads codes, and nothing else', async () => {
  await all.page.waitForFunction(async () => (await (await caches.open((await caches.keys())[0])).keys()).filter(({ url }) => url.includes('/later/')).length === 3);
  const kept = await keptBy(all.page);
  assert.deepEqual(kept, await listed(/emoji-en|emoji-groups|codes/));
  const index = createHash('sha256').update(await readFile(join(web, 'index.html'))).digest('base64');
  assert.ok(Object.entries(kept).some(([path, hash]) => path.endsWith(' /') && hash === index));
});

test('without the server it opens, unlocks, and shows what was said', async () => {
  const { ana, page, server } = all;
  await server.stop();
  await page.reload();
  await ana.unlock(PASSWORD);
  await ana.at('list-item').first().waitFor();
  if (!(await ana.at('composer-text').isVisible())) await ana.open('Belarmino');
  await ana.message(SAID).waitFor();
  await chooseEmoji(ana);
  await ana.at('emoji').first().waitFor();
  await page.keyboard.press('Escape');
});

test('what is written without the server goes out when it is there again', async () => {
  const { ana, bela, page, server } = all;
  await ana.say(LATER);
  await page.locator('[data-test="message"][data-state="waiting"]').filter({ hasText: LATER }).waitFor();
  all.server = await Server.start(server.data, server.port);
  await ana.reaches(LATER, 'accepted');
  await bela.until('it is there', async () => (await bela.run('log', 'Anastasia')).some((one) => one.text === LATER));
});

/** Opens the palette for a reaction. */
async function chooseEmoji(person) {
  await person.message(SAID).focus();
  await person.page.keyboard.press('Enter');
  await person.at('emoji-other').click();
  await person.at('emoji-palette').waitFor();
}

test('a new window opens without the server as well, in every language, and says so when the emoji of that language are not here', async () => {
  const { context, page, server } = all;
  await all.server.stop();
  await page.close();
  const other = await context.newPage();
  const ana = new Person(other);
  await other.goto(server.url);
  await ana.at('unlock-password').waitFor();
  await other.evaluate(() => localStorage.setItem('kith-look', JSON.stringify({ language: 'ar' })));
  await other.reload();
  await ana.at('unlock-password').waitFor();
  await other.waitForFunction(() => document.documentElement.dir === 'rtl');
  await ana.unlock(PASSWORD);
  await ana.open('Belarmino');
  await chooseEmoji(ana);
  await ana.at('emoji-palette').filter({ hasText: 'ليست على هذا الجهاز بعد' }).waitFor();
  all.server = await Server.start(server.data, server.port);
});

test('no page did what it must not', () => {
  const expected = /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|ERR_FAILED|service worker.*fetching the script|interrupted/i;
  assert.deepEqual(all.wrong.filter((one) => !expected.test(one)), []);
});
