// What serves the built gallery, under the policy that the app is served with, and opens it in a browser. CHROMIUM names the browser, KITH_GALLERY another folder.

import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const dist = process.env.KITH_GALLERY ?? fileURLToPath(new URL('./dist', import.meta.url));
const POLICY = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob:", "media-src 'self' blob:", "connect-src 'self'",
  "worker-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", 'trusted-types kith-worker',
].join('; ');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json', '.webmanifest': 'application/manifest+json' };

/** A phone, and a wide screen. */
export const PHONE = { width: 360, height: 740 };
export const WIDE = { width: 1280, height: 800 };

function serve() {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    response.setHeader('Content-Security-Policy', POLICY);
    // The app asks whether a home server gives it away; here one does.
    if (path === '/.well-known/kith') return response.end();
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

/** Opens the gallery. Returns where it is, the browser, and what closes both. */
export async function open() {
  const server = await serve();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--font-render-hinting=none', '--force-color-profile=srgb'] });
  const close = async () => {
    await browser.close();
    server.close();
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, browser, close };
}

/** What a browser is told of who looks: the size of the screen, the language, whether things may move. */
export function eye(lang, viewport, more = {}) {
  const phone = viewport.width < 600;
  return { viewport, deviceScaleFactor: 1, locale: lang === 'ar' ? 'ar' : 'en-GB', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', hasTouch: phone, isMobile: phone, ...more };
}

/** What axe-core finds on a page, one line each. The debugger evaluates beside the policy, which would refuse a script that the page itself brought. */
export async function axe(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: AXE });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { resultTypes: ['violations'] }).then((found) => JSON.stringify(found.violations.map((one) => one.id + ': ' + one.nodes.slice(0, 4).map((node) => node.target.join(' ') + ' ' + (node.any[0]?.message ?? node.all[0]?.message ?? node.none[0]?.message ?? '')).join(' | '))))`,
    awaitPromise: true, returnByValue: true,
  });
  await session.detach();
  return JSON.parse(result.value ?? '["axe-core said nothing"]');
}

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
