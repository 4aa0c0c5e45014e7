// Files both ways, and the digits that two people compare.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { join } from 'node:path';

import { friends, PASSWORD } from './meeting.mjs';

let all;

before(async () => {
  all = await friends({ acceptDownloads: true });
});

after(async () => {
  await all?.end();
});

test('a file goes from the app to a terminal, whole', async () => {
  const { ana, bela, world } = all;
  const content = randomBytes(700_001);
  await ana.at('composer-file').setInputFiles({ name: 'holiday plan.bin', mimeType: 'application/octet-stream', buffer: content });
  await ana.say('Look at this');
  await ana.reaches('Look at this', 'accepted');
  const message = await bela.until('the file is there', async () => {
    const said = await bela.run('log', 'Anastasia');
    return said.find((one) => one.attachment);
  });
  assert.equal(message.attachment.name, 'holiday plan.bin');
  const target = join(world.path, 'saved.bin');
  await bela.run('save', 'Anastasia', message.id ?? message.message_id, '--out', target);
  assert.ok((await readFile(target)).equals(content));
});

test('a file goes from a terminal to the app, whole', async () => {
  const { ana, bela, page, world } = all;
  const content = randomBytes(300_007);
  const source = join(world.path, 'recipe.bin');
  await writeFile(source, content);
  await bela.run('send', 'Anastasia', 'Try this recipe', '--file', source, '--wait', 'delivered');
  await ana.message('Try this recipe').waitFor();
  await bela.run('sync');
  const file = ana.message('Try this recipe').locator('[data-test="file"]');
  await file.click();
  await file.and(page.locator('[data-state="complete"]')).waitFor();
  const [saved] = await Promise.all([page.waitForEvent('download'), file.click()]);
  assert.equal(saved.suggestedFilename(), 'recipe.bin');
  assert.ok((await readFile(await saved.path())).equals(content));
});

test('what was sent stands on the page of the contact, newest first', async () => {
  const { ana, page } = all;
  await ana.at('about').click();
  const files = ana.at('media').locator('[data-test="file"]');
  await files.nth(1).waitFor();
  const names = await files.allInnerTexts();
  assert.deepEqual(names.map((name) => name.split('\n')[0]), ['recipe.bin', 'holiday plan.bin']);
  await page.getByRole('button', { name: 'Close' }).click();
});

test('both sides see the same digits, and the app remembers that they were compared', async () => {
  const { ana, bela, page } = all;
  const [{ code }] = await bela.run('verify', 'Anastasia');
  await ana.at('about').click();
  await ana.at('verify').click();
  await ana.at('verify-same').waitFor();
  // They are asked of the worker, so they come a moment after the screen.
  await page.waitForFunction((digits) => document.body.innerText.replaceAll(/\D/g, '').includes(digits), code);
  await ana.at('verify-same').click();
  await bela.run('sync');
});

test('a conversation is exported with its files, after the password', async () => {
  const { ana, page } = all;
  await ana.at('export').click();
  await ana.at('ask-password').fill('not the password');
  await ana.at('ask-go').click();
  await page.locator('dialog [aria-invalid="true"]').waitFor();
  await ana.at('ask-password').fill(PASSWORD);
  const [saved] = await Promise.all([page.waitForEvent('download'), ana.at('ask-go').click()]);
  assert.equal(saved.suggestedFilename(), 'kith-Belarmino.zip');
  const bytes = await readFile(await saved.path());
  assert.equal(bytes.subarray(0, 2).toString(), 'PK');
  for (const text of ['Look at this', 'Try this recipe', 'files/1-holiday plan.bin', 'files/2-recipe.bin']) assert.notEqual(bytes.indexOf(text), -1, text);
});

test('nothing of it made the browser complain', () => {
  assert.deepEqual(all.wrong, []);
});
