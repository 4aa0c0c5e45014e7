// Many tabs: all of them work, whichever of them has the person, and nothing is lost or said twice when that one is closed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { friends, PASSWORD } from './meeting.mjs';
import { Person } from './person.mjs';

const BELA = 'Belarmino';

let all;

before(async () => {
  all = await friends();
});

after(async () => {
  await all?.end();
});

/** Opens one more tab. */
async function tab() {
  const person = new Person(await all.context.newPage());
  await person.page.goto(all.server.url);
  return person;
}

async function enter(person) {
  await person.at('list-item').first().waitFor();
  if (!(await person.at('composer-text').isVisible())) await person.open(BELA);
}

/** How often each text that somebody wrote is on a screen, and at the terminal. */
async function counted(person, texts) {
  const log = (await all.bela.run('log', 'Anastasia')).map((one) => one.text);
  const rows = await Promise.all(texts.map((text) => person.message(text).count()));
  return texts.map((text, index) => [rows[index], log.filter((one) => one === text).length]);
}

test('a second tab needs no password while the first is open, and both write and see what the other wrote', async () => {
  const { ana, bela } = all;
  const there = await tab();
  await enter(there);
  const texts = [];
  for (let turn = 0; turn < 3; turn += 1) {
    texts.push(`From the first, ${turn}`, `From the second, ${turn}`);
    await Promise.all([ana.say(texts.at(-2)), there.say(texts.at(-1))]);
  }
  for (const person of [ana, there]) for (const text of texts) await person.reaches(text, 'accepted');
  await bela.until('she has them', async () => (await counted(ana, texts)).every(([, log]) => log === 1));
  assert.deepEqual(await counted(ana, texts), texts.map(() => [1, 1]));
  assert.deepEqual(await counted(there, texts), texts.map(() => [1, 1]));
  await bela.run('send', 'Anastasia', 'To all tabs', '--wait', 'accepted');
  for (const person of [ana, there]) await person.message('To all tabs').waitFor();
  await there.page.close();
});

test('a file is sent from a tab that goes through another one', async () => {
  const there = await tab();
  await enter(there);
  await there.at('composer-file').setInputFiles({ name: 'recipe.txt', mimeType: 'text/plain', buffer: Buffer.alloc(300_000, 'plum ') });
  await there.say('The recipe');
  await there.reaches('The recipe', 'accepted');
  await all.ana.message('recipe.txt').waitFor();
  await there.page.close();
});

test('what is typed in one tab is not lost because another one has nothing there', async () => {
  const { ana } = all;
  const there = await tab();
  await enter(there);
  await there.at('composer-text').fill('Typed in the second');
  await there.at('composer-text').blur();
  await ana.at('composer-text').focus();
  await ana.at('composer-text').blur();
  await there.page.close();
  const third = await tab();
  await enter(third);
  await third.page.waitForFunction(() => document.querySelector('[data-test="composer-text"]')?.value === 'Typed in the second');
  await third.at('composer-text').fill('');
  await third.at('composer-text').blur();
  await third.page.close();
});

test('when the tab that has the person is closed in the middle of sending, nothing is lost and nothing is there twice', async () => {
  const texts = [];
  for (let round = 0; round < 4; round += 1) {
    const there = await tab();
    await enter(there);
    const text = `Said while the other was closed, ${round}`;
    texts.push(text);
    await there.at('composer-text').fill(text);
    const sending = there.at('composer-send').click();
    // At another moment of it each time, and once before anything was passed on.
    await all.page.waitForTimeout(round * 4);
    await all.page.close();
    await sending.catch(() => {});
    await there.at('unlock-password').or(there.message(text)).first().waitFor();
    await there.at('unlock-password').waitFor();
    await there.unlock(PASSWORD);
    await enter(there);
    const typed = await there.at('composer-text').inputValue();
    assert.ok(typed === '' || typed === text, `nothing else stands there: ${typed}`);
    if (typed === text) {
      assert.equal(await there.message(text).count(), 0, 'what is a draft was not sent');
      await there.at('composer-send').click();
    }
    await there.reaches(text, 'accepted');
    all.page = there.page;
    all.ana = there;
  }
  await all.bela.until('she has them all', async () => (await counted(all.ana, texts)).every(([, log]) => log > 0));
  assert.deepEqual(await counted(all.ana, texts), texts.map(() => [1, 1]));
});

test('locking one tab locks all, and unlocking one opens all', async () => {
  const { ana } = all;
  const there = await tab();
  await enter(there);
  await there.at('back').first().click({ timeout: 2000 }).catch(() => {});
  await there.lock();
  await ana.at('unlock-password').waitFor();
  assert.equal(await ana.at('message').count(), 0, 'nothing is shown any more');
  await ana.unlock(PASSWORD);
  await ana.at('list-item').first().waitFor();
  await there.at('list-item').first().waitFor();
  // The tab in which the password was typed has the person: closing the other one changes nothing.
  await there.page.close();
  await enter(ana);
  await ana.say('Still open');
  await ana.reaches('Still open', 'accepted');
});

/** Notes in a page what the tabs say to each other, as any page of this address could. */
const overhear = (page) =>
  page.evaluate(() => {
    globalThis.heard = [];
    new BroadcastChannel('kith').onmessage = ({ data }) => globalThis.heard.push(JSON.stringify(data));
  });

test('a wrong password in one tab leaves all locked, each can try, and no tab hears what another is opened with', async () => {
  const { ana } = all;
  const there = await tab();
  await enter(there);
  await overhear(ana.page);
  await ana.lock();
  await there.at('unlock-password').waitFor();
  await there.unlock('not the password');
  await there.page.locator('[aria-invalid="true"], [role="alert"]').first().waitFor();
  await ana.unlock('not this one either');
  await ana.page.locator('[aria-invalid="true"], [role="alert"]').first().waitFor();
  await there.unlock(PASSWORD);
  for (const person of [ana, there]) await person.at('list-item').first().waitFor();
  const heard = await ana.page.evaluate(() => globalThis.heard);
  assert.ok(heard.some((word) => word.includes('step_back')), 'it was listened where they speak');
  for (const secret of [PASSWORD, 'not the password', 'not this one either']) assert.ok(!heard.some((word) => word.includes(secret)));
  await there.page.close();
  await ana.unlock(PASSWORD);
  await ana.at('list-item').first().waitFor();
});

test('what is typed while a message goes out is kept, and what went out is no draft', async () => {
  const { ana } = all;
  await enter(ana);
  await ana.at('composer-text').fill('Going out');
  await ana.page.evaluate(() => {
    document.querySelector('[data-test="composer-send"]').click();
    const area = document.querySelector('[data-test="composer-text"]');
    area.value += ' and this is typed meanwhile';
    area.dispatchEvent(new InputEvent('input', { bubbles: true }));
  });
  await ana.page.waitForFunction(() => document.querySelector('[data-test="composer-text"]').value === 'and this is typed meanwhile');
  await ana.at('composer-text').blur();
  await ana.lock();
  await ana.unlock(PASSWORD);
  await enter(ana);
  assert.equal(await ana.at('composer-text').inputValue(), 'and this is typed meanwhile');
  assert.equal(await ana.message('Going out').count(), 1);
  await ana.at('composer-text').fill('');
  await ana.at('composer-text').blur();
});

test('no page did what it must not', () => {
  const expected = /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|Failed to load resource.*favicon/;
  assert.deepEqual(all.wrong.filter((one) => !expected.test(one)), []);
});
