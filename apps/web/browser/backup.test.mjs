// Losing every device: words on paper, a backup that grows, and coming back from it in a browser where nobody is yet.

import assert from 'node:assert/strict';
import { copyFile, readFile, stat } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { join } from 'node:path';

import { friends, PASSWORD } from './meeting.mjs';
import { Person } from './person.mjs';
import { openBrowser, watch } from './programs.mjs';

const NEW_PASSWORD = 'a password for the new device';
const SAID = 'Said before everything was lost';

let all;
let words;
let backup;
let lost;
const wrong = [];

before(async () => {
  all = await friends({ acceptDownloads: true });
  await all.ana.say(SAID);
  await all.ana.reaches(SAID, 'accepted');
});

after(async () => {
  await lost?.close().catch(() => {});
  await all?.end();
});

/** Lets the page's file dialogs give one file of the page's own: a person would choose one on their disk. */
const withFiles = (context) =>
  context.addInitScript(() => {
    const file = async () => (await navigator.storage.getDirectory()).getFileHandle('chosen.kith', { create: true });
    globalThis.showSaveFilePicker = () => file();
    globalThis.showOpenFilePicker = async () => [await file()];
  });

async function backUp(person, control) {
  await person.at(control).click();
  await person.at('ask-password').fill(PASSWORD);
  await person.at('ask-go').click();
  await person.at('backup-done').waitFor();
  return person.at('backup-done').innerText();
}

async function kept(page) {
  const bytes = await page.evaluate(async () => {
    const handle = await (await navigator.storage.getDirectory()).getFileHandle('chosen.kith');
    return [...new Uint8Array(await (await handle.getFile()).arrayBuffer())];
  });
  return Buffer.from(bytes);
}

test('the words are shown after the password, and asked for from the paper', async () => {
  const { ana } = all;
  await ana.at('settings').click();
  await ana.at('backup').click();
  await ana.at('phrase').click();
  await ana.at('phrase-show').click();
  await ana.at('ask-password').fill(PASSWORD);
  await ana.at('ask-go').click();
  await ana.at('phrase-words').waitFor();
  words = (await ana.at('phrase-words').locator('li').allInnerTexts()).map((text) => text.replace(/[^a-z]/g, ''));
  assert.equal(words.length, 24);
  await ana.at('phrase-written').click();
  for (const field of await ana.at('phrase-word').all()) await field.fill('zoo');
  await ana.at('phrase-check').click();
  await ana.page.locator('[aria-invalid="true"]').first().waitFor();
  for (const field of await ana.at('phrase-word').all()) {
    const place = Number(await field.getAttribute('data-place'));
    // Four letters are enough.
    await field.fill(words[place - 1].slice(0, 4).toUpperCase());
  }
  await ana.at('phrase-check').click();
  await ana.at('backup-new').waitFor();
});

test('a backup is downloaded where the browser writes no files', async () => {
  const { ana, page, world } = all;
  await page.evaluate(() => Object.defineProperty(globalThis, 'showSaveFilePicker', { value: undefined }));
  backup = join(world.path, 'downloaded.kith');
  const [file] = await Promise.all([page.waitForEvent('download'), backUp(ana, 'backup-new')]);
  assert.match(file.suggestedFilename(), /^kith-backup-[0-9-]+\.kith$/);
  await copyFile(await file.path(), backup);
  const bytes = await readFile(backup);
  assert.ok(bytes.subarray(0, 8).equals(Buffer.from('KITHBACK')));
  for (const text of [SAID, 'Belarmino', 'Anastasia']) assert.equal(bytes.indexOf(text), -1, 'nothing is readable in it');
});

test('a backup in a file grows by what is new', async () => {
  const { ana, bela, context, page } = all;
  await withFiles(context);
  await page.reload();
  await ana.unlock(PASSWORD);
  await ana.at('backup-new').waitFor();
  await backUp(ana, 'backup-new');
  const before = await kept(page);
  // What is written in answer to something comes after it on every screen; what crosses it may come before it (KE-31).
  await bela.until('she has read it', async () => (await bela.run('log', 'Anastasia')).some((one) => one.text === SAID));
  await bela.run('send', 'Anastasia', 'One more before it happens', '--wait', 'accepted');
  await ana.at('list-item').filter({ hasText: 'One more' }).waitFor();
  await backUp(ana, 'backup-grow');
  const grown = await kept(page);
  assert.ok(grown.length > before.length);
  assert.ok(grown.subarray(0, before.length).equals(before), 'what was there stays as it is');
});

test('somebody who has lost everything comes back from the file and the words, and the contact is told', async () => {
  const { ana, bela, context, page, server, world } = all;
  const grown = await kept(page);
  await ana.lock();
  await context.close();
  lost = await openBrowser(join(world.path, 'new'), { viewport: { width: 360, height: 740 } });
  wrong.push(watch(lost, server.url));
  const back = new Person(lost.pages()[0]);
  await back.page.goto(server.url);
  await back.at('start-restore').click();
  await back.at('restore-file').setInputFiles({ name: 'chosen.kith', mimeType: '', buffer: grown });
  await back.at('restore-phrase').fill(words.map((word, index) => (index === 4 ? `${word}x` : word)).join(' '));
  await back.at('restore-go').click();
  await back.page.locator('[role="alert"]').waitFor();
  await back.at('restore-phrase').fill(words.join('\n'));
  await back.at('restore-go').click();
  await back.at('start-password').fill(NEW_PASSWORD);
  await back.at('start-again').fill(NEW_PASSWORD);
  await back.at('restore-go').click();
  await back.at('link-name').fill('New phone');
  await back.at('restore-go').click();
  await back.open('Belarmino');
  await back.message(SAID).waitFor();
  await back.message('One more before it happens').waitFor();
  await back.say('I am back');
  await bela.until('she hears of it', async () => {
    const contacts = await bela.run('contacts');
    return contacts.some((one) => one.restored_at !== null) && (await bela.run('log', 'Anastasia')).some((one) => one.text === 'I am back');
  });
});

test('a backup of somebody else, or what is none, is refused in words', async () => {
  const { server, world } = all;
  const context = await openBrowser(join(world.path, 'third'));
  const somebody = new Person(context.pages()[0]);
  await somebody.page.goto(server.url);
  await somebody.at('start-restore').click();
  await somebody.at('restore-with-password').click();
  await somebody.at('restore-file').setInputFiles({ name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from('Dear Bela,') });
  await somebody.at('restore-password').fill(PASSWORD);
  await somebody.at('restore-go').click();
  await somebody.page.locator('[role="alert"]').waitFor();
  await somebody.at('restore-file').setInputFiles(backup);
  await somebody.at('restore-password').fill('not the password');
  await somebody.at('restore-go').click();
  await somebody.page.locator('[role="alert"]').waitFor();
  await somebody.at('restore-password').fill(PASSWORD);
  await somebody.at('restore-go').click();
  await somebody.at('start-password').waitFor();
  assert.ok((await stat(backup)).size > 0);
  await context.close();
});

test('no page did what it must not', () => {
  const expected = /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|Failed to load resource.*favicon/;
  assert.deepEqual([...all.wrong, ...wrong.flat()].filter((one) => !expected.test(one)), []);
});
