// Measures, in a real browser and without the engine, how a conversation of 100,000 messages opens and scrolls. node gallery/scroll.mjs; the
// gallery must be built. With the engine: `cargo xtask web --measure`.

import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { press, scrollThrough } from '../measure/eye.mjs';

const dist = fileURLToPath(new URL('./dist', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const server = createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  try {
    const bytes = readFileSync(join(dist, path === '/' ? 'index.html' : path));
    response.setHeader('Content-Type', TYPES[path === '/' ? '.html' : extname(path)] ?? 'text/plain');
    response.end(bytes);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 400, height: 800 } });
await page.goto(`http://127.0.0.1:${server.address().port}/?screen=list`);
await page.locator('[data-test=list-item]').first().waitFor();

// The recording writes its hundred thousand messages at the first question; that is not what is measured.
await page.evaluate(() => globalThis.gallery.line.ask({ kind: 'page', contact: 7, at: { kind: 'newest' }, count: 1 }));
const opened = await page.evaluate(press, { control: '[data-test=list-item]', text: 'Book club', wanted: '.scroller.settled [data-test=message]' });
const found = { opened, ...(await page.evaluate(scrollThrough)) };
console.log(found);
await browser.close();
server.close();
