// Addresses of web pages in messages: nothing leaves for there before the person has agreed, and then the page learns nothing of Kith.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { friends } from './meeting.mjs';

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

test('nothing else of it made the browser complain', () => {
  assert.deepEqual(all.wrong.filter((one) => !one.includes(`127.0.0.1:${site.address().port}`) && !one.includes('favicon')), []);
});
