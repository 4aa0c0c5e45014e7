// Draws the icons of the installed app from the mark, with a browser: node scripts/icons.mjs. What it writes is committed, so that nobody
// needs a browser to build. CHROMIUM names the browser.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const out = fileURLToPath(new URL('../public/icons/', import.meta.url));
const GROUND = '#faf7f2';

/** The mark in a square of 32: two shapes, and what they share. */
function mark(ink, accent) {
  const shape = (x, y) => `<rect x="${x}" y="${y}" width="16" height="16" rx="7"`;
  return `<clipPath id="a">${shape(4, 6)}/></clipPath>${shape(12, 10)} fill="${accent}" clip-path="url(#a)"/>
    <g fill="none" stroke="${ink}" stroke-width="2.5">${shape(4, 6)}/>${shape(12, 10)}/></g>`;
}

/** The mark in the middle of a square: `part` is how much of its width it takes. */
function icon(part, ground, colours = ['#1f1b16', '#0f6b5f']) {
  const scale = part * (32 / 26.5);
  const inside = `translate(16 16) scale(${scale}) translate(-16 -16)`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="100%" height="100%">${ground}<g transform="${inside}">${mark(...colours)}</g></svg>`;
}

const rounded = `<rect width="32" height="32" rx="7" fill="${GROUND}"/>`;
const full = `<rect width="32" height="32" fill="${GROUND}"/>`;

/** Where a system cuts the icon into a shape of its own, everything must be inside of a circle of four fifths. */
const ICONS = [
  ['icon-192.png', 192, icon(0.72, rounded)],
  ['icon-512.png', 512, icon(0.72, rounded)],
  ['maskable-512.png', 512, icon(0.58, full)],
  ['monochrome-512.png', 512, icon(0.56, '', ['#000', '#000'])],
  ['touch-180.png', 180, icon(0.66, full)],
];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const [name, size, svg] of ICONS) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<!doctype html><style>*{margin:0}svg{display:block}</style>${svg}`);
  writeFileSync(out + name, await page.screenshot({ omitBackground: true }));
  await page.close();
}
await browser.close();
