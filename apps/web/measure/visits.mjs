// The first visit to the app, and a later one: what comes over the wire, and when something can be done, on a machine four times slower.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { sayWhenThere } from './eye.mjs';
import { slow } from './slow.mjs';
import { Wire } from './wire.mjs';
import { PASSWORD } from '../browser/meeting.mjs';
import { Person } from '../browser/person.mjs';
import { folder, openBrowser, Server, web } from '../browser/programs.mjs';

const PHONE = { viewport: { width: 400, height: 800 } };
/** When the wire was quiet for so long, in milliseconds, nothing more comes. */
const QUIET = 1_500;
/** What a page says when something can be done. */
const THERE = 'there after';

/** Visits in fresh browsers, so many times. Times are in milliseconds, sizes in bytes. */
export async function visits(rounds) {
  const world = await folder();
  const wire = await Wire.begin();
  const server = await Server.start(join(world.path, 'server'), 0, web, ['--public-url', wire.url]);
  wire.to(server.port);
  const found = { firstBytes: [], first: [], later: [] };
  try {
    for (let round = 0; round < rounds; round += 1) {
      const profile = join(world.path, `profile-${round}`);
      await mkdir(profile);
      await first(profile, wire, found);
      found.later.push(await visit(profile, wire.url, '[data-test="unlock-password"]'));
    }
  } finally {
    await server.stop();
    wire.end();
    await world.remove();
  }
  return found;
}

/** The first visit, after which somebody is there and the app is kept. */
async function first(profile, wire, found) {
  const before = wire.bytes;
  const person = async (page) => {
    await page.evaluate(() => navigator.serviceWorker.ready);
    while (Date.now() - wire.last < QUIET) await page.waitForTimeout(100);
    found.firstBytes.push(wire.bytes - before);
    await new Person(page).begin('Anastasia', PASSWORD);
  };
  found.first.push(await visit(profile, wire.url, '[data-test="start-name"]', person));
}

/** Opens a browser and in it the app; returns when something can be done. What follows is done at full speed. */
async function visit(profile, url, wanted, afterwards = async () => {}) {
  const context = await openBrowser(profile, PHONE);
  try {
    const page = context.pages()[0];
    await page.addInitScript(sayWhenThere, { wanted, word: THERE });
    const quicken = slow(profile);
    try {
      const [said] = await Promise.all([page.waitForEvent('console', { predicate: (said) => said.text().startsWith(THERE), timeout: 120_000 }), page.goto(url)]);
      const after = Number(said.text().slice(THERE.length));
      quicken();
      await afterwards(page);
      return after;
    } finally {
      quicken();
    }
  } finally {
    await context.close();
  }
}
