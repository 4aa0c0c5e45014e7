// Every screen, for everyone: axe-core finds nothing, nothing is cut or covered, nothing moves for whoever asked for stillness, also at 200 %.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { axe, eye, open, PHONE, WIDE } from './house.mjs';
import { prepare, SCREENS } from './shown.mjs';

/** A window of 640 by 960 at a zoom of 200 %. */
const ZOOMED = { width: 320, height: 480 };
const TABLET = { width: 768, height: 1024 };
const MAIN = ['start-name', 'list', 'search', 'empty', 'conversation', 'voice', 'recording', 'reply', 'emoji', 'follow', 'contact', 'media', 'verify', 'card', 'settings', 'devices-many', 'link-show', 'backup'];
const EYES = [
  { name: 'a phone in the light', theme: 'light', lang: 'en', viewport: PHONE },
  { name: 'a wide screen in the dark', theme: 'dark', lang: 'en', viewport: WIDE },
  { name: 'a phone from right to left', theme: 'light', lang: 'ar', viewport: PHONE },
  { name: 'a window at 200 %', theme: 'light', lang: 'en', viewport: ZOOMED },
  // Between the two forms: one screen at a time, on which much room is left.
  { name: 'a tablet that is held upright', theme: 'dark', lang: 'en', viewport: TABLET, only: MAIN },
];

const { origin, browser, close } = await open();
after(close);

for (const { name, theme, lang, viewport, only } of EYES) {
  test(`every screen can be read and used on ${name}`, { timeout: 1_200_000 }, async () => {
    const context = await browser.newContext(eye(lang, viewport));
    const found = [];
    for (const [label, screen, act] of SCREENS) {
      if (only && !only.includes(label)) continue;
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      const say = (what) => found.push(`${label}: ${what}`);
      page.on('pageerror', (error) => say(String(error)));
      page.on('console', (message) => message.type() === 'error' && say(message.text()));
      await page.goto(`${origin}/?screen=${screen}&theme=${theme}&lang=${lang}`);
      await prepare(page, act);
      // Before all that takes time: what moves for a tenth of a second moves.
      if (await page.evaluate(() => document.getAnimations().length > 0)) say('something moves');
      for (const wrong of await axe(page)) say(wrong);
      for (const wrong of await page.evaluate(unreadable)) say(wrong);
      await page.close();
    }
    await context.close();
    assert.deepEqual(found, []);
  });
}

/** In the page: what is cut or sticks out. */
function unreadable() {
  const found = [];
  const name = (element) => `${element.tagName.toLowerCase()}.${[...element.classList].filter((one) => !one.startsWith('svelte-')).join('.')} “${(element.textContent ?? '').trim().slice(0, 30)}”`;
  if (document.documentElement.scrollWidth > innerWidth) found.push('the page scrolls sideways');
  for (const element of document.querySelectorAll('h1, h2, h3, p, label, button, input, select, textarea, summary, li, code')) {
    const style = getComputedStyle(element);
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || element.closest('.unseen, [inert]') || style.position === 'absolute') continue;
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    if (box.left < -1 || box.right > innerWidth + 1) found.push(`sticks out: ${name(element)}`);
    const cuts = !element.matches('.line-of-text, input, textarea, select') && style.webkitLineClamp === 'none';
    if (cuts && style.overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1) found.push(`is cut: ${name(element)}`);
    if (element.matches('button') && style.overflow === 'visible' && element.scrollWidth > element.clientWidth + 1 && !element.querySelector('.picture, img, svg')) found.push(`spills over: ${name(element)}`);
  }
  return [...new Set(found)];
}
