// Several devices of one person: browsers and a terminal, linked in both ways.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { join } from 'node:path';

import { friends, PASSWORD } from './meeting.mjs';
import { Person } from './person.mjs';
import { openBrowser, Terminal, watch } from './programs.mjs';

const PHONE_PASSWORD = 'another one for the phone';
const SAID = 'Said before there was another device';

let all;
let phone;
let laptop;
let phoneContext;
const phoneWrong = [];

before(async () => {
  all = await friends();
  await all.ana.say(SAID);
  await all.ana.reaches(SAID, 'accepted');
});

after(async () => {
  await phoneContext?.close().catch(() => {});
  await all?.end();
});

test('a browser that shows a link becomes a device of somebody in another browser, with everything that was said', async () => {
  const { ana, server, world } = all;
  phoneContext = await openBrowser(join(world.path, 'phone'), { viewport: { width: 360, height: 740 } });
  phoneWrong.push(watch(phoneContext, server.url));
  phone = new Person(phoneContext.pages()[0]);
  await phone.page.goto(server.url);
  await phone.beginToJoin(PHONE_PASSWORD);
  await phone.at('link-name').fill('Phone');
  await phone.at('link-go').click();
  const link = await phone.at('link-link').inputValue();
  await ana.toLink();
  await ana.at('link-side-take').click();
  await ana.at('link-take-link').fill(link);
  await ana.at('link-name').fill('Kitchen laptop');
  await ana.at('link-go').click();
  assert.equal(await ana.code(), await phone.code());
  await phone.saysTheSame();
  await ana.welcome(PASSWORD, 'all');
  await phone.open('Belarmino');
  await phone.message(SAID).waitFor();
});

test('what one device writes is on the other, and the contact sees one person', async () => {
  const { ana, bela } = all;
  await bela.until('her devices have met the new one', async () => (await phone.at('held').count()) === 0);
  await phone.say('Now from the phone');
  await bela.until('it is there', async () => (await bela.run('log', 'Anastasia')).some((one) => one.text === 'Now from the phone'));
  await ana.at('link-end').click();
  await ana.open('Belarmino');
  await ana.message('Now from the phone').waitFor();
  await bela.run('send', 'Anastasia', 'Good to hear you', '--wait', 'accepted');
  await bela.until('both have it', async () => (await ana.message('Good to hear you').count()) > 0 && (await phone.message('Good to hear you').count()) > 0);
  assert.equal((await bela.run('contacts')).length, 1);
});

test('a terminal that uses the link of a browser becomes a device, and both show the same code', async () => {
  const { ana, server, world } = all;
  const home = join(world.path, 'laptop');
  await mkdir(home);
  laptop = new Terminal(home, 'a third password for the terminal');
  await ana.toLink();
  await ana.at('link-go').click();
  const link = await ana.at('link-link').inputValue();
  const joining = laptop.beginTyping('y\n', 'device', 'join', link, '--server', server.url, '--server-key', server.key, '--name', 'Terminal');
  const { code } = await joining.says((line) => line.event === 'code');
  assert.equal(await ana.code(), code);
  await ana.welcome(PASSWORD, 'month');
  const { contacts } = await joining.says((line) => line.state === 'linked');
  assert.equal(contacts, 1);
  assert.equal(await joining.ended, 0);
  const said = await laptop.run('log', 'Belarmino');
  assert.ok(said.some((one) => one.text === SAID));
});

test('a conversation that is pinned or muted on one device is so on all', async () => {
  const { ana } = all;
  await ana.at('link-end').click();
  await ana.open('Belarmino');
  await ana.at('about').click();
  await ana.at('pinned').click();
  await laptop.until('it is pinned', async () => (await laptop.run('contacts')).some((one) => one.pinned));
  await laptop.run('set', 'Belarmino', 'mute=on');
  await laptop.run('sync');
  await ana.page.locator('[data-test="muted"]:checked').waitFor();
  await laptop.run('set', 'Belarmino', 'mute=off', 'pin=off');
  await laptop.run('sync');
  await ana.page.locator('[data-test="pinned"]:not(:checked)').waitFor();
});

test('a device that is new is told to the others, and may be given another name', async () => {
  const { ana } = all;
  await phone.at('device-news').filter({ hasText: 'Terminal' }).waitFor({ timeout: 60_000, state: 'attached' });
  await ana.toDevices();
  const terminal = ana.page.locator('[data-test="device"]').filter({ hasText: 'Terminal' });
  await terminal.locator('[data-test="device-rename"]').click();
  await ana.at('device-name').fill('Attic computer');
  await ana.at('ask-password').fill('not the password');
  await ana.at('ask-go').click();
  await ana.page.locator('dialog [aria-invalid="true"]').waitFor();
  await ana.at('ask-password').fill(PASSWORD);
  await ana.at('ask-go').click();
  await ana.page.locator('[data-test="device"]').filter({ hasText: 'Attic computer' }).waitFor();
});

test('a reload in the middle of linking goes on where it was', async () => {
  const { ana, server, world } = all;
  const context = await openBrowser(join(world.path, 'tablet'));
  const tablet = new Person(context.pages()[0]);
  await tablet.page.goto(server.url);
  await tablet.beginToJoin(PHONE_PASSWORD);
  await tablet.at('link-go').click();
  const link = await tablet.at('link-link').inputValue();
  await tablet.page.reload();
  await tablet.unlock(PHONE_PASSWORD);
  await tablet.at('link-again').waitFor();
  await ana.at('link-device').click();
  await ana.at('link-side-take').click();
  await ana.at('link-take-link').fill(link);
  await ana.at('link-go').click();
  const code = await tablet.code();
  assert.equal(await ana.code(), code);
  await ana.page.reload();
  await ana.unlock(PASSWORD);
  await ana.at('link-code').waitFor();
  assert.equal(await ana.code(), code);
  // Somebody who sees other digits takes it back, and both begin again.
  await ana.at('link-differ').click();
  await ana.at('link-side-show').waitFor();
  await tablet.at('link-ended').waitFor();
  assert.equal(await ana.at('link-ended').count(), 0, 'who has ended it is told nothing');
  await tablet.at('join-leave').click();
  await tablet.at('dialog-yes').click();
  await tablet.at('start-name').waitFor();
  await context.close();
});

test('a device that was taken out says so and does nothing any more', async () => {
  const { ana, bela } = all;
  await ana.at('back').click();
  const row = ana.page.locator('[data-test="device"]').filter({ hasText: 'Phone' });
  await row.locator('[data-test="device-revoke"]').click();
  await ana.at('device-lost').click();
  await ana.at('ask-password').fill(PASSWORD);
  await ana.at('ask-go').click();
  await row.waitFor({ state: 'detached' });
  await phone.at('erase').waitFor();
  assert.equal(await phone.at('list-item').count(), 0, 'nothing of it is shown');
  await phone.page.reload();
  await phone.unlock(PHONE_PASSWORD);
  await phone.at('erase').click();
  await phone.at('dialog-yes').click();
  await phone.at('start-name').waitFor();
  await bela.run('sync');
  await bela.run('send', 'Anastasia', 'Still there?', '--wait', 'accepted');
});

test('no page did what it must not', () => {
  const expected = /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|Failed to load resource.*favicon/;
  const wrong = [...all.wrong, ...phoneWrong.flat()];
  assert.deepEqual(wrong.filter((one) => !expected.test(one)), []);
});
