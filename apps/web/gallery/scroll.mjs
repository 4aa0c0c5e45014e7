// Measures, in a real browser, how a conversation of 100,000 messages opens and scrolls. node gallery/scroll.mjs; the gallery must be built.

import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

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

const found = await page.evaluate(async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const item = [...document.querySelectorAll('[data-test=list-item]')].find((one) => one.textContent.includes('Book club'));
  // The recording writes its hundred thousand messages at the first question; that is not what is measured.
  await globalThis.gallery.line.ask({ kind: 'page', contact: 7, at: { kind: 'newest' }, count: 1 });
  const began = performance.now();
  item.click();
  while (!document.querySelector('.scroller.settled [data-test=message]')) await frame();
  const opened = performance.now() - began;

  const box = document.querySelector('.scroller');
  const frames = [];
  let holes = 0;
  for (let step = 0; step < 240; step += 1) {
    const before = performance.now();
    box.scrollTop -= 90;
    await frame();
    frames.push(performance.now() - before);
    if (document.querySelector('.unread-yet')) {
      const seen = [...document.querySelectorAll('.unread-yet')].some((one) => { const at = one.getBoundingClientRect(); return at.bottom > 0 && at.top < innerHeight; });
      holes += seen ? 1 : 0;
    }
  }
  // Somewhere far away, as somebody does who drags the scroll bar.
  const dragged = performance.now();
  box.scrollTop = box.scrollHeight / 2;
  const shown = () => [...document.querySelectorAll('[data-test=message]')].some((one) => { const at = one.getBoundingClientRect(); return at.top > 100 && at.bottom < innerHeight; });
  do await frame(); while (!shown());
  const arrived = performance.now() - dragged;

  // What is under the eye stays under the eye when the rows around it are measured.
  const probe = () => [...document.querySelectorAll('[data-message]')].map((one) => [one.dataset.message, one.getBoundingClientRect().top]).find(([, top]) => top > 200);
  let jumps = 0;
  for (let step = 0; step < 60; step += 1) {
    const [id, top] = probe();
    box.scrollTop -= 40;
    await frame();
    await frame();
    const now = document.querySelector(`[data-message="${id}"]`)?.getBoundingClientRect().top;
    if (now !== undefined && Math.abs(now - top - 40) > 2) jumps += 1;
  }
  frames.sort((a, b) => a - b);
  return { opened: Math.round(opened), median: Math.round(frames[120]), slowest: Math.round(frames.at(-1)), holes, arrived: Math.round(arrived), jumps, rows: document.querySelectorAll('[data-place]').length };
});
console.log(found);
await browser.close();
server.close();
