// Takes pictures of every screen and lets axe-core look at each, in a real browser, under the policy that the app is served with.
// node gallery/screens.mjs [--only NAME] [--out FOLDER] [--webp]; the gallery must be built. CHROMIUM names the browser.

import { createServer } from 'node:http';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const here = fileURLToPath(new URL('.', import.meta.url));
const dist = join(here, 'dist');
const option = (name, usual) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : usual);
const out = option('--out', 'screens');
const only = option('--only', '');
const webp = process.argv.includes('--webp');

const POLICY = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob:", "media-src 'self' blob:", "connect-src 'self'",
  "worker-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", 'trusted-types kith-worker',
].join('; ');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json', '.webmanifest': 'application/manifest+json' };

const PHONE = { width: 360, height: 740 };
const WIDE = { width: 1280, height: 800 };

/** name, screen, what is done before the picture. */
const SCREENS = [
  ['start-name', 'start'],
  ['start-password', 'start', async (page) => { await page.getByTestId('start-name').fill('Sara'); await page.getByTestId('start-go').click(); await page.getByTestId('start-password').fill('plum cake on thursdays'); await page.getByTestId('start-again').fill('plum cake'); }],
  ['start-server', 'start', async (page) => { await page.getByTestId('start-name').fill('Sara'); await page.getByTestId('start-go').click(); await page.getByTestId('start-password').fill('plum cake on thursdays'); await page.getByTestId('start-again').fill('plum cake on thursdays'); await page.getByTestId('start-go').click(); await page.getByTestId('start-other').check(); await page.getByTestId('start-address').fill('kith.harbour.example'); await page.getByTestId('start-go').click(); await page.getByTestId('start-invite').waitFor(); }],
  ['locked', 'locked', async (page) => { await page.getByTestId('unlock-password').fill('garden'); await page.getByTestId('unlock-go').click(); }],
  ['elsewhere', 'elsewhere'],
  ['list', 'list'],
  ['search', 'list', async (page) => { await page.getByTestId('search').fill('bo'); await page.waitForTimeout(600); }],
  ['empty', 'empty'],
  ['conversation', 'conversation'],
  ['menu', 'conversation', async (page) => { await page.locator('[data-test=message]').nth(-2).focus(); await page.keyboard.press('Enter'); await page.waitForTimeout(200); }],
  ['reply', 'conversation', async (page) => { await page.locator('[data-test=message]').last().focus(); await page.keyboard.press('Enter'); await page.getByRole('menuitem').first().click(); await page.getByTestId('composer-text').fill('Take your time. One line\nthen another\nthen a third'); await page.locator('[data-test=composer-file]').setInputFiles([{ name: 'A rather long file name for a plum cake recipe.txt', mimeType: 'text/plain', buffer: Buffer.from('plums') }]); await page.waitForTimeout(500); }],
  ['new-version', 'conversation', async (page) => { await page.evaluate(() => (globalThis.gallery.stores.version.ready = true)); await page.getByTestId('new-version').waitFor(); }],
  ['held', 'held'],
  ['needs-card', 'needs-card'],
  ['blocked', 'blocked'],
  ['trouble', 'trouble'],
  ['offline', 'offline'],
  ['long', 'long'],
  ['fresh', 'fresh'],
  ['contact', 'contact', async (page) => { await page.getByTestId('stop-own').click(); }],
  ['contact-end', 'contact', async (page) => { await page.getByTestId('forget').scrollIntoViewIfNeeded(); }],
  ['forget', 'contact', async (page) => { await page.getByTestId('forget').click(); }],
  ['verify', 'verify'],
  ['meet', 'meet', async (page) => { await page.getByTestId('meet-give-name').fill('Theodora'); }],
  ['card', 'meet', async (page) => { await page.getByTestId('meet-give-name').fill('Theodora'); await page.getByTestId('meet-give-go').click(); await page.getByTestId('meet-link').waitFor(); }],
  ['take', 'take'],
  ['settings', 'settings'],
  ['settings-end', 'settings', async (page) => { await page.locator('a[href="/licences.txt"]').scrollIntoViewIfNeeded(); }],
  ['devices', 'devices'],
  ['devices-many', 'devices-many'],
  ['device-revoke', 'devices-many', async (page) => { await page.locator('[data-test=device-revoke]').last().click(); await page.getByTestId('device-lost').click(); await page.getByTestId('ask-password').fill('kitchen'); }],
  ['join', 'join'],
  ['join-show', 'join', async (page) => { await page.getByTestId('link-go').click(); await page.getByTestId('link-link').waitFor(); }],
  ['join-take', 'join', async (page) => { await page.getByTestId('link-side-take').click(); }],
  ['join-compare', 'join-compare'],
  ['link', 'link'],
  ['link-show', 'link', async (page) => { await page.getByTestId('link-go').click(); await page.getByTestId('link-link').waitFor(); }],
  ['link-compare', 'link-compare'],
  ['link-welcome', 'link-compare', async (page) => { await page.getByTestId('link-same').click(); await page.getByTestId('link-password').fill('kitchen'); }],
  ['removed', 'removed'],
  ['backup', 'backup'],
  ['phrase', 'phrase', async (page) => { await page.getByTestId('phrase-show').click(); await page.getByTestId('ask-password').fill('kitchen'); await page.getByTestId('ask-go').click(); await page.getByTestId('phrase-words').waitFor(); }],
  ['phrase-check', 'phrase', async (page) => { await page.getByTestId('phrase-show').click(); await page.getByTestId('ask-password').fill('kitchen'); await page.getByTestId('ask-go').click(); await page.getByTestId('phrase-written').click(); await page.locator('[data-test=phrase-word]').first().fill('zebra'); await page.locator('[data-test=phrase-word]').nth(1).fill('able'); await page.locator('[data-test=phrase-word]').nth(2).fill('able'); await page.getByTestId('phrase-check').click(); }],
  ['restore', 'start', async (page) => { await page.getByTestId('start-restore').click(); await page.getByTestId('restore-file').setInputFiles([{ name: 'kith-backup-2026-11-12.kith', mimeType: '', buffer: Buffer.from('plums') }]); await page.getByTestId('restore-phrase').fill('abandon ability'); await page.getByTestId('restore-go').click(); }],
  ['restore-server', 'start', async (page) => { await page.getByTestId('start-restore').click(); await page.getByTestId('restore-file').setInputFiles([{ name: 'kith-backup-2026-11-12.kith', mimeType: '', buffer: Buffer.from('plums') }]); await page.getByTestId('restore-phrase').fill('abandon ability able about above absent'); await page.getByTestId('restore-go').click(); await page.getByTestId('start-password').fill('plum cake on thursdays'); await page.getByTestId('start-again').fill('plum cake on thursdays'); await page.getByTestId('restore-go').click(); await page.getByTestId('link-name').waitFor(); }],
  ['restored', 'restored'],
  ['devices-news', 'devices-news'],
];

const LOOKS = [['light', 'en'], ['dark', 'en'], ['light', 'ar']];

function serve() {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    response.setHeader('Content-Security-Policy', POLICY);
    try {
      const file = path === '/' ? 'index.html' : path.slice(1);
      const bytes = readFileSync(join(dist, file));
      response.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream');
      response.end(bytes);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

const server = await serve();
const origin = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--font-render-hinting=none', '--force-color-profile=srgb'] });
const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
mkdirSync(out, { recursive: true });

let bad = 0;
const looks = option('--looks', '');
for (const [name, screen, act] of SCREENS) {
  if (only && !only.split(',').includes(name)) continue;
  for (const [theme, lang] of LOOKS) {
    for (const [form, viewport] of [['phone', PHONE], ['wide', WIDE]]) {
      const label = `${name}-${form}-${lang === 'ar' ? 'ar' : theme}`;
      if (looks && !looks.split(',').includes(`${form}-${lang === 'ar' ? 'ar' : theme}`)) continue;
      const context = await browser.newContext({ viewport, deviceScaleFactor: 1, locale: lang === 'ar' ? 'ar' : 'en-GB', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', hasTouch: form === 'phone', isMobile: form === 'phone', bypassCSP: false });
      const page = await context.newPage();
      page.setDefaultTimeout(8000);
      const said = [];
      page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
      page.on('pageerror', (error) => said.push(String(error)));
      try {
        await page.goto(`${origin}/?screen=${screen}&theme=${theme}&lang=${lang}`);
        await page.waitForFunction(() => document.querySelector('h1, header'));
        await page.waitForTimeout(500);
        await act?.({ getByTestId: (id) => page.locator(`[data-test=${id}]`), locator: (what) => page.locator(what), getByRole: (...role) => page.getByRole(...role), keyboard: page.keyboard, evaluate: (what) => page.evaluate(what), waitForTimeout: (time) => page.waitForTimeout(time) });
        await page.waitForTimeout(250);
        await shoot(page, join(out, label));
        for (const wrong of await look(context, page)) said.push(wrong);
        const sideways = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
        if (sideways) said.push('the page scrolls sideways');
      } catch (error) {
        said.push(String(error).split('\n')[0]);
      }
      if (said.length > 0) {
        bad += 1;
        console.log(`${label}:`);
        for (const line of [...new Set(said)]) console.log(`  ${line.slice(0, 400)}`);
      }
      await context.close();
    }
  }
}
await browser.close();
server.close();
console.log(bad === 0 ? 'nothing to mend' : `${bad} pictures have something to mend`);
process.exitCode = bad === 0 ? 0 : 1;

async function shoot(page, path) {
  if (!webp) return page.screenshot({ path: `${path}.png` });
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 82 });
  writeFileSync(`${path}.webp`, Buffer.from(data, 'base64'));
}

// The debugger evaluates beside the policy, which would refuse a script that the page itself brought.
async function look(context, page) {
  const session = await context.newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: axe });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { resultTypes: ['violations'] }).then((found) => JSON.stringify(found.violations.map((one) => one.id + ': ' + one.nodes.slice(0, 4).map((node) => node.target.join(' ') + ' ' + (node.any[0]?.message ?? node.all[0]?.message ?? node.none[0]?.message ?? '')).join(' | '))))`,
    awaitPromise: true, returnByValue: true,
  });
  return JSON.parse(result.value ?? '[]');
}
