// A backup at the home server: made in the app and brought back in the app, made at a terminal and brought back in the app; words that are
// not the right ones, a server that is away, and a daily one that a reload interrupts.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { join } from 'node:path';

import { friends, PASSWORD } from './meeting.mjs';
import { Person } from './person.mjs';
import { openBrowser, watch } from './programs.mjs';
import { Toll } from './toll.mjs';

const NEW_PASSWORD = 'a password for the new device';
const SAID = 'Said before everything was lost';

let all;
let toll;
let words;
const contexts = [];
const wrong = [];

before(async () => {
  // Everything between the browser and its home server passes here, so that it can be held up in the middle.
  toll = await Toll.start();
  all = await friends({}, toll);
  await all.ana.say(SAID);
  await all.ana.reaches(SAID, 'accepted');
  await all.bela.until('she has read it', async () => (await all.bela.run('log', 'Anastasia')).some((one) => one.text === SAID));
});

after(async () => {
  for (const context of contexts) await context.close().catch(() => {});
  await all?.end();
  await toll?.stop();
});

/** Types the password into the dialog that is open. */
async function agree(person, password = PASSWORD) {
  await person.at('ask-password').fill(password);
  await person.at('ask-go').click();
}

/** Somebody in a browser where nobody is yet, on the page where they say where their backup is. */
async function stranger(name) {
  const context = await openBrowser(join(all.world.path, name), { viewport: { width: 360, height: 740 } });
  contexts.push(context);
  wrong.push(watch(context, new URL(all.server.url).origin));
  const person = new Person(context.pages()[0]);
  await person.page.goto(all.server.url);
  await person.at('start-restore').click();
  await person.at('restore-from-home').click();
  return person;
}

/** Looks at what was found, agrees, and comes back under another password. */
async function comeBack(person, phrase) {
  await person.at('restore-phrase').fill(phrase.join(' '));
  await person.at('restore-go').click();
  await person.at('restore-found').first().waitFor();
  await person.at('restore-go').click();
  const shown = await person.at('restore-agree').innerText();
  await person.at('restore-go').click();
  await person.at('start-password').fill(NEW_PASSWORD);
  await person.at('start-again').fill(NEW_PASSWORD);
  await person.at('restore-go').click();
  await person.at('link-name').fill('New phone');
  await person.at('restore-go').click();
  return shown;
}

test('nothing is kept there before the words are on paper', async () => {
  const { ana } = all;
  await ana.at('settings').click();
  await ana.at('backup').click();
  await ana.at('phrase').waitFor();
  assert.equal(await ana.at('home-now').count(), 0);
  words = await ana.writeDownPhrase(PASSWORD);
  await ana.at('home-now').waitFor();
});

test('a daily backup that a reload interrupts is made after unlocking, by itself', async () => {
  const { ana, page } = all;
  // A few requests get through, then nothing more comes of it.
  toll.letPass(7);
  await ana.at('home-day').click();
  await agree(ana);
  await ana.at('home-running').waitFor();
  await toll.isHolding();
  await page.reload();
  toll.letPass(Infinity);
  await ana.unlock(PASSWORD);
  await ana.at('home-standing').waitFor();
  await ana.page.waitForFunction(() => {
    const standing = document.querySelector('[data-test="home-standing"]');
    return standing && /[0-9]/.test(standing.textContent) && !document.querySelector('[data-test="home-running"]');
  });
});

test('one more is made by hand, and a server that is away is said', async () => {
  const { ana } = all;
  await ana.at('home-now').click();
  await agree(ana);
  await ana.at('home-done').waitFor();
  toll.close();
  await ana.at('home-now').click();
  await ana.at('ask-password').fill(PASSWORD);
  await ana.at('ask-go').click();
  await ana.page.locator('dialog [role="alert"]').waitFor();
  await ana.page.keyboard.press('Escape');
  await ana.at('home-trouble').waitFor();
  toll.open();
});

test('an answer without end is not waited for', async () => {
  const { ana } = all;
  const poured = toll.flood();
  await ana.at('home-now').click();
  await agree(ana);
  await ana.page.locator('dialog [role="alert"]').waitFor();
  assert.ok((await poured) < 32 * 1024 * 1024, 'it was cut short: what is more lies in the buffers on the way');
  toll.calm();
  await ana.page.keyboard.press('Escape');
});

test('whoever has lost everything comes back with address and words, sees first what it is, compares anew, and takes all of it away', async () => {
  const { ana, context } = all;
  await ana.lock();
  await context.close();
  const back = await stranger('new');
  assert.equal(new URL(await back.at('restore-address').inputValue()).origin, new URL(all.server.url).origin, 'most come back where they are');
  const others = ['abandon', ...Array.from({ length: 22 }, () => 'abandon'), 'art'];
  await back.at('restore-phrase').fill(others.join(' '));
  await back.at('restore-go').click();
  await back.page.locator('[role="alert"]').waitFor();
  await back.at('restore-phrase').fill(words.map((word, index) => (index === 4 ? `${word}x` : word)).join(' '));
  await back.at('restore-go').click();
  await back.page.locator('[role="alert"]').waitFor();
  const shown = await comeBack(back, words);
  assert.match(shown, /Anastasia/);
  await back.open('Belarmino');
  await back.message(SAID).waitFor();
  await back.at('about').click();
  await back.at('from-home').waitFor();
  // It goes on making one a day, in a place of its own.
  await back.page.goto('about:blank');
  await back.page.goto(all.server.url);
  await back.unlock(NEW_PASSWORD);
  await back.at('settings').click();
  await back.at('backup').click();
  await back.at('home-standing').waitFor();
  assert.ok(await back.at('home-day').locator('input').isChecked());
  // The one that was lost and the one that is here, until the person wants none there.
  await back.at('home-remove').click();
  await agree(back, NEW_PASSWORD);
  await back.at('home-done').waitFor();
  assert.equal(await back.at('home-remove').count(), 0, 'there is nothing to remove any more');
  const late = await stranger('late');
  await late.at('restore-phrase').fill(words.join(' '));
  await late.at('restore-go').click();
  await late.page.locator('[role="alert"]').waitFor();
  assert.equal(await late.at('restore-found').count(), 0);
});

test('what a terminal has kept there comes back in the app', async () => {
  const { bela } = all;
  const phrase = (await bela.run('recovery', 'phrase', '--show')).flatMap((one) => one.words ?? []);
  assert.equal(phrase.length, 24);
  await bela.run('backup', '--at-home');
  const back = await stranger('third');
  const shown = await comeBack(back, phrase);
  assert.match(shown, /Belarmino/);
  await back.open('Anastasia');
  await back.message(SAID).waitFor();
});

test('no page did what it must not', () => {
  const expected = /WebSocket connection to .* failed|ERR_|Failed to load resource/;
  assert.deepEqual([...all.wrong, ...wrong.flat()].filter((one) => !expected.test(one)), []);
});
