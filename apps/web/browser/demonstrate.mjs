// The app as Amina's second device, for `cargo xtask up`: what a person would do there, and then the browser stays until it is closed.
//
// Told on one line what to do; tells the code that the app shows, waits for a line that says that it is the same, and tells when the conversation is open.

import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { Person } from './person.mjs';
import { openBrowser } from './programs.mjs';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value);
const tell = (what) => console.log(JSON.stringify(what));

const { address, link, password, with: contact, profile, headless } = await next();
// A password that everybody knows needs nobody who keeps it.
await mkdir(join(profile, 'Default'), { recursive: true });
await writeFile(join(profile, 'Default/Preferences'), JSON.stringify({ credentials_enable_service: false }));
// Somebody may go on to other pages in a browser that they see; Chromium makes no sandbox for root.
const shown = { viewport: null, args: ['--window-size=1280,860'], chromiumSandbox: process.getuid() !== 0 };
// Whoever looks into a browser without a window finds the way in a file of the profile.
const unseen = { viewport: { width: 1280, height: 800 }, args: ['--remote-debugging-port=0'] };
const context = await openBrowser(profile, { headless, ...(headless ? unseen : shown) });
const closed = once(context, 'close');
process.once('SIGTERM', () => context.close());

const amina = new Person(context.pages()[0]);
await amina.page.goto(address);
await amina.beginToJoin(password);
await amina.at('link-side-take').click();
await amina.at('link-take-link').fill(link);
await amina.at('link-go').click();
tell({ code: await amina.code() });
if ((await lines.next()).value !== 'same') throw new Error('the codes are not the same');
await amina.at('link-same').click();
await amina.open(contact);
// This device has met the other's, and what is written here goes out at once.
await amina.at('held').waitFor({ state: 'detached' });
tell({ open: contact });
await closed;
process.exit();
