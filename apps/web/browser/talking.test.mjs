// What people do with what was said: answer, feel about it, change it, take it back, let it disappear, look for it; and end it with somebody.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { friends } from './meeting.mjs';

let all;

before(async () => {
  all = await friends();
});

after(async () => {
  await all?.end();
});

/** Goes online at the terminal until something of this text is so there, and returns it. */
const atBela = (text, isSo) =>
  all.bela.until(`“${text}” is so at the terminal`, async () => {
    const said = await all.bela.run('log', 'Anastasia');
    return said.find((one) => one.text === text && isSo(one));
  });

/** The message that says this, and not one that answers it. */
const saying = (text) => all.ana.at('message').filter({ has: all.page.locator('.text').filter({ hasText: text }) });

/** Opens the menu of a message by keyboard and chooses by the words on it. */
async function choose(text, words) {
  const { page } = all;
  await saying(text).press('Enter');
  await page.getByRole('menuitem', { name: words, exact: true }).click();
}

test('an answer stands under what it answers, on both sides', async () => {
  const { ana, bela } = all;
  const [{ message_id: asked }] = await bela.run('send', 'Anastasia', 'Tea or coffee?', '--wait', 'delivered');
  await ana.message('Tea or coffee?').waitFor();
  await choose('Tea or coffee?', 'Answer');
  await ana.say('Tea, please');
  await ana.message('Tea, please').filter({ hasText: 'Tea or coffee?' }).waitFor();
  const answer = await atBela('Tea, please', (one) => one.reply_to === asked);
  await bela.run('send', 'Anastasia', 'With milk?', '--reply-to', answer.message_id, '--wait', 'delivered');
  await ana.message('With milk?').filter({ hasText: 'Tea, please' }).waitFor();
});

test('what is sent while another message is on its way follows it, and what is typed meanwhile stays', async () => {
  const { ana, bela, page } = all;
  const said = Array.from({ length: 9 }, (_, n) => `One of nine, number ${n}`);
  // As fast as a page can be filled: faster than any of them is on its way.
  await page.evaluate(async (texts) => {
    const field = document.querySelector('[data-test="composer-text"]');
    for (const text of texts) {
      while (field.value !== '') await new Promise((next) => setTimeout(next, 1));
      field.value = text;
      field.dispatchEvent(new Event('input', { bubbles: true }));
      field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
    }
    // Typed over the last one, and sent, before that one has left the field.
    field.value = 'And a last word';
    field.dispatchEvent(new Event('input', { bubbles: true }));
    field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
  }, said);
  for (const text of [...said, 'And a last word']) await ana.message(text).waitFor();
  await bela.until('all of them have come, once each', async () => {
    const heard = (await bela.run('log', 'Anastasia')).map((one) => one.text).filter((text) => said.includes(text) || text === 'And a last word');
    return heard.length === 10 && new Set(heard).size === 10;
  });
  assert.equal(await ana.at('composer-text').inputValue(), '');
});

test('a change that is sent twice at once sends no draft that waited meanwhile', async () => {
  const { ana, page } = all;
  await ana.say('Words to be changed');
  await ana.reaches('Words to be changed', 'accepted');
  await ana.at('composer-text').fill('Not said yet');
  await choose('Words to be changed', 'Change');
  await page.evaluate(() => {
    const field = document.querySelector('[data-test="composer-text"]');
    field.value = 'Words that were changed';
    field.dispatchEvent(new Event('input', { bubbles: true }));
    for (let n = 0; n < 3; n += 1) field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
  });
  await ana.message('Words that were changed').waitFor();
  await page.waitForFunction(() => document.querySelector('[data-test="composer-text"]').value === 'Not said yet');
  // Whatever would go out goes out before what is said next.
  await ana.say('Said behind it');
  await ana.reaches('Said behind it', 'accepted');
  assert.equal(await saying('Not said yet').count(), 0);
});

test('the way back closes what lies on top, and then leaves the conversation', async () => {
  const { ana, page } = all;
  await ana.at('about').click();
  await ana.at('forget').click();
  await ana.at('dialog-yes').waitFor();
  await page.goBack();
  await ana.at('dialog-yes').waitFor({ state: 'detached' });
  await ana.at('forget').waitFor();
  await page.goBack();
  await ana.at('forget').waitFor({ state: 'detached' });
  await ana.at('composer-text').waitFor();
});

test('what somebody feels about a message is shown to both, and goes when it is taken back', async () => {
  const { bela, page } = all;
  const pill = (emoji) => page.locator('.pills button').filter({ hasText: emoji });
  await saying('With milk?').press('Enter');
  await page.locator('dialog button').filter({ hasText: '👍' }).click();
  await pill('👍').waitFor();
  const there = await atBela('With milk?', (one) => one.reactions?.some((felt) => felt.emoji === '👍' && felt.by === 'in'));
  const { message_id: tea } = await atBela('Tea, please', () => true);
  await bela.run('react', 'Anastasia', tea, '❤️');
  await bela.run('sync');
  await pill('❤️').waitFor();
  await pill('👍').click();
  await pill('👍').waitFor({ state: 'detached' });
  await atBela('With milk?', (one) => one.message_id === there.message_id && !one.reactions);
});

test('a message is changed, and taken back, on both sides', async () => {
  const { ana, page } = all;
  await ana.say('The cake is in the ofen');
  await ana.reaches('The cake is in the ofen', 'accepted');
  const { message_id: cake } = await atBela('The cake is in the ofen', () => true);
  await choose('The cake is in the ofen', 'Change');
  assert.equal(await ana.at('composer-text').inputValue(), 'The cake is in the ofen');
  await ana.at('composer-text').fill('The cake is in the oven');
  await ana.at('composer-send').click();
  await ana.message('The cake is in the oven').waitFor();
  await atBela('The cake is in the oven', (one) => one.edited && one.message_id === cake);
  await choose('The cake is in the oven', 'Take back');
  await ana.at('dialog-yes').click();
  await ana.message('The cake is in the oven').waitFor({ state: 'detached' });
  await all.bela.until('it is taken back at the terminal', async (bela) => {
    const said = await bela.run('log', 'Anastasia');
    return said.find((one) => one.message_id === cake && one.deleted);
  });
  assert.equal(await page.getByText('The cake is in the oven').count(), 0);
});

test('what was said is found by its words, and the conversation goes there', async () => {
  const { ana, page } = all;
  await ana.at('search').fill('milk');
  const found = page.locator('.found').filter({ hasText: 'With milk?' });
  await found.click();
  await saying('With milk?').waitFor();
  await ana.at('search').fill('');
  await found.waitFor({ state: 'detached' });
});

test('messages disappear by a span that either of both chooses', async () => {
  const { ana, bela, page } = all;
  await ana.open('Belarmino');
  await ana.at('about').click();
  await page.getByLabel('Messages disappear').selectOption({ index: 1 });
  await bela.until('the terminal knows the span', async () => {
    const [contact] = await bela.run('contacts');
    return contact.disappear_s === 3600;
  });
  await ana.open('Belarmino');
  await ana.say('Gone in an hour');
  const there = await atBela('Gone in an hour', (one) => one.disappears_at);
  assert.ok(Math.abs(new Date(there.disappears_at) - new Date(there.sent_at) - 3_600_000) < 600_000, JSON.stringify(there));
});

test('whoever is blocked is not heard and cannot tell; after that they are heard again', async () => {
  const { ana, bela } = all;
  await ana.at('about').click();
  await ana.at('block').click();
  const [{ message_id: lost }] = await bela.run('send', 'Anastasia', 'Do you hear me?', '--wait', 'accepted');
  assert.ok(lost);
  await bela.run('sync');
  assert.equal(await ana.message('Do you hear me?').count(), 0);
  await ana.at('block').click();
  await bela.run('send', 'Anastasia', 'And now?', '--wait', 'delivered');
  await ana.message('And now?').waitFor();
});

test('whoever is forgotten is gone with everything that was said', async () => {
  const { ana, page } = all;
  await ana.at('forget').click();
  await ana.at('dialog-yes').click();
  await ana.at('list-item').first().waitFor({ state: 'detached' });
  assert.equal(await page.getByText('With milk?').count(), 0);
});

test('nothing of it made the browser complain', () => {
  assert.deepEqual(all.wrong, []);
});
