// Linking by words: browsers, and terminals at the same home server and another one, without a camera or a clipboard between them.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { join } from 'node:path';

import { PASSWORD } from './meeting.mjs';
import { Person } from './person.mjs';
import { folder, openBrowser, Server, Terminal, watch, web } from './programs.mjs';

const NEW_PASSWORD = 'another one for the new device';

let world;
let home;
let other;
let ana;
const contexts = [];
const wrong = [];

before(async () => {
  world = await folder();
  home = await Server.start(join(world.path, 'home'), 0, web, ['--allow-private-peers']);
  other = await Server.start(join(world.path, 'other'), 0, web, ['--allow-private-peers']);
  ana = await somebody('ana', home);
  await ana.begin('Anastasia', PASSWORD);
  await ana.toLink();
});

after(async () => {
  for (const context of contexts) await context.close().catch(() => {});
  await home?.stop();
  await other?.stop();
  await world?.remove();
});

/** Somebody in a browser of their own, who has opened the app of a home server. */
async function somebody(name, server) {
  const context = await openBrowser(join(world.path, name));
  contexts.push(context);
  wrong.push(watch(context, server.url));
  const person = new Person(context.pages()[0]);
  await person.page.goto(server.url);
  return person;
}

/** The words that are shown, and the home server beside them. */
async function shown(person = ana) {
  await person.at('link-words').waitFor();
  const words = (await person.at('link-words').locator('li').allInnerTexts()).map((text) => text.replace(/[^a-z]/g, ''));
  assert.equal(words.length, 12);
  return { words, server: await person.at('link-words-server').innerText() };
}

async function type(person, words, server) {
  await person.at('link-words-typed').fill(words);
  if (server) await person.at('link-words-address').fill(server);
  await person.at('link-go').click();
}

/** Goes to where words are typed on a new device. */
async function toType(person) {
  await person.at('link-side-take').click();
  await person.at('link-words-type').click();
  await person.at('link-words-typed').waitFor();
}

/** Types what is no link, and returns what is said about it. Until the home server has heard that words were taken back they find somebody. */
async function fails(person, words, server) {
  await type(person, words, server);
  const field = person.page.locator('[data-test="link-words-typed"][aria-invalid="true"]');
  await field.or(person.at('link-again')).first().waitFor();
  if (!(await field.isVisible())) {
    await person.at('link-again').click();
    await toType(person);
    return fails(person, words, server);
  }
  return person.page.locator(`[id="${await field.getAttribute('aria-describedby')}"]`).innerText();
}

let phone;

test('words that are no link are said to be none, and stay to be mended', async () => {
  phone = await somebody('phone', home);
  await phone.beginToJoin(NEW_PASSWORD);
  await toType(phone);
  assert.match(await fails(phone, 'abandon Kitchenette able'), /kitchenette.” is none of the words/);
  assert.match(await fails(phone, 'abandon ability able'), /twelve words, and here are .3/);
  assert.match(await fails(phone, 'abandon '.repeat(12)), /wrong order/);
  assert.equal(await phone.at('link-words-typed').inputValue(), 'abandon '.repeat(12));
});

/** Ana goes away from the page that shows words, each time in another way, and comes back to where she can show others. */
const WAYS = {
  'goes back': async () => {
    await ana.at('back').click();
    await ana.at('link-device').click();
  },
  'loads the page anew': async () => {
    await ana.page.reload();
    await ana.unlock(PASSWORD);
  },
  'locks Kith': async () => {
    await ana.lock();
    await ana.unlock(PASSWORD);
    await ana.toLink();
  },
};

for (const [way, goes] of Object.entries(WAYS)) {
  test(`words are good no more when their owner ${way}`, async () => {
    await ana.at('link-words-show').click();
    const { words, server } = await shown();
    await goes();
    await ana.at('link-words-show').waitFor();
    assert.match(await fails(phone, words.join(' '), server), /no link under these words/);
    assert.equal(await phone.at('link-words-typed').inputValue(), words.join(' '), 'they can be mended');
  });
}

test('words are good no more when the one of several tabs that shows them is closed', async () => {
  const there = new Person(await ana.page.context().newPage());
  await there.page.goto(home.url);
  await there.toLink();
  await there.at('link-words-show').click();
  const { words, server } = await shown(there);
  await ana.at('link-withdraw').waitFor();
  await there.page.close();
  await ana.at('link-words-show').waitFor();
  assert.match(await fails(phone, words.join(' '), server), /no link under these words/);
});

/** Asks for words as often as they do not come in time. */
async function showAtLast() {
  const again = ana.page.locator('[data-test="link-words-show"]:enabled');
  do {
    if (await again.isVisible()) await again.click({ timeout: 5_000 }).catch(() => {});
    await ana.at('link-words').or(again).first().waitFor();
  } while (!(await ana.at('link-words').isVisible()));
}

test('words are shown when the home server has what they lead to, and not before', async () => {
  await home.stop();
  await ana.at('link-words-show').click();
  await ana.at('link-withdraw').waitFor();
  assert.equal(await ana.at('link-words').count(), 0);
  // Nobody has to wait for that.
  await ana.at('link-withdraw').click();
  await ana.at('link-words-show').waitFor();
  assert.equal(await ana.page.locator('[role="alert"]').count(), 0);
  // Whoever does is told why it takes so long, and can try again.
  await ana.at('link-words-show').click();
  await ana.page.locator('[role="alert"]').filter({ hasText: 'Your home server cannot be reached' }).waitFor();
  assert.equal(await ana.at('link-words').count(), 0);
  home = await Server.start(home.data, home.port, web, ['--allow-private-peers']);
  await showAtLast();
  await ana.at('link-withdraw').click();
  await ana.at('link-words-show').waitFor();
});

test('words lead a browser to the device that shows them', async () => {
  await ana.at('link-words-show').click();
  const { words, server } = await shown();
  assert.equal(server, home.url);
  // As people type: some in capitals, some by four letters, with numbers.
  const typed = words.map((word, index) => `${index + 1}. ${index % 2 ? word.toUpperCase() : word.slice(0, 4)}`).join('\n');
  await type(phone, typed, server);
  assert.equal(await ana.code(), await phone.code());
  await phone.saysTheSame();
  await ana.welcome(PASSWORD, 'all');
  await phone.at('meet').first().waitFor();
  await ana.at('link-end').click();
});

test('a terminal at another home server takes the words of a browser, after a code was shown in vain', async () => {
  const path = join(world.path, 'laptop');
  await mkdir(path);
  const laptop = new Terminal(path, 'a third password for the terminal');
  await ana.at('link-device').click();
  await ana.at('link-go').click();
  await ana.at('link-link').waitFor();
  await ana.at('link-words-show').click();
  const { words, server } = await shown();
  const joining = laptop.beginTyping(`${server}\n${words.join(' ')}\ny\n`, 'device', 'join', '--words', '--server', other.url, '--server-key', other.key, '--name', 'Terminal');
  const { code } = await joining.says((line) => line.event === 'code');
  assert.equal(await ana.code(), code);
  await ana.welcome(PASSWORD, 'all');
  await joining.says((line) => line.state === 'linked');
  assert.equal(await joining.ended, 0);
});

test('a browser takes the words of a terminal', async () => {
  const path = join(world.path, 'bela');
  await mkdir(path);
  const bela = new Terminal(path, 'a password of somebody else');
  await bela.run('init', '--server', home.url, '--server-key', home.key, '--name', 'Belarmino');
  const linking = bela.begin('device', 'link', '--words');
  const { words, server } = await linking.says((line) => line.words);
  assert.equal(server, home.url);
  const tablet = await somebody('tablet', home);
  await tablet.beginToJoin(NEW_PASSWORD);
  await toType(tablet);
  assert.equal(await tablet.at('link-words-address').inputValue(), home.url, 'most people have all at one home server');
  await type(tablet, words);
  const code = await tablet.code();
  const said = await linking.says((line) => line.event === 'code');
  assert.equal(said.code, code);
  await tablet.saysTheSame();
  // Nobody answers the terminal's question; a script goes on in its place.
  await linking.ended;
  const ended = await bela.run('device', 'link', '--yes', '--code', code);
  assert.ok(ended.some((line) => line.state === 'linked'));
  await tablet.at('meet').first().waitFor();
});

test('a device that was taken out while it showed words is opened all the same, and says so', async () => {
  await phone.toLink();
  await phone.at('link-words-show').click();
  await phone.at('link-words').waitFor();
  await ana.at('link-end').click();
  const others = ana.page.locator('[data-test="device"]').filter({ has: ana.page.locator('[data-test="device-revoke"]') });
  const row = others.filter({ hasNotText: 'Terminal' });
  await row.locator('[data-test="device-revoke"]').click();
  await ana.at('device-lost').click();
  await ana.at('ask-password').fill(PASSWORD);
  await ana.at('ask-go').click();
  await row.waitFor({ state: 'detached' });
  await phone.at('erase').waitFor();
  await phone.page.reload();
  await phone.unlock(NEW_PASSWORD);
  await phone.at('erase').waitFor();
});

test('no page did what it must not', () => {
  const expected = /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|Failed to load resource.*favicon/;
  assert.deepEqual(wrong.flat().filter((one) => !expected.test(one)), []);
});
