// The app in a real browser, against a real home server and somebody at a real terminal.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { join } from 'node:path';

import { PASSWORD, introduce, strangers } from './meeting.mjs';
import { findReadable, Server } from './programs.mjs';

const TEXTS = ['Is the kettle on, dear Belarmino?', 'It sings already, Anastasia.', '<img src=x onerror=alert(1)> **bold**'];

let all;
let { server, bela, context, page, ana, wrong, profile } = {};

before(async () => {
  all = await strangers();
  ({ server, bela, context, page, ana, wrong, profile } = all);
});

after(async () => {
  await all?.end();
});

test('the first visit begins before the engine has come, and makes a person at this home server', async () => {
  let bring;
  const held = new Promise((done) => (bring = done));
  const wanted = page.waitForRequest('**/*.wasm');
  await context.route('**/*.wasm', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(server.url);
  await ana.at('start-name').fill('Anas');
  await wanted;
  bring();
  await ana.begin('Anastasia', PASSWORD);
  await context.unroute('**/*.wasm');
});

test('a card that was given in the app is answered at a terminal, and both talk', async () => {
  const link = await introduce(all);
  assert.match(link, /^kith:card\//);
  await ana.say(TEXTS[0]);
  await ana.reaches(TEXTS[0], 'accepted');
  await bela.until('the message is there', async () => (await bela.run('log', 'Anastasia')).some((one) => one.text === TEXTS[0]));
  await ana.reaches(TEXTS[0], 'delivered');
  await bela.run('send', 'Anastasia', TEXTS[1], '--wait', 'delivered');
  await ana.message(TEXTS[1]).waitFor();
  await bela.run('send', 'Anastasia', TEXTS[2], '--wait', 'delivered');
  // Whatever somebody writes is shown and never done.
  await ana.message(TEXTS[2]).waitFor();
  assert.equal(await page.locator('img[src="x"]').count(), 0);
});

test('after a reload the password opens what was said', async () => {
  await page.reload();
  await ana.at('unlock-password').waitFor();
  assert.equal(await page.getByText(TEXTS[0]).count(), 0, 'nothing is readable before');
  await ana.unlock('not the password');
  await page.locator('[aria-invalid="true"], [role="alert"]').first().waitFor();
  await ana.unlock(PASSWORD);
  await ana.at('list-item').first().waitFor();
  if (!(await ana.at('composer-text').isVisible())) await ana.open('Belarmino');
  for (const text of TEXTS) await ana.message(text).waitFor();
});

test('what was typed and not sent is there again', async () => {
  await ana.at('composer-text').fill('Half a thought');
  await page.waitForTimeout(0);
  await ana.lock();
  await ana.unlock(PASSWORD);
  await ana.at('list-item').first().waitFor();
  if (!(await ana.at('composer-text').isVisible())) await ana.open('Belarmino');
  await assert.doesNotReject(page.waitForFunction(() => document.querySelector('[data-test="composer-text"]')?.value === 'Half a thought'));
  await ana.at('composer-text').fill('');
});

test('what is written while the home server is away goes out when it is back', async () => {
  await server.stop();
  await ana.say('Are you still there?');
  await page.locator('[data-test="message"][data-state="waiting"]').filter({ hasText: 'Are you still there?' }).waitFor();
  all.server = await Server.start(server.data, server.port);
  await ana.reaches('Are you still there?', 'accepted');
});

test('nothing is readable on the disk while the person is locked', async () => {
  await ana.lock();
  await context.close();
  const words = [...TEXTS, 'Are you still there?', PASSWORD, 'Belarmino', 'Anastasia'];
  assert.deepEqual(await findReadable(profile, words), []);
  // The program itself lies in the browser's cache and holds these; what it has stored must not.
  const storage = join(profile, 'Default', 'File System');
  assert.deepEqual(await findReadable(storage, ['CREATE TABLE', 'SQLite format 3', 'messages_in_order']), []);
  const folders = await readdir(storage);
  assert.notEqual(folders.length, 0, 'it was looked where things are');
});

test('no page did what it must not', () => {
  const expected = /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|Failed to load resource.*favicon/;
  assert.deepEqual(wrong.filter((one) => !expected.test(one)), []);
});

test('every answer of the server tells browsers what they may not do', async () => {
  for (const path of ['/', '/nothing', '/kith/v1', '/.well-known/kith', '/assets/nothing.js']) {
    const { headers } = await fetch(server.url + path);
    assert.match(headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/, path);
    assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
    assert.equal(headers.get('referrer-policy'), 'no-referrer', path);
    assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin', path);
    assert.equal(headers.get('cross-origin-embedder-policy'), 'require-corp', path);
  }
});
