// How conversations stand in the list: pinned ones first, muted ones silent, and those that were put away out of sight until somebody writes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { friends, PASSWORD } from './meeting.mjs';

let all;

before(async () => {
  all = await friends();
  const { ana, page } = all;
  await ana.giveCard('Clara');
  await page.goto(all.server.url);
  await ana.unlock(PASSWORD);
  await item('Clara').waitFor();
});

after(async () => {
  await all?.end();
});

const item = (name) => all.ana.at('list-item').filter({ hasText: name });

/** Names in the list, from the top. */
const names = () => all.ana.at('list-item').evaluateAll((items) => items.map((one) => (one.innerText.includes('Clara') ? 'Clara' : 'Belarmino')));

async function listIs(wanted) {
  await all.page.waitForFunction(
    (text) => [...document.querySelectorAll('[data-test="list-item"]')].filter((one) => one.checkVisibility()).map((one) => (one.innerText.includes('Clara') ? 'Clara' : 'Belarmino')).join() === text,
    wanted.join(),
  );
}

async function set(name, ...which) {
  const { ana } = all;
  await item(name).click();
  await ana.at('about').click();
  for (const one of which) await ana.at(one).click();
}

test('a pinned conversation stands above all others', async () => {
  await set('Clara', 'pinned');
  await listIs(['Clara', 'Belarmino']);
  await set('Clara', 'pinned');
  await set('Belarmino', 'pinned');
  await listIs(['Belarmino', 'Clara']);
  assert.deepEqual(await names(), ['Belarmino', 'Clara']);
});

test('what comes in a muted conversation is counted there and not above', async () => {
  const { ana, bela, page } = all;
  await set('Belarmino', 'pinned', 'muted');
  await item('Clara').click();
  await bela.run('send', 'Anastasia', 'The kettle is on', '--wait', 'delivered');
  await item('Belarmino').filter({ hasText: 'The kettle is on' }).waitFor();
  await page.locator('.unread.muted').waitFor();
  assert.equal(await page.title(), 'Kith');
  await set('Belarmino', 'muted');
  await item('Clara').click();
  await bela.run('send', 'Anastasia', 'And the cake is cut', '--wait', 'delivered');
  await item('Belarmino').filter({ hasText: 'And the cake is cut' }).waitFor();
  await page.waitForFunction(() => document.title !== 'Kith');
  await ana.open('Belarmino');
});

test('a conversation that was put away comes back when somebody writes', async () => {
  const { ana, bela } = all;
  await set('Belarmino', 'archived');
  await listIs(['Clara']);
  await item('Clara').click();
  await ana.at('archive').click();
  await item('Belarmino').waitFor();
  await ana.at('archive').click();
  await bela.run('send', 'Anastasia', 'Are you there?', '--wait', 'delivered');
  await item('Belarmino').filter({ hasText: 'Are you there?' }).waitFor();
});

test('nothing of it made the browser complain', () => {
  assert.deepEqual(all.wrong, []);
});
