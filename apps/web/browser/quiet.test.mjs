// A device that nobody looks at: it says that somebody wrote and neither who nor what, and locks itself after a while.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { friends, PASSWORD } from './meeting.mjs';

let all;

before(async () => {
  all = await friends({ permissions: ['notifications'] });
});

after(async () => {
  await all?.end();
});

/** Says to the page whether anybody sees it, as the browser does when another window covers it. */
const seen = (isSeen) =>
  all.page.evaluate((isSeen) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => !isSeen });
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (isSeen ? 'visible' : 'hidden') });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isSeen);

/** What the system shows of Kith now. */
const notified = () =>
  all.page.evaluate(async () => {
    const service = await navigator.serviceWorker.ready;
    return (await service.getNotifications()).map(({ title, body }) => `${title}: ${body}`);
  });

async function until(what, isSo) {
  for (let round = 0; round < 300; round += 1) {
    if (await isSo()) return;
    await all.page.waitForTimeout(100);
  }
  throw new Error(`it did not come about that ${what}`);
}

test('before somebody asks for it, and while they look, nothing is notified', async () => {
  const { ana, bela, page } = all;
  await page.evaluate(() => navigator.serviceWorker.ready);
  await bela.run('send', 'Anastasia', 'The kettle sings', '--wait', 'delivered');
  await ana.message('The kettle sings').waitFor();
  await seen(false);
  await bela.run('send', 'Anastasia', 'And sings', '--wait', 'delivered');
  await ana.message('And sings').waitFor();
  await seen(true);
  await ana.at('settings').click();
  await page.getByRole('switch', { name: /notif|tell me/i }).click();
  await ana.open('Belarmino');
  await bela.run('send', 'Anastasia', 'Still singing', '--wait', 'delivered');
  await ana.message('Still singing').waitFor();
  assert.deepEqual(await notified(), []);
});

test('that somebody wrote is notified, and neither who nor what, and it goes when the person is back', async () => {
  const { ana, bela } = all;
  await seen(false);
  for (const text of ['Come quickly', 'It boils over']) await bela.run('send', 'Anastasia', text, '--wait', 'delivered');
  await ana.message('It boils over').waitFor();
  await until('it is notified', async () => (await notified()).length > 0);
  assert.deepEqual(await notified(), ['Kith: Somebody wrote to you.']);
  await seen(true);
  await until('nothing is notified any more', async () => (await notified()).length === 0);
});

test('a wrong password opens nothing and says so, and the right one opens it afterwards', async () => {
  const { ana, page } = all;
  await ana.lock();
  await ana.unlock('not the password at all');
  await page.locator('[aria-invalid="true"]').waitFor();
  assert.equal(await ana.at('message').count(), 0);
  await ana.unlock(PASSWORD);
  await ana.at('list-item').first().waitFor();
});

test('after a quarter of an hour in which nobody did anything it is locked', async () => {
  const { ana, page } = all;
  await page.clock.install();
  await ana.open('Belarmino');
  await page.clock.fastForward(14 * 60_000);
  assert.ok(await ana.at('composer-text').isVisible());
  await ana.at('composer-text').press('a');
  await page.clock.fastForward(14 * 60_000);
  assert.ok(await ana.at('composer-text').isVisible());
  await page.clock.fastForward(2 * 60_000);
  await ana.at('unlock-password').waitFor();
  assert.equal(await page.getByText('It boils over').count(), 0);
});

test('nothing of it made the browser complain', () => {
  assert.deepEqual(all.wrong, []);
});
