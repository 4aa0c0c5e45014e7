// A world in which somebody in a browser and somebody at a terminal have met.

import { join } from 'node:path';

import { Person } from './person.mjs';
import { folder, openBrowser, Server, Terminal, watch, web } from './programs.mjs';

export const PASSWORD = 'seven quiet chairs in a kitchen';

/** A home server, Bela at a terminal, and a browser in which nobody is yet. With a toll, everybody reaches the server by way of it. */
export async function strangers(more = {}, toll = null) {
  const world = await folder();
  const server = await Server.start(join(world.path, 'server'), 0, web, toll ? ['--public-url', toll.url] : []);
  if (toll) toll.port = server.port;
  const bela = new Terminal(world.path, 'another password altogether');
  await bela.run('init', '--server', server.url, '--server-key', server.key, '--name', 'Belarmino');
  const profile = join(world.path, 'profile');
  const context = await openBrowser(profile, more);
  const wrong = watch(context, server.url);
  const page = context.pages()[0] ?? (await context.newPage());
  const ana = new Person(page);
  const all = { world, server, bela, profile, context, wrong, page, ana };
  all.end = async () => {
    await context.close().catch(() => {});
    await all.server.stop();
    await world.remove();
  };
  return all;
}

/** The same after they have met: Ana in the browser, her conversation with Belarmino open. */
export async function friends(more = {}, toll = null) {
  const all = await strangers(more, toll);
  await all.page.goto(all.server.url);
  await all.ana.begin('Anastasia', PASSWORD);
  await introduce(all);
  return all;
}

/** Ana gives a card, Bela answers it, and both confirm. */
export async function introduce({ ana, bela }) {
  const link = await ana.giveCard('Belarmino');
  await bela.run('card', 'accept', link, '--name', 'Anastasia');
  await bela.until('they know each other', async () => {
    const contacts = await bela.run('contacts');
    return contacts.some((contact) => contact.state === 'established');
  });
  // The app goes into the conversation by itself when the card is answered, or stays until it is told.
  const done = ana.at('meet-done');
  await done.or(ana.at('composer-text')).first().waitFor();
  if (await done.isVisible()) await done.click().catch(() => {});
  await ana.at('composer-text').waitFor();
  return link;
}
