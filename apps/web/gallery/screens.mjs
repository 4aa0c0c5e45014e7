// Takes pictures of every screen, under the policy that the app is served with, and says what the browser complains of.
// node gallery/screens.mjs [--only NAMES] [--looks LOOKS] [--out FOLDER] [--webp]; the gallery must be built.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { eye, open, PHONE, WIDE } from './house.mjs';
import { prepare, SCREENS } from './shown.mjs';

const option = (name, usual) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : usual);
const out = option('--out', 'screens');
const only = option('--only', '');
const looks = option('--looks', '');
const webp = process.argv.includes('--webp');
const LOOKS = [['light', 'en'], ['dark', 'en'], ['light', 'ar']].flatMap(([theme, lang]) => [['phone', PHONE], ['wide', WIDE]].map(([form, viewport]) => ({ theme, lang, viewport, name: `${form}-${lang === 'ar' ? 'ar' : theme}` })));

const { origin, browser, close } = await open();
mkdirSync(out, { recursive: true });

let bad = 0;
for (const { theme, lang, viewport, name: look } of LOOKS) {
  if (looks && !looks.split(',').includes(look)) continue;
  const context = await browser.newContext(eye(lang, viewport));
  for (const [name, screen, act] of SCREENS) {
    if (only && !only.split(',').includes(name)) continue;
    const label = `${name}-${look}`;
    const page = await context.newPage();
    page.setDefaultTimeout(20000);
    const said = [];
    page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
    page.on('pageerror', (error) => said.push(String(error)));
    try {
      await page.goto(`${origin}/?screen=${screen}&theme=${theme}&lang=${lang}`);
      await prepare(page, act);
      // What came in while one looks settles.
      await page.waitForTimeout(400);
      await shoot(page, join(out, label));
    } catch (error) {
      said.push(String(error).split('\n')[0]);
    }
    if (said.length > 0) {
      bad += 1;
      console.log(`${label}:`);
      for (const line of [...new Set(said)]) console.log(`  ${line.slice(0, 400)}`);
    }
    await page.close();
  }
  await context.close();
}
await close();
console.log(bad === 0 ? 'nothing to mend' : `${bad} pictures have something to mend`);
process.exitCode = bad === 0 ? 0 : 1;

async function shoot(page, path) {
  if (!webp) return page.screenshot({ path: `${path}.png` });
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 80 });
  writeFileSync(`${path}.webp`, Buffer.from(data, 'base64'));
}
