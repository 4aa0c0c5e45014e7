// Addresses of web pages in messages: nothing leaves for there before the person has agreed, and then the page learns nothing of Kith. What
// stands in localhost.pem is a certificate and its key for pages of these tests; nobody else believes it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { friends } from './meeting.mjs';

/** A picture of one dot. */
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGM4oREFAAMGAUsNYDTxAAAAAElFTkSuQmCC', 'base64');

let all;
let site;
const asked = [];

before(async () => {
  site = createServer((request, response) => {
    asked.push({ path: request.url, referer: request.headers.referer });
    response.setHeader('Content-Type', 'text/html');
    response.end('<title>Plum cake</title>');
  });
  await new Promise((done) => site.listen(0, '127.0.0.1', done));
  all = await friends();
});

after(async () => {
  await all?.end();
  site?.close();
});

test('an address is followed only when the person says so', async () => {
  const { ana, bela, context, page } = all;
  const address = `http://127.0.0.1:${site.address().port}/plum_(late)`;
  await bela.run('send', 'Anastasia', `The recipe (${address}). <a href="${address}">markup</a> javascript:alert(1)`, '--wait', 'delivered');
  const message = ana.message('The recipe');
  await message.waitFor();
  // Both are the same address; what looks like markup around the second is shown as it is.
  assert.deepEqual(await message.locator('[data-test="web-link"]').allInnerTexts(), [address, address]);
  assert.equal(await message.locator('a').count(), 0);
  await message.locator('[data-test="web-link"]').first().hover();
  await message.locator('[data-test="web-link"]').first().click();
  await page.getByRole('heading', { name: `127.0.0.1:${site.address().port}` }).waitFor();
  await page.keyboard.press('Escape');
  await ana.at('web-yes').waitFor({ state: 'detached' });
  assert.deepEqual(asked, []);
  assert.deepEqual(all.wrong, []);

  await message.locator('[data-test="web-link"]').first().click();
  const [opened] = await Promise.all([context.waitForEvent('page'), ana.at('web-yes').click()]);
  await opened.waitForFunction(() => document.title === 'Plum cake');
  assert.equal(await opened.evaluate(() => window.opener), null);
  assert.deepEqual(asked.filter(({ path }) => path !== '/favicon.ico'), [{ path: '/plum_(late)', referer: undefined }]);
  await opened.close();
});

test('the preview of a page comes with its message, and the app asks nobody for it', async () => {
  const { ana, bela } = all;
  const pem = fileURLToPath(new URL('./localhost.pem', import.meta.url));
  const papers = await readFile(pem);
  const paths = [];
  const page = createSecureServer({ cert: papers, key: papers, minVersion: 'TLSv1.3' }, (request, response) => {
    paths.push(request.url);
    if (request.url === '/plum.png') return response.writeHead(200, { 'Content-Type': 'image/png' }).end(PNG);
    const html = '<head><meta property="og:title" content="Plum cake &lt;b&gt;"><meta name="description" content="Mostly patience"><meta property="og:image" content="/plum.png"></head>';
    return response.writeHead(200, { 'Content-Type': 'text/html' }).end(html);
  });
  await new Promise((done) => page.listen(0, '127.0.0.1', done));
  const address = `https://localhost:${page.address().port}/plum`;
  const [sent] = await bela.run('send', 'Anastasia', `Bake it: ${address}`, '--preview', '--preview-inside', pem, '--wait', 'delivered');
  assert.equal(sent.previewed, true);
  const card = ana.message('Bake it').locator('[data-test="preview"]');
  await card.waitFor();
  // What the page says about itself is text, whatever it looks like.
  assert.match(await card.innerText(), /^localhost:\d+\s+Plum cake <b>\s+Mostly patience$/);
  await all.page.waitForFunction(() => document.querySelector('[data-test="preview"] img')?.naturalWidth > 0);
  assert.deepEqual(paths, ['/plum', '/plum.png'], 'only the sender has read it');
  await card.click();
  await ana.at('web-yes').waitFor();
  await all.page.keyboard.press('Escape');
  assert.equal(paths.length, 2);
  page.close();
});

test('nothing else of it made the browser complain', () => {
  assert.deepEqual(all.wrong.filter((one) => !one.includes(`127.0.0.1:${site.address().port}`) && !one.includes('favicon')), []);
});
