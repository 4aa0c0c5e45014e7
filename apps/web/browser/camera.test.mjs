// What comes from camera and microphone: pictures that say nothing but what they show, voice notes, and codes that are compared.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import { friends, PASSWORD } from './meeting.mjs';
import { folder } from './programs.mjs';

const PLACE = 'the kitchen at 47.1 N 8.5 E';

let all;
let film;
let place;

before(async () => {
  place = await folder();
  film = join(place.path, 'camera.y4m');
  await writeFile(film, framed([[false]]));
  const args = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${film}`];
  all = await friends({ args, acceptDownloads: true });
});

after(async () => {
  await all?.end();
  await place?.remove();
});

/** Keeps a picture of the page where somebody wants to look at it. */
async function look(name) {
  if (process.env.KITH_PICTURES) await all.page.screenshot({ path: join(process.env.KITH_PICTURES, `${name}.png`) });
}

/** Sends a picture with some words, and returns it as the terminal has it. */
async function through(name, mimeType, buffer, words) {
  const { ana, bela, world } = all;
  await ana.at('composer-file').setInputFiles({ name, mimeType, buffer });
  await ana.at('cleaned').waitFor();
  await look('pending');
  await ana.say(words);
  await ana.reaches(words, 'accepted');
  const { message_id: message } = await bela.until('the picture is there', async () => (await bela.run('log', 'Anastasia')).find((one) => one.text === words));
  const target = join(world.path, name);
  await bela.run('save', 'Anastasia', message, '--out', target);
  return readFile(target);
}

/** A small picture that a browser has drawn. */
async function drawnAs(type) {
  const bytes = await all.page.evaluate(async (kind) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [48, 24];
    const context = canvas.getContext('2d');
    context.fillStyle = '#fff';
    context.fillRect(0, 0, 48, 24);
    context.fillStyle = '#0f6b5f';
    context.fillRect(0, 0, 20, 12);
    const blob = await new Promise((done) => canvas.toBlob(done, kind));
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, type);
  return Buffer.from(bytes);
}

/** How a picture looks on the screen: how wide and high it is, and its dots. */
async function looks(bytes, type) {
  return all.page.evaluate(
    async ([values, kind]) => {
      const bitmap = await createImageBitmap(new Blob([new Uint8Array(values)], { type: kind }));
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext('2d');
      context.drawImage(bitmap, 0, 0);
      return [bitmap.width, bitmap.height, ...context.getImageData(0, 0, bitmap.width, bitmap.height).data].join();
    },
    [[...bytes], type],
  );
}

/** What a camera writes: turned by a quarter, and where. */
function exif() {
  const entry = (tag, kind, value) => {
    const bytes = Buffer.alloc(12);
    bytes.writeUInt16LE(tag, 0);
    bytes.writeUInt16LE(kind, 2);
    bytes.writeUInt32LE(1, 4);
    bytes.writeUInt32LE(value, 8);
    return bytes;
  };
  // Turned; a directory about the place, which says that it is in the north.
  const first = Buffer.concat([Buffer.from([2, 0]), entry(0x0112, 3, 6), entry(0x8825, 4, 38), Buffer.alloc(4)]);
  const second = Buffer.concat([Buffer.from([1, 0]), entry(0x0001, 2, 0x4e), Buffer.alloc(4)]);
  return Buffer.concat([Buffer.from('II*\0\x08\0\0\0', 'latin1'), first, second, Buffer.from(PLACE)]);
}

/** The same picture with what a camera writes into it. */
function written(bytes, type) {
  if (type === 'image/jpeg') {
    const content = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exif()]);
    const head = Buffer.from([0xff, 0xe1, 0, 0]);
    head.writeUInt16BE(content.length + 2, 2);
    return Buffer.concat([bytes.subarray(0, 2), head, content, bytes.subarray(2)]);
  }
  if (type === 'image/png') {
    const chunk = (name, content) => {
      const named = Buffer.concat([Buffer.from(name), content]);
      const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
      length.writeUInt32BE(content.length);
      sum.writeUInt32BE(crc32(named));
      return Buffer.concat([length, named, sum]);
    };
    // Behind the head, which has 33 bytes with the signature.
    return Buffer.concat([bytes.subarray(0, 33), chunk('eXIf', exif()), chunk('tEXt', Buffer.from(`Comment\0${PLACE}`)), bytes.subarray(33)]);
  }
  const chunk = (name, content) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(content.length);
    return Buffer.concat([Buffer.from(name), length, content, Buffer.alloc(content.length % 2)]);
  };
  // The extended head, which browsers write or not, says that there is EXIF.
  const chunks = Buffer.from(bytes.subarray(12));
  const isExtended = chunks.subarray(0, 4).toString() === 'VP8X';
  if (isExtended) chunks[8] |= 8;
  const head = isExtended ? Buffer.alloc(0) : chunk('VP8X', Buffer.from([8, 0, 0, 0, 47, 0, 0, 23, 0, 0]));
  return chunk('RIFF', Buffer.concat([Buffer.from('WEBP'), head, chunks, chunk('EXIF', exif())]));
}

for (const [ending, type] of [['jpg', 'image/jpeg'], ['png', 'image/png'], ['webp', 'image/webp']]) {
  test(`a ${ending} travels without the place, and looks as before`, async () => {
    const camera = written(await drawnAs(type), type);
    assert.ok(camera.includes(PLACE));
    const arrived = await through(`photo.${ending}`, type, camera, `See this ${ending}`);
    assert.ok(!arrived.includes(PLACE) && arrived.length < camera.length);
    assert.equal(await looks(arrived, type), await looks(camera, type));
  });
}

test('a picture from which nothing can be taken out is not attached, and the app says why', async () => {
  const { ana, page } = all;
  const buffer = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
  await ana.at('composer-file').setInputFiles({ name: 'photo.heic', mimeType: 'image/heic', buffer });
  await page.getByText('JPEG').first().waitFor();
  await page.locator('.pending').waitFor({ state: 'detached' });
});

test('a picture is taken, taken again, sent with words, and nobody looks on afterwards', async () => {
  const { ana, bela, page, world } = all;
  // A square in the first quarter of what the camera sees: pictures are not turned over as mirrors are.
  await writeFile(film, framed([[true, false], [false, false]]));
  await page.evaluate(() => {
    const devices = navigator.mediaDevices;
    const ask = devices.getUserMedia.bind(devices);
    globalThis.streams = [];
    devices.getUserMedia = async (wanted) => {
      const stream = await ask(wanted);
      globalThis.streams.push(stream);
      return stream;
    };
  });
  const tracks = () => page.evaluate(() => globalThis.streams.flatMap((stream) => stream.getTracks()).map((track) => track.readyState));
  const hidden = (away) =>
    page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, away);
  await ana.at('composer-camera').click();
  await page.locator('[data-test="take-picture"][data-stage="on"]').waitFor();
  await ana.at('picture-press').click();
  await ana.at('picture-again').click();
  await page.locator('[data-test="take-picture"][data-stage="on"]').waitFor();
  await look('take-picture');
  await hidden(true);
  assert.deepEqual(await tracks(), ['ended', 'ended']);
  await hidden(false);
  await page.waitForFunction(() => globalThis.streams.length === 3);
  await page.locator('[data-test="take-picture"][data-stage="on"]').waitFor();
  await ana.at('picture-press').click();
  await ana.at('picture-taken').waitFor();
  await look('picture-taken');
  await ana.at('picture-use').click();
  await ana.at('cleaned').or(page.locator('.pending img')).first().waitFor();
  await ana.say('Just now');
  await ana.reaches('Just now', 'accepted');
  assert.deepEqual(await tracks(), ['ended', 'ended', 'ended']);

  const said = await bela.until('the picture is there', async () => (await bela.run('log', 'Anastasia')).find((one) => one.text === 'Just now'));
  assert.match(said.attachment.name, /^picture-[0-9a-f]{4}\.jpg$/);
  const target = join(world.path, 'taken.jpg');
  await bela.run('save', 'Anastasia', said.message_id, '--out', target);
  const arrived = await readFile(target);
  assert.ok(!arrived.includes('Exif'));
  const [width, height, ...dots] = (await looks(arrived, 'image/jpeg')).split(',').map(Number);
  assert.deepEqual([width, height], [640, 480]);
  const redAt = (x, y) => dots[(y * width + x) * 4];
  assert.ok(redAt(280, 200) < 60 && redAt(360, 200) > 200, `dark ${redAt(280, 200)}, light ${redAt(360, 200)}`);
});

test('a camera that is refused is told in words, and a file does as well', async () => {
  const { ana, page } = all;
  const before = await ana.at('message').count();
  await page.evaluate(() => {
    globalThis.asked = navigator.mediaDevices.getUserMedia;
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  });
  await ana.at('composer-camera').click();
  await page.getByText('may not use the camera').first().waitFor();
  const choosing = page.waitForEvent('filechooser');
  await ana.at('picture-file').click();
  await (await choosing).setFiles([]);
  await ana.at('take-picture').waitFor({ state: 'detached' });
  assert.equal(await ana.at('message').count(), before);
  await page.evaluate(() => (navigator.mediaDevices.getUserMedia = globalThis.asked));
});

test('a picture is chosen for a contact, stays, and is taken away; the contact learns nothing', async () => {
  const { ana, bela, page, server } = all;
  /** Waits until a picture stands beside the name whose middle is light or dark, and returns its size. */
  const shown = async (where, tone) => {
    const found = await page.waitForFunction(
      ([within, wanted]) => {
        const image = document.querySelector(`${within} [data-test="avatar-picture"]`);
        if (!image?.complete || image.naturalWidth === 0) return null;
        const context = new OffscreenCanvas(1, 1).getContext('2d');
        context.drawImage(image, image.naturalWidth / 2, image.naturalHeight / 2, 1, 1, 0, 0, 1, 1);
        const is = context.getImageData(0, 0, 1, 1).data[0] > 128 ? 'light' : 'dark';
        return is === wanted ? [image.naturalWidth, image.naturalHeight] : null;
      },
      [where, tone],
    );
    return found.jsonValue();
  };
  const initials = () => page.waitForFunction(() => document.querySelector('.picture [data-test="avatar"]')?.textContent.trim() === 'B');
  await ana.at('about').click();
  await initials();
  // A wide picture whose middle is white.
  await ana.at('contact-picture').click();
  const choosing = page.waitForEvent('filechooser');
  await ana.at('contact-picture-choose').click();
  await (await choosing).setFiles([{ name: 'bela.png', mimeType: 'image/png', buffer: written(await drawnAs('image/png'), 'image/png') }]);
  assert.deepEqual(await shown('.picture', 'light'), [256, 256]);
  await look('contact-picture');
  await ana.at('contact-picture-file').setInputFiles([{ name: 'words.txt', mimeType: 'text/plain', buffer: Buffer.from('plums') }]);
  await page.getByText('cannot be shown as a picture').first().waitFor();
  const heard = await bela.run('log', 'Anastasia');

  // It is there after everything was closed, and nothing readable lies there meanwhile (journey.test.mjs looks at all files).
  await page.goto(server.url);
  await ana.unlock(PASSWORD);
  await shown('[data-test="list-item"]', 'light');
  await ana.open('Belarmino');
  await ana.at('about').click();
  await shown('.picture', 'light');
  // With the camera, which sees a dark square in the middle.
  await writeFile(film, framed([[true]]));
  await ana.at('contact-picture').click();
  await ana.at('contact-picture-take').click();
  await page.locator('[data-test="take-picture"][data-stage="on"]').waitFor();
  await ana.at('picture-press').click();
  await ana.at('picture-use').click();
  await shown('.picture', 'dark');
  await ana.at('contact-picture').click();
  await ana.at('contact-picture-none').click();
  await initials();
  assert.deepEqual((await bela.run('log', 'Anastasia')).length, heard.length);
  const [contact] = await bela.run('contacts');
  assert.equal(contact.picture, false);
  await ana.open('Belarmino');
  await ana.at('contact-picture').waitFor({ state: 'detached' });
});

test('a voice note is spoken, sent, and played, and one of somebody else as well', async () => {
  const { ana, bela, page, world } = all;
  await ana.at('composer-record').click();
  await page.locator('[data-test="recording"][data-stage="on"]').waitFor();
  await page.getByRole('timer').filter({ hasText: '0:03' }).waitFor();
  await look('recording');
  await ana.at('voice-send').click();
  await page.waitForFunction(() => Number(document.querySelector('[data-test="player"]')?.dataset.seconds) > 2);
  await ana.at('player-speed').click();
  await ana.at('player-play').click();
  await page.locator('[data-test="player"][data-playing="true"]').waitFor();
  await look('player');
  await ana.at('player-at').focus();
  await page.keyboard.press('End');
  await page.locator('[data-test="player"][data-playing="false"]').waitFor();
  const isOne = (said) => /^voice-[0-9a-f]{4}\.webm$/.test(said.attachment?.name);
  const said = await bela.until('it is there', async () => (await bela.run('log', 'Anastasia')).find(isOne));

  const target = join(world.path, 'from-bela.weba');
  await bela.run('save', 'Anastasia', said.message_id, '--out', target);
  await bela.run('send', 'Anastasia', 'Listen', '--file', target, '--wait', 'delivered');
  const theirs = ana.message('Listen');
  await theirs.locator('[data-test="file"]').click();
  await bela.run('sync');
  await theirs.locator('[data-test="player"]').waitFor();
});

test('what is thrown away is not sent, and a microphone that is refused is told in words', async () => {
  const { ana, page } = all;
  const before = await ana.at('message').count();
  await ana.at('composer-record').click();
  await page.locator('[data-test="recording"][data-stage="on"]').waitFor();
  await page.keyboard.press('Escape');
  await ana.at('composer-text').waitFor();
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  });
  await ana.at('composer-record').click();
  await page.getByText('may not use the microphone').first().waitFor();
  await ana.at('composer-text').waitFor();
  assert.equal(await ana.at('message').count(), before);
});

/** A picture of these squares, as a camera that never moves gives it: YUV 4:2:0, 640 by 480. */
function framed(squares) {
  const [width, height] = [640, 480];
  const size = Math.floor(height / (squares.length + 4));
  const [left, top] = [(width - size * squares[0].length) >> 1, (height - size * squares.length) >> 1];
  const light = Buffer.alloc(width * height, 235);
  for (const [y, row] of squares.entries()) {
    for (const [x, dark] of row.entries()) {
      const from = (top + y * size) * width + left + x * size;
      if (dark) for (let line = 0; line < size; line += 1) light.fill(16, from + line * width, from + line * width + size);
    }
  }
  const colour = Buffer.alloc((width * height) / 2, 128);
  return Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F30:1 Ip A1:1 C420jpeg\nFRAME\n`), light, colour]);
}

test('the code that the other one shows is compared by Kith, and another code is not taken for it', async () => {
  const { ana, bela, page, server } = all;
  await page.goto(server.url);
  await ana.unlock(PASSWORD);
  await ana.open('Belarmino');
  await ana.at('about').click();
  await ana.at('verify').click();
  await ana.at('verify-code').waitFor();
  await look('verify');
  const [{ qr }] = await bela.run('verify', 'Anastasia', '--qr');
  assert.match(qr, /^KITH:DIGITS:\d{60}$/);
  await writeFile(film, framed(await bela.drawn('card', 'new', '--name', 'Clara', '--qr')));
  await ana.at('camera').click();
  await page.locator('[data-test="scanned"][data-code="not_digits"]').waitFor();
  await writeFile(film, framed(await bela.drawn('verify', 'Anastasia', '--qr')));
  await ana.at('camera').click();
  await ana.at('verify').waitFor();
  await page.getByText('Compared.').first().waitFor();
  const [{ verified }] = await bela.run('verify', 'Anastasia', '--read', qr);
  assert.ok(verified);
});

test('nothing of it made the browser complain', () => {
  assert.deepEqual(all.wrong, []);
});
