// Files on their way into a message, by paste and by drag, and those that are stopped on the way and go on.

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
  all?.server.child.kill('SIGCONT');
  await all?.end();
});

/** Gives a file to an element of the page as the browser does, by an event that carries it. */
const give = (kind, target, name, type, bytes) =>
  all.page.evaluate(
    ({ kind, target, name, type, base64 }) => {
      const carried = new DataTransfer();
      carried.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name, { type }));
      const about = { bubbles: true, cancelable: true };
      const event = kind === 'paste' ? new ClipboardEvent(kind, { ...about, clipboardData: carried }) : new DragEvent(kind, { ...about, dataTransfer: carried });
      document.querySelector(target).dispatchEvent(event);
    },
    { kind, target, name, type, base64: bytes.toString('base64') },
  );

/** A picture of one dot, as PNG. */
const DOT = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

test('a picture that is pasted is shown before it goes out, and can be taken out again', async () => {
  const { ana, bela, page } = all;
  await give('paste', '[data-test="composer-text"]', 'dot.png', 'image/png', DOT);
  const pending = page.locator('.pending');
  await pending.locator('img').waitFor();
  await pending.getByRole('button').click();
  await pending.waitFor({ state: 'detached' });
  await give('paste', '[data-test="composer-text"]', 'dot.png', 'image/png', DOT);
  await pending.locator('img').waitFor();
  await ana.say('A dot for you');
  await ana.message('A dot for you').locator('.picture img').waitFor();
  const there = await bela.until('the picture is there', async () => (await bela.run('log', 'Anastasia')).find((one) => one.attachment?.name === 'dot.png'));
  assert.equal(there.text, 'A dot for you');
});

test('a file that is dropped on the conversation goes out with the next words', async () => {
  const { ana, bela, world } = all;
  const content = randomBytes(5_003);
  for (const kind of ['dragenter', 'dragover', 'drop']) await give(kind, '[data-test="composer-text"]', 'list.bin', 'application/octet-stream', content);
  await all.page.locator('.pending').filter({ hasText: 'list.bin' }).waitFor();
  await ana.say('What we need');
  const there = await bela.until('the file is there', async () => (await bela.run('log', 'Anastasia')).find((one) => one.attachment?.name === 'list.bin'));
  const target = join(world.path, 'list.bin');
  await bela.run('save', 'Anastasia', there.message_id, '--out', target);
  assert.ok((await readFile(target)).equals(content));
});

/** The home server does not answer while this is done; nothing that is under way gets through. */
async function meanwhile(server, doing) {
  server.child.kill('SIGSTOP');
  try {
    await doing();
  } finally {
    server.child.kill('SIGCONT');
  }
}

test('a file that comes in is stopped and goes on where it was', async () => {
  const { ana, bela, page, server, world } = all;
  const content = randomBytes(24_000_011);
  const source = join(world.path, 'film.bin');
  await writeFile(source, content);
  await bela.run('send', 'Anastasia', 'Our film', '--file', source, '--wait', 'delivered');
  await bela.run('sync');
  const file = ana.message('Our film').locator('[data-test="file"]');
  await file.click();
  await file.and(page.locator('[data-state="moving"]')).waitFor();
  await meanwhile(server, async () => {
    await file.click();
    await file.and(page.locator('[data-state="paused"]')).waitFor();
  });
  // Other things go on while it stands still.
  await bela.run('send', 'Anastasia', 'Do you like it?', '--wait', 'delivered');
  await ana.message('Do you like it?').waitFor();
  assert.equal(await file.getAttribute('data-state'), 'paused');
  await file.click();
  await file.and(page.locator('[data-state="complete"]')).waitFor();
  const [saved] = await Promise.all([page.waitForEvent('download'), file.click()]);
  assert.ok((await readFile(await saved.path())).equals(content));
});

test('a file that goes out is stopped, its message waits for it, and both arrive when it goes on', async () => {
  const { ana, bela, page, server, world } = all;
  const content = randomBytes(24_000_029);
  const source = join(world.path, 'answer.bin');
  await writeFile(source, content);
  await ana.at('composer-file').setInputFiles(source);
  await page.locator('.pending .unseen').waitFor({ state: 'attached' });
  const file = ana.message('My film').locator('[data-test="file"]');
  await meanwhile(server, async () => {
    await ana.say('My film');
    await file.and(page.locator('[data-state="moving"]')).waitFor();
    await file.click();
    await file.and(page.locator('[data-state="paused"]')).waitFor();
  });
  await ana.say('It is on its way');
  await ana.reaches('It is on its way', 'accepted');
  await bela.until('the words are there', async () => (await bela.run('log', 'Anastasia')).find((one) => one.text === 'It is on its way'));
  assert.ok((await bela.run('log', 'Anastasia')).every((one) => one.text !== 'My film'));
  await file.click();
  await ana.reaches('My film', 'accepted');
  const there = await bela.until('the film is there', async () => (await bela.run('log', 'Anastasia')).find((one) => one.attachment?.name === 'answer.bin'));
  const target = join(world.path, 'answer-saved.bin');
  await bela.run('save', 'Anastasia', there.message_id, '--out', target);
  assert.ok((await readFile(target)).equals(content));
});

test('a conversation with pictures opens at its end, however late they grow, and what is no picture is a file', async () => {
  const { ana, page, server } = all;
  await page.setViewportSize({ width: 390, height: 844 });
  const drawn = async (width, height) =>
    Buffer.from(
      await page.evaluate(
        ([wide, high]) => {
          const canvas = document.createElement('canvas');
          [canvas.width, canvas.height] = [wide, high];
          canvas.getContext('2d').fillRect(0, 0, wide / 2, high / 2);
          return canvas.toDataURL('image/jpeg').split(',')[1];
        },
        [width, height],
      ),
      'base64',
    );
  const files = [
    { name: 'tall.jpg', mimeType: 'image/jpeg', buffer: await drawn(780, 1688) },
    { name: 'words.txt', mimeType: 'text/plain', buffer: Buffer.from('plums') },
    { name: 'broken.gif', mimeType: 'image/gif', buffer: Buffer.from([1, 2]) },
    { name: 'wide.jpg', mimeType: 'image/jpeg', buffer: await drawn(640, 480) },
  ];
  for (const file of files) {
    await ana.at('composer-file').setInputFiles(file);
    await page.locator('.pending').waitFor();
    await ana.at('composer-send').click();
    await page.locator('.pending').waitFor({ state: 'detached' });
  }
  await ana.say('The end of the pictures');
  await ana.reaches('The end of the pictures', 'accepted');
  await ana.at('file').filter({ hasText: 'broken.gif' }).waitFor();
  await page.goto(server.url);
  await ana.unlock(PASSWORD);
  await ana.message('The end of the pictures').waitFor();
  const grown = () => [...document.querySelectorAll('.picture img')].filter((image) => image.complete && image.naturalWidth > 600).length === 2;
  await page.waitForFunction(grown);
  const atEnd = () => {
    const { scrollHeight, scrollTop, clientHeight } = document.querySelector('.scroller');
    return scrollHeight > clientHeight && scrollHeight - scrollTop - clientHeight < 2;
  };
  await page.waitForFunction(atEnd);
  // A row grows, and one hears of scrolling twice before one hears of the row, as it happens while pictures come.
  await page.evaluate(() => {
    const scroller = document.querySelector('.scroller');
    const more = document.createElement('div');
    more.style.blockSize = '300px';
    [...scroller.querySelectorAll('[data-place]')].at(-1).append(more);
    for (let n = 0; n < 2; n += 1) scroller.dispatchEvent(new Event('scroll'));
  });
  await page.waitForFunction(atEnd);
  await page.evaluate(() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next))));
  assert.ok(await page.evaluate(atEnd));
});

test('nothing of it made the browser complain', () => {
  // A server that does not answer for a moment is no complaint of ours.
  assert.deepEqual(all.wrong.filter((one) => !/net::ERR|WebSocket/.test(one)), []);
});
