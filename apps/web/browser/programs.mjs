// Real programs around the app: a home server, the command line of somebody else, and a browser with a profile on the disk.
//
// KITH_PROGRAMS names the folder of `kithd` and `kith`, KITH_WEB that of the built app, KITH_CHROMIUM the browser; KITHD another home server
// than the one in the folder.

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { chromium } from 'playwright-core';

/** The folder of the built programs. */
export const programs = process.env.KITH_PROGRAMS;
/** The folder of the built app. */
export const web = process.env.KITH_WEB;
const browser = process.env.KITH_CHROMIUM ?? '/usr/bin/chromium';

if (!programs || !web) throw new Error('`cargo xtask web --test` says where the programs and the app are');

/** A folder that is gone after the test. */
export async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'kith-web-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** A home server that serves the app, on a free port of this machine. */
export class Server {
  static async start(data, port = 0, app = web, more = []) {
    const words = ['--data', data, '--json', '--listen', `127.0.0.1:${port}`, '--web', app, '--allow-root', ...more];
    const child = spawn(process.env.KITHD ?? join(programs, 'kithd'), words, { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
    let log = '';
    child.stderr.on('data', (text) => (log += text));
    const ready = await new Promise((done, failed) => {
      createInterface({ input: child.stdout }).once('line', (line) => done(JSON.parse(line)));
      child.once('exit', () => failed(new Error(`kithd ended: ${log}`)));
    });
    return new Server(child, data, ready);
  }

  constructor(child, data, ready) {
    this.child = child;
    this.data = data;
    this.url = ready.url;
    this.key = ready.server_key;
    this.port = Number(new URL(`http://${ready.listen}`).port);
  }

  async stop() {
    const ended = new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGTERM');
    await ended;
  }
}

/** `kith web`: the app, served by this machine to itself. */
export class OwnMachine {
  static async start(home, ...more) {
    const words = ['--json', 'web', '--app', web, ...more];
    const child = spawn(join(programs, 'kith'), words, { stdio: ['ignore', 'pipe', 'pipe'], env: { HOME: home } });
    let log = '';
    child.stderr.on('data', (text) => (log += text));
    const { url } = await new Promise((done, failed) => {
      createInterface({ input: child.stdout }).once('line', (line) => done(JSON.parse(line)));
      child.once('exit', () => failed(new Error(`kith web ended: ${log}`)));
    });
    return new OwnMachine(child, url);
  }

  constructor(child, url) {
    this.child = child;
    this.url = url;
  }

  async stop() {
    if (this.child.exitCode !== null) return;
    const ended = new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGTERM');
    await ended;
  }
}

/** Somebody at a terminal. */
export class Terminal {
  constructor(home, password) {
    this.home = home;
    this.password = password;
  }

  /** Runs a command of `kith` and returns its lines, each an object. */
  async run(...words) {
    const env = { PATH: process.env.PATH, HOME: this.home, KITH_HOME: join(this.home, 'kith'), KITH_PASSWORD: this.password };
    return new Promise((done, failed) => {
      execFile(join(programs, 'kith'), ['--json', ...words], { env }, (error, out, told) => {
        if (error) failed(new Error(`kith ${words.join(' ')}: ${told}${out}`));
        else done(out.split('\n').filter(Boolean).map((line) => JSON.parse(line)));
      });
    });
  }

  /** Runs a command that draws a code, and returns its squares, row by row: whether each is dark. */
  async drawn(...words) {
    const env = { PATH: process.env.PATH, HOME: this.home, KITH_HOME: join(this.home, 'kith'), KITH_PASSWORD: this.password };
    const text = await new Promise((done, failed) => {
      execFile(join(programs, 'kith'), words, { env }, (error, _, told) => (error ? failed(error) : done(told)));
    });
    const lines = text.split('\n').filter((line) => /^[█▀▄ ]+$/.test(line) && line.length > 20);
    return lines.flatMap((line) => [[...line].map((sign) => '█▀'.includes(sign)), [...line].map((sign) => '█▄'.includes(sign))]);
  }

  /** Begins a command that goes on while other things happen: what it says can be waited for, line by line, and its end. */
  begin(...words) {
    return this.beginTyping('', ...words);
  }

  /** The same for a command that asks, and what is typed to that. */
  beginTyping(typed, ...words) {
    const env = { PATH: process.env.PATH, HOME: this.home, KITH_HOME: join(this.home, 'kith'), KITH_PASSWORD: this.password };
    const child = spawn(join(programs, 'kith'), ['--json', ...words], { env, stdio: 'pipe' });
    // A command that asks nothing may have ended before.
    child.stdin.on('error', () => {});
    child.stdin.end(typed);
    const lines = [];
    const waiting = [];
    let told = '';
    const tell = () => {
      for (const one of waiting.splice(0)) {
        const found = lines.find(one.isIt);
        if (found) one.done(found);
        else waiting.push(one);
      }
    };
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(JSON.parse(line));
      tell();
    });
    child.stderr.on('data', (text) => (told += text));
    const ended = new Promise((done) => child.once('close', (code) => done(code)));
    void ended.then((code) => waiting.forEach((one) => one.failed(new Error(`kith ${words.join(' ')} ended with ${code}: ${told}`))));
    return {
      ended,
      stop: () => child.kill('SIGINT'),
      says: (isIt) =>
        new Promise((done, failed) => {
          waiting.push({ isIt, done, failed });
          tell();
        }),
    };
  }

  /** Goes online until something is so. */
  async until(what, isSo) {
    for (let round = 0; round < 40; round += 1) {
      await this.run('sync');
      const found = await isSo(this);
      if (found) return found;
    }
    throw new Error(`it did not come about that ${what}`);
  }
}

/** A browser with a profile in a folder, so that what it keeps can be looked at. Tests open their own pages only, also where no sandbox can be made. */
export async function openBrowser(profile, { args = [], chromiumSandbox = false, ...more } = {}) {
  return chromium.launchPersistentContext(profile, {
    executablePath: browser,
    chromiumSandbox,
    args: ['--disable-dev-shm-usage', ...args],
    viewport: { width: 1280, height: 800 },
    ...more,
  });
}

/** Notes everything that must not happen on a page: errors, refusals of the security policy, requests to elsewhere. */
export function watch(context, origin) {
  const wrong = [];
  const look = (page) => {
    page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') wrong.push(`console: ${message.text()}`);
    });
  };
  context.pages().forEach(look);
  context.on('page', look);
  context.on('request', (request) => {
    const url = new URL(request.url());
    const isHere = url.origin === origin || ['blob:', 'data:', 'about:'].includes(url.protocol);
    if (!isHere) wrong.push(`request to ${url.origin}`);
  });
  return wrong;
}

/** Returns in which files of a folder one of these texts can be read, as UTF-8 or UTF-16. */
export async function findReadable(path, texts) {
  const wanted = texts.flatMap((text) => [Buffer.from(text, 'utf8'), Buffer.from(text, 'utf16le')]);
  const found = [];
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath ?? entry.path, entry.name);
    const bytes = await readFile(file).catch(() => Buffer.alloc(0));
    for (const [place, text] of wanted.entries()) {
      if (bytes.includes(text)) found.push(`${file}: ${texts[Math.floor(place / 2)]}`);
    }
  }
  return found;
}
