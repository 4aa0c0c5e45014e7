// What happens to people: a reload at the wrong moment, a browser that has thrown everything away, files on the disk that are damaged.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { friends, PASSWORD } from './meeting.mjs';

let all;

before(async () => {
  all = await friends();
  await all.page.evaluate(() => navigator.serviceWorker.ready);
});

after(async () => {
  await all?.end();
});

test('a reload in the middle of sending loses nothing and says nothing twice', async () => {
  const { ana, bela, page } = all;
  const texts = [];
  for (let round = 0; round < 4; round += 1) {
    const text = `Said just before the reload, ${round}`;
    texts.push(text);
    await ana.at('composer-text').fill(text);
    await page.evaluate((wait) => {
      document.querySelector('[data-test="composer-send"]').click();
      setTimeout(() => location.reload(), wait);
    }, round * 5);
    await page.waitForEvent('load');
    await ana.unlock(PASSWORD);
    await ana.at('list-item').first().waitFor();
    if (!(await ana.at('composer-text').isVisible())) await ana.open('Belarmino');
    const typed = await ana.at('composer-text').inputValue();
    const isThere = (await ana.message(text).count()) > 0;
    assert.ok(typed === '' || (typed === text && !isThere), `it is a draft or a message: ${typed}, ${isThere}`);
    // The last letters before a reload may be too young to be kept: then nothing was sent either, and nobody was told that it was.
    if (!isThere) await ana.say(text);
    await ana.reaches(text, 'accepted');
  }
  await bela.until('the last is there', async () => (await bela.run('log', 'Anastasia')).some((one) => one.text === texts.at(-1)));
  const log = (await bela.run('log', 'Anastasia')).map((one) => one.text);
  assert.deepEqual(texts.map((text) => log.filter((one) => one === text).length), texts.map(() => 1));
});

test('a file of the app that was changed on the device is put back, and never run', async () => {
  const { ana, context, page, server } = all;
  await page.evaluate(async () => {
    const cache = await caches.open((await caches.keys())[0]);
    const program = document.querySelector('script[src]').src;
    await cache.put(program, new Response('document.title = "changed"', { headers: { 'content-type': 'text/javascript' } }));
  });
  // The browser's own caches know nothing of it: what is run comes from the service worker.
  await page.goto('about:blank');
  await (await context.newCDPSession(page)).send('Network.clearBrowserCache');
  await page.goto(server.url);
  await ana.at('unlock-password').waitFor();
  assert.notEqual(await page.title(), 'changed');
  const [given, lies] = await page.evaluate(async () => {
    const program = document.querySelector('script[src]').src;
    const given = await fetch(program);
    return [(await given.text()).length, (await (await caches.match(program)).text()).length];
  });
  assert.ok(given > 1_000 && lies === given, 'what is kept is the program again');
});

test('a password that was typed before the engine is there opens when it comes, where the person was', async () => {
  const { ana, context, page } = all;
  await ana.unlock(PASSWORD);
  await ana.open('Belarmino');
  await page.evaluate(async () => {
    const cache = await caches.open((await caches.keys())[0]);
    for (const { url } of await cache.keys()) if (url.endsWith('.wasm')) await cache.delete(url);
  });
  await (await context.newCDPSession(page)).send('Network.clearBrowserCache');
  let goOn;
  const released = new Promise((done) => (goOn = done));
  const isHeld = new Promise((done, failed) => {
    setTimeout(failed, 60_000, new Error('nobody asked for the engine')).unref();
    void context.route('**/*.wasm', async (route) => {
      done();
      await released;
      await route.continue();
    });
  });
  await page.reload();
  await ana.unlock(PASSWORD);
  await isHeld;
  assert.equal(await ana.at('list-item').count(), 0, 'without the engine nothing is open');
  goOn();
  await ana.at('composer-text').waitFor();
  await context.unroute('**/*.wasm');
});

test('after the browser has cleared everything, nobody is here, and somebody can begin anew', async () => {
  const { ana, bela, context, page, server } = all;
  const browser = await context.newCDPSession(page);
  await page.goto('about:blank');
  await browser.send('Storage.clearDataForOrigin', { origin: server.url, storageTypes: 'all' });
  await page.goto(server.url);
  await ana.begin('Anastasia', PASSWORD);
  assert.equal(await ana.at('list-item').count(), 0, 'nothing of before is shown');
  const link = await ana.giveCard('Belarmino');
  await bela.run('card', 'accept', link, '--name', 'Anastasia anew');
  await bela.until('they know each other again', async () => (await bela.run('contacts')).filter((one) => one.state === 'established').length === 2);
  await ana.at('meet-done').or(ana.at('composer-text')).first().waitFor();
});

test('no page did what it must not', () => {
  const expected = /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|Failed to load resource.*favicon/;
  assert.deepEqual(all.wrong.filter((one) => !expected.test(one)), []);
});
