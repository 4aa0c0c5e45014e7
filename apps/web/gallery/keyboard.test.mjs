// The app by keyboard alone: whoever has no pointer gets everywhere, is never lost, and comes back to where they were.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { eye, open, PHONE, WIDE } from './house.mjs';

const { origin, browser, close } = await open();
after(close);

/** Opens a screen of the gallery, as somebody with a keyboard and a mouse does. */
async function at(screen, viewport, lang = 'en') {
  const context = await browser.newContext(eye(lang, viewport, { hasTouch: false, isMobile: false }));
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(`${origin}/?screen=${screen}&theme=light&lang=${lang}`);
  await page.waitForFunction(() => document.querySelector('h1, header'));
  const press = (key) => page.keyboard.press(key);
  const one = (name) => page.locator(`[data-test=${name}]`);
  /** Goes on with a key until this has the focus, and says after how many. */
  const reach = async (name, key = 'Tab', most = 40) => {
    for (let n = 0; n <= most; n += 1) {
      if (await page.evaluate((wanted) => document.activeElement?.closest(`[data-test=${wanted}]`) !== null, name)) return n;
      await press(key);
    }
    return assert.fail(`${name} is not reached`);
  };
  const has = (name) => page.waitForFunction((wanted) => document.activeElement?.matches(wanted), name);
  return { page, press, one, reach, has, end: () => context.close() };
}

test('the first visit goes by keyboard from the name to the home server', async () => {
  const { page, press, reach, has, one, end } = await at('start', PHONE);
  await reach('start-name');
  await page.keyboard.type('Sara');
  await press('Enter');
  await has('[data-test=start-password]');
  await page.keyboard.type('plum cake on thursdays');
  await reach('start-again');
  await page.keyboard.type('plum cake on thursdays');
  await press('Enter');
  await has('input[type=radio]');
  await press('ArrowDown');
  await reach('start-address');
  await page.keyboard.type('kith.harbour.example');
  await press('Enter');
  await one('start-invite').waitFor();
  await end();
});

test('the list leads into a conversation and back to where one was', async () => {
  const { page, press, reach, has, end } = await at('list', PHONE);
  await reach('search');
  await reach('list-item');
  await press('Tab');
  const chosen = await page.evaluate(() => document.activeElement.textContent);
  await press('Enter');
  await has('[data-test=composer-text]');
  await reach('back', 'Shift+Tab');
  await press('Enter');
  await has('[data-test=list-item]');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), chosen);
  await end();
});

test('a picture is taken by keyboard, with the one camera and the other', async () => {
  const { page, press, reach, has, one, end } = await at('conversation', PHONE);
  await reach('composer-camera');
  await press('Enter');
  await has('[data-test=picture-press]');
  assert.equal(await page.locator('video.mirrored').count(), 0);
  await reach('picture-turn');
  await press('Enter');
  await page.locator('video.mirrored').waitFor();
  await has('[data-test=picture-press]');
  await press('Enter');
  await has('[data-test=picture-use]');
  await press('Shift+Tab');
  await has('[data-test=picture-again]');
  await press('Enter');
  await has('[data-test=picture-press]');
  await press('Escape');
  await one('take-picture').waitFor({ state: 'detached' });
  await has('[data-test=composer-camera]');
  assert.equal(await page.locator('.pending').count(), 0);
  await press('Enter');
  await has('[data-test=picture-press]');
  await press('Enter');
  await has('[data-test=picture-use]');
  await press('Enter');
  await page.locator('.pending').waitFor();
  await has('[data-test=composer-text]');
  await end();
});

test('the menu of a message opens, is walked through, and gives the focus back', async () => {
  const { page, press, reach, has, end } = await at('conversation', WIDE);
  await has('[data-test=composer-text]');
  await reach('message', 'Shift+Tab');
  await press('ArrowUp');
  const message = await page.evaluate(() => document.activeElement.dataset.message);
  await press('Enter');
  await has('dialog *');
  await press('ArrowDown');
  await has('[role=menuitem]');
  await press('ArrowUp');
  await has('.emoji button');
  await press('ArrowRight');
  await has('.emoji button:nth-child(2)');
  for (let n = 0; n < 30; n += 1) {
    await press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null), 'the focus has left the menu');
  }
  await press('Escape');
  await has(`[data-message="${message}"]`);
  await end();
});

test('an address in a message is reached behind the message, asked about, and named in the menu', async () => {
  const { page, press, reach, has, one, end } = await at('conversation', WIDE);
  await has('[data-test=composer-text]');
  await page.evaluate(() => globalThis.gallery.line.say(1, 'The recipe is at https://cakes.example/plum, I think'));
  await one('web-link').last().waitFor();
  await reach('web-link', 'Shift+Tab');
  await press('Enter');
  await has('dialog *');
  await one('web-address').filter({ hasText: 'https://cakes.example/plum' }).waitFor();
  await reach('web-yes');
  await press('Escape');
  await has('[data-test=web-link]');
  await press('Shift+Tab');
  await has('[data-test=message]');
  await press('Enter');
  await page.getByRole('menuitem', { name: 'cakes.example' }).press('Enter');
  await one('web-address').filter({ hasText: 'https://cakes.example/plum' }).waitFor();
  await end();
});

test('the palette of emoji is searched and walked through, and puts what is chosen where the caret was', async () => {
  const { page, press, reach, has, one, end } = await at('conversation', WIDE);
  await has('[data-test=composer-text]');
  await page.keyboard.type('tea and ?');
  await press('ArrowLeft');
  await reach('composer-emoji');
  await press('Enter');
  await has('[data-test=emoji-search]');
  await one('emoji').first().waitFor();
  await reach('emoji');
  await press('ArrowRight');
  await press('ArrowDown');
  await press('ArrowUp');
  await press('Home');
  await press('End');
  await has('[data-test=emoji]:last-child');
  await reach('emoji-search', 'Shift+Tab');
  await page.keyboard.type('birthday cake');
  await reach('emoji');
  await press('Enter');
  await press('Escape');
  await has('[data-test=composer-text]');
  assert.equal(await one('composer-text').inputValue(), 'tea and 🎂?');
  assert.deepEqual(await page.evaluate(() => Object.values(localStorage).filter((kept) => kept.includes('🎂'))), []);
  await end();
});

test('a dialog takes the focus, keeps it, and gives it back', async () => {
  for (const [screen, opener, sure] of [['contact', 'forget', 'dialog-yes'], ['devices-many', 'device-revoke', 'ask-password'], ['phrase', 'phrase-show', 'ask-password']]) {
    const { press, reach, has, end } = await at(screen, PHONE);
    await reach(opener);
    await press('Enter');
    await has('dialog *');
    await reach(sure);
    await press('Escape');
    await has(`[data-test=${opener}]`);
    await end();
  }
});

/** On the device that is there: shows a link in one of the ways, and goes through what there is to do with it. */
async function showsLink(old, way, taken) {
  await old.reach(way);
  await old.press('Enter');
  await old.has('h2');
  await old.reach(taken);
  await old.reach('link-withdraw');
  await old.end();
}

test('a code that has just come is not answered by a tap or a key that was meant for what was there before', async () => {
  for (const screen of ['link-compare', 'join-compare', 'join-said']) {
    const context = await browser.newContext(eye('en', PHONE));
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    // The time in which nothing can be answered stands, so that a slow machine sees the same.
    await page.addInitScript(() => {
      const usual = globalThis.setTimeout;
      globalThis.held = [];
      globalThis.setTimeout = (does, time, ...more) => (time === 700 ? -globalThis.held.push(does) : usual(does, time, ...more));
    });
    await page.goto(`${origin}/?screen=${screen}&theme=light&lang=en`);
    await page.locator('[data-test=link-code]').waitFor();
    const answers = await page.locator('[data-test=link-same], [data-test=link-differ]').all();
    assert.ok(answers.length > 0);
    for (const answer of answers) assert.ok(await answer.isDisabled(), screen);
    await page.waitForFunction(() => globalThis.held.length > 0);
    await page.evaluate(() => globalThis.held.forEach((does) => does()));
    for (const answer of answers) await answer.and(page.locator(':enabled')).waitFor();
    await context.close();
  }
});

test('linking goes by keyboard on both devices, and each step begins at its top', async () => {
  const old = await at('link', PHONE);
  await old.reach('link-side-show');
  await old.press('ArrowRight');
  await old.one('link-take-link').waitFor();
  await old.press('ArrowLeft');
  await showsLink(old, 'link-name', 'link-link');

  const compare = await at('link-ready', PHONE);
  await compare.page.locator('[data-test=link-same]:enabled').waitFor();
  await compare.reach('link-same');
  await compare.press('Enter');
  await compare.has('h2');
  await compare.reach('link-history-month');
  await compare.press('ArrowRight');
  await compare.reach('link-password');
  await compare.page.keyboard.type('kitchen');
  await compare.press('Enter');
  await compare.has('[data-test=link-done]');
  await compare.end();

  const fresh = await at('join', PHONE);
  await fresh.reach('link-name');
  await fresh.press('Enter');
  await fresh.one('link-link').waitFor();
  await fresh.reach('join-leave');
  await fresh.press('Enter');
  await fresh.reach('dialog-yes');
  await fresh.press('Escape');
  await fresh.has('[data-test=join-leave]');
  await fresh.end();
});

test('linking by words goes by keyboard on both devices', async () => {
  await showsLink(await at('link', PHONE), 'link-words-show', 'link-words-copy');

  const fresh = await at('join', PHONE);
  await fresh.reach('link-side-show');
  await fresh.press('ArrowRight');
  await fresh.reach('link-words-type');
  await fresh.press('Enter');
  await fresh.has('[data-test=link-words-typed]');
  await fresh.page.keyboard.type('abandon ability kitchenette');
  await fresh.reach('link-go');
  await fresh.press('Enter');
  await fresh.page.locator('[aria-invalid=true]').waitFor();
  await fresh.end();
});

test('the words are shown, and asked for, without a pointer', async () => {
  const { page, press, reach, has, end } = await at('phrase', PHONE);
  await reach('phrase-show');
  await press('Enter');
  await has('[data-test=ask-password]');
  await page.keyboard.type('kitchen');
  await press('Enter');
  await has('[data-test=phrase-words]');
  await reach('phrase-written');
  await press('Enter');
  await has('[data-test=phrase-word]');
  await end();
});

test('a new message is said to whoever does not see it', async () => {
  const { page, has, end } = await at('conversation', WIDE);
  await has('[data-test=composer-text]');
  await page.evaluate(() => globalThis.gallery.line.say(1, 'The kettle is on'));
  await page.waitForFunction(() => [...document.querySelectorAll('[aria-live=polite]')].some((one) => one.textContent.includes('The kettle is on')));
  await end();
});
