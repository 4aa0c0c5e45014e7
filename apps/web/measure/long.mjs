// A long conversation in the app: unlocking, opening, scrolling, receiving.
//
// Two people at terminals meet and talk; the backup of one of them is made long, and she comes back from it in a browser. So what is
// measured is a real device, which goes on talking with the other person.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { noteFrames, paintedAt, press, scrollThrough } from './eye.mjs';
import { PASSWORD } from '../browser/meeting.mjs';
import { Person } from '../browser/person.mjs';
import { folder, openBrowser, Server, Terminal } from '../browser/programs.mjs';

const OPEN = '.scroller.settled [data-test=message]';
const ITEM = '[data-test="list-item"]';
/** Bytes of the smallest frame from the home server that can bring a message. */
const FRAME = 4_000;

export class LongTalk {
  found = { restored: [], unlock: [], opened: [], again: [], arrival: [], scrollFrame: [], scrollLongest: [], dragged: [], holes: [], jumps: [] };

  static async begin(messages) {
    const talk = new LongTalk();
    talk.world = await folder();
    talk.server = await Server.start(join(talk.world.path, 'server'));
    const backup = await talk.#meet(messages);
    talk.context = await openBrowser(join(talk.world.path, 'profile'), { viewport: { width: 400, height: 800 } });
    talk.ana = new Person(talk.context.pages()[0]);
    await talk.#restore(backup);
    return talk;
  }

  /** Reloads, unlocks, and opens the conversation twice: the second time it was open before. */
  async enter() {
    const { ana } = this;
    await this.#leave();
    await ana.page.reload();
    await ana.at('unlock-password').fill(PASSWORD);
    // Nobody types faster, and the engine comes meanwhile.
    await ana.page.waitForTimeout(1_000);
    this.found.unlock.push(await ana.page.evaluate(press, { control: '[data-test="unlock-go"]', wanted: ITEM }));
    await ana.page.waitForTimeout(1_000);
    this.found.opened.push(await this.#open());
    await this.#leave();
    this.found.again.push(await this.#open());
  }

  /** Scrolls from the newest messages, and then from the middle. */
  async scroll() {
    await this.#leave();
    await this.#open();
    const seen = await this.ana.page.evaluate(scrollThrough);
    this.found.scrollFrame.push(seen.median);
    this.found.scrollLongest.push(seen.longest);
    this.found.dragged.push(seen.arrived);
    this.found.holes.push(seen.holes);
    this.found.jumps.push(seen.jumps);
  }

  /** Receives messages, one after the other, with the conversation open. */
  async receive(count) {
    const { ana, bela } = this;
    await this.#leave();
    await ana.page.reload();
    await ana.at('unlock-password').waitFor();
    const [worker] = ana.page.workers();
    await worker.evaluate(noteFrames);
    await ana.unlock(PASSWORD);
    await ana.at('list-item').first().waitFor();
    await this.#open();
    // Whoever stays online has nothing else to say when a message goes out.
    const online = bela.begin('listen');
    for (let n = 0; n < count; n += 1) {
      const text = `Arriving, turn ${n}`;
      await this.#quiet(worker);
      const painted = ana.page.evaluate(paintedAt, text);
      await bela.run('send', 'Anastasia', text);
      const at = await painted;
      // The first one after the quiet. Those that follow answer what the app says about it; if one of them brought the message, it took less.
      const came = (await worker.evaluate(() => globalThis.framesAt)).find(([, bytes]) => bytes > FRAME);
      this.found.arrival.push(at - came[0]);
    }
    online.stop();
    await online.ended;
  }

  async end() {
    await this.context?.close().catch(() => {});
    await this.server?.stop();
    await this.world?.remove();
  }

  /** Waits until nothing has come for a second, and forgets what came. */
  async #quiet(worker) {
    const came = () => worker.evaluate(() => globalThis.framesAt.splice(0).length);
    do await this.ana.page.waitForTimeout(1_000);
    while ((await came()) > 0);
  }

  /** Goes back to the list, where the next visit begins then. */
  async #leave() {
    if (await this.ana.at('composer-text').isVisible()) await this.ana.at('back').first().click();
    await this.ana.at('list-item').first().waitFor();
  }

  async #open() {
    return this.ana.page.evaluate(press, { control: ITEM, text: 'Belarmino', wanted: OPEN });
  }

  async #meet(messages) {
    const { server, world } = this;
    const ana = new Terminal(join(world.path, 'ana'), PASSWORD);
    this.bela = new Terminal(join(world.path, 'bela'), 'another password altogether');
    for (const [one, name] of [[ana, 'Anastasia'], [this.bela, 'Belarmino']]) await one.run('init', '--server', server.url, '--server-key', server.key, '--name', name);
    const [card] = await ana.run('card', 'new', '--name', 'Belarmino');
    await this.bela.run('card', 'accept', card.link, '--name', 'Anastasia');
    await this.bela.until('they know each other', async () => {
      await ana.run('sync');
      return (await this.bela.run('contacts')).some((contact) => contact.state === 'established');
    });
    await this.bela.run('send', 'Anastasia', 'Is the kettle on?', '--wait', 'accepted');
    await ana.until('it is there', async () => (await ana.run('log', 'Belarmino')).length > 0);
    await ana.run('send', 'Belarmino', 'It sings already.', '--wait', 'accepted');
    await this.bela.run('sync');
    const [short, long] = ['short.kith', 'long.kith'].map((name) => join(world.path, name));
    await ana.run('backup', short);
    await promisify(execFile)(process.env.KITH_LONG_BACKUP, [short, long, String(messages)], { env: { KITH_PASSWORD: PASSWORD } });
    return long;
  }

  async #restore(backup) {
    const { ana, bela, server } = this;
    await ana.page.goto(server.url);
    await ana.at('start-restore').click();
    await ana.at('restore-with-password').click();
    await ana.at('restore-file').setInputFiles(backup);
    await ana.at('restore-password').fill(PASSWORD);
    await ana.at('restore-go').click();
    await ana.at('start-password').fill(PASSWORD);
    await ana.at('start-again').fill(PASSWORD);
    await ana.at('restore-go').click();
    await ana.at('link-name').fill('Browser');
    const began = Date.now();
    await ana.at('restore-go').click();
    await ana.at('list-item').first().waitFor({ timeout: 1_800_000 });
    this.found.restored.push(Date.now() - began);
    await this.#open();
    await ana.say('I am back');
    await bela.until('the two have met again', async () => (await bela.run('log', 'Anastasia')).some((one) => one.text === 'I am back'));
  }
}
