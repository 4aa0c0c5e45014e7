// The app from `kith web`: it comes from this machine, and the home server is somebody else's.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { PASSWORD, introduce, strangers } from './meeting.mjs';
import { OwnMachine, watch } from './programs.mjs';

let all;
let own;
let wrong;

beforeEach(async () => {
  all = await strangers();
});

afterEach(async () => {
  await own?.stop();
  await all?.end();
});

async function open(...more) {
  own = await OwnMachine.start(all.world.path, ...more);
  wrong = watch(all.context, new URL(own.url).origin);
  await all.page.goto(own.url);
}

test('a home server has to be named, and without being allowed one without TLS is out of reach, and nothing is made', async () => {
  const { ana, page, server } = all;
  await open();
  await ana.fillStart('Anastasia', PASSWORD, server.url);
  assert.equal(await ana.at('start-other').count(), 0, 'what serves this page is no home server, and is not offered');
  await page.locator('[role="alert"]').waitFor();
  await page.reload();
  await ana.at('start-name').waitFor();
});

test('somebody begins, meets and talks through the app of their own machine, also when the server is allowed later', async () => {
  const { ana, bela, page, server } = all;
  await open();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await own.stop();
  await open('--local-server', server.url);
  // What is kept in the browser has the policy of before; with the next start it has that of today.
  await page.evaluate(async () => {
    const cache = await caches.open((await caches.keys())[0]);
    const worker = (await cache.keys()).find(({ url }) => new URL(url).pathname.startsWith('/assets/worker-'));
    const policy = async () => (await cache.match(worker)).headers.get('content-security-policy');
    while (!(await policy()).includes('ws://127.0.0.1')) await new Promise((done) => setTimeout(done, 50));
  });
  await page.reload();
  await ana.fillStart('Anastasia', PASSWORD, server.url);
  await ana.at('meet').first().waitFor();
  await introduce(all);
  await ana.say('From my own machine');
  await ana.reaches('From my own machine', 'accepted');
  await bela.until('it is there', async () => (await bela.run('log', 'Anastasia')).some((one) => one.text === 'From my own machine'));
  const gone = /ERR_CONNECTION_REFUSED|status of 404|WebSocket connection to .* failed/;
  assert.deepEqual(wrong.filter((one) => one !== `request to ${server.url}` && !gone.test(one)), []);
});
