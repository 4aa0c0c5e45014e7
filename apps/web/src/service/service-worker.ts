// The service worker: keeps the app's own files on this device, all of one build, so that Kith opens without a network.
//
// The build writes in front of this file which files belong to it, each with its hash. A browser that gets other bytes takes none of
// them, and the build that was there before stays. What lies in `assets/later` comes afterwards, as it is wanted. What a home server answers, and anything about a person, is never kept here: what is
// not in the list goes to the network as if this program were not there. It speaks to nobody but the server that it came from.

/** What belongs to this build: each path with the hash of what is there, as browsers check it. */
declare const SHELL: { build: string; files: Record<string, string> };

interface Later extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface Asked extends Later {
  request: Request;
  respondWith(response: Promise<Response>): void;
}

interface Chosen extends Later {
  notification: { close(): void };
}

interface Page {
  focus(): Promise<unknown>;
}

interface Scope {
  addEventListener(kind: 'install' | 'activate', take: (event: Later) => void): void;
  addEventListener(kind: 'fetch', take: (event: Asked) => void): void;
  addEventListener(kind: 'message', take: (event: Later & { data: unknown }) => void): void;
  addEventListener(kind: 'notificationclick', take: (event: Chosen) => void): void;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void>; matchAll(which: { type: 'window'; includeUncontrolled: boolean }): Promise<Page[]>; openWindow(path: string): Promise<unknown> };
  registration: { installing: object | null };
}

const scope = self as unknown as Scope;
const ALL = 'kith-';
const OURS = ALL + SHELL.build;
/** What nobody needs to begin: it is kept when it was wanted, or when a page asks for that. */
const LATER = '/assets/later/';
/** The worker, whose answer says whom it may speak to. */
const WORKER = /^\/assets\/worker-[^/]*\.js$/;

scope.addEventListener('install', (event) => event.waitUntil(gather()));
scope.addEventListener('activate', (event) => event.waitUntil(begin()));

scope.addEventListener('message', (event) => {
  // The person has asked for the new version; until then the old one goes on in every tab.
  if (event.data === 'go on') event.waitUntil(scope.skipWaiting());
  else event.waitUntil(keep(wantedBy(event.data)));
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin || !Object.hasOwn(SHELL.files, pathname)) return;
  event.respondWith(kept(pathname, request));
  if (WORKER.test(pathname)) event.waitUntil(renew(pathname));
});

scope.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(come());
});

/** The person wants to see who wrote: Kith comes to the front, or opens. */
async function come(): Promise<void> {
  const [page] = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
  await (page ? page.focus() : scope.clients.openWindow('/'));
}

/** Fetches everything that there must be. If one file is missing or another one than it should be, none counts. */
async function gather(): Promise<void> {
  const cache = await caches.open(OURS);
  const paths = Object.keys(SHELL.files);
  await Promise.all(paths.filter((path) => path.startsWith(LATER)).map((path) => inherit(cache, path)));
  const fetched = paths.filter((path) => !path.startsWith(LATER)).map(async (path) => {
    // There already, if an earlier attempt was interrupted.
    if (!(await cache.match(path))) await cache.put(path, await checked(path));
  });
  await Promise.all(fetched);
}

/** Takes over what the build before has kept for later, where it is the same in this one. */
async function inherit(cache: Cache, path: string): Promise<void> {
  const found = await caches.match(path);
  if (found && (await isTrue(path, found.clone()))) await cache.put(path, found).catch(() => undefined);
}

/** Names in the message of a page. */
function wantedBy(message: unknown): string[] {
  const names = (message as { keep?: unknown } | null)?.keep;
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}

/** Fetches what is there for later under these names; what does not come now is asked for again at the next start. */
async function keep(names: string[]): Promise<void> {
  const cache = await caches.open(OURS);
  const wanted = Object.keys(SHELL.files).filter((path) => names.some((name) => path.startsWith(`${LATER}${name}-`)));
  for (const path of wanted) {
    if (!(await cache.match(path))) await checked(path).then((fetched) => cache.put(path, fetched)).catch(() => undefined);
  }
}

/** From now on this build is the only one here, but for a newer one that is just coming: that is left alone, and clears up in its turn. */
async function begin(): Promise<void> {
  if (!scope.registration.installing) {
    const old = (await caches.keys()).filter((name) => name.startsWith(ALL) && name !== OURS);
    await Promise.all(old.map((name) => caches.delete(name)));
  }
  await scope.clients.claim();
}

async function kept(path: string, request: Request): Promise<Response> {
  const cache = await caches.open(OURS);
  const found = await cache.match(path);
  if (found && (await isTrue(path, found.clone()))) return found;
  // The browser has thrown it away, the disk has damaged it, or somebody has changed it. Only the same bytes can stand in for it, except for
  // a page, which begins anew as a whole.
  try {
    const fetched = await checked(path);
    // It is given all the same when there is no room for it.
    await cache.put(path, fetched.clone()).catch(() => undefined);
    return fetched;
  } catch (error) {
    if (request.mode === 'navigate') return fetch(request);
    throw error;
  }
}

/** Whether these are the bytes of this build. */
async function isTrue(path: string, kept: Response): Promise<boolean> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await kept.arrayBuffer()));
  return `sha256-${btoa(String.fromCharCode(...hash))}` === SHELL.files[path];
}

/** Asks once more what the server says of a file: the next start goes by that. Without a network it stays as it is. */
async function renew(path: string): Promise<void> {
  const cache = await caches.open(OURS);
  const [fetched, found] = await Promise.all([checked(path).catch(() => null), cache.match(path)]);
  const policy = (answer: Response) => answer.headers.get('content-security-policy');
  if (fetched && found && policy(fetched) !== policy(found)) await cache.put(path, fetched).catch(() => undefined);
}

/** Fetches a file and refuses any bytes but those of this build. */
async function checked(path: string): Promise<Response> {
  // What lies in `assets` has a new name when it changes; the browser may have it from loading the page.
  const cache = path.startsWith('/assets/') ? 'default' : 'no-cache';
  const response = await fetch(path, { integrity: SHELL.files[path], cache, credentials: 'omit', redirect: 'error' });
  if (!response.ok) throw new Error(`${path} was not given`);
  return response;
}
