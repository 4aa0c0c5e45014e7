// Which build of Kith this page is, and whether a newer one lies ready. The service worker fetches it; nothing here decides when it is used.

import { startService } from './worker/start';

/** How often it is asked whether there is a newer build, in milliseconds. Browsers ask at each start as well. */
const ASK_MS = 60 * 60 * 1000;

/** What is told of builds. */
export interface BuildNews {
  /** A newer build lies ready, whole. */
  ready: () => void;
  /** A newer build has taken the place of the one that this page is from: this tab or another one asked for it. */
  replaced: () => void;
}

/** Keeps the app on this device and follows what becomes of it. Returns what asks for the newer build, and whether there was one to ask. */
export async function followBuilds(news: BuildNews): Promise<() => boolean> {
  const service = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;
  // A browser without one, or a page that is not secure: Kith works, and needs the network to open.
  if (!service || !import.meta.env.PROD) return () => false;
  let isKept = service.controller !== null;
  service.addEventListener('controllerchange', () => {
    // At the first visit the service worker that comes is the page's own.
    if (isKept) news.replaced();
    isKept = true;
  });
  const registration = await startService(service);
  const look = () => {
    if (registration.waiting && service.controller) news.ready();
  };
  registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look));
  look();
  ask(registration);
  return () => {
    registration.waiting?.postMessage('go on');
    return registration.waiting !== null;
  };
}

/** Asks whether there is a newer build: now and then, and when somebody comes back to the page. */
function ask(registration: ServiceWorkerRegistration): void {
  // Without a network there is no answer, and the next time comes.
  const update = () => void registration.update().catch(() => undefined);
  setInterval(update, ASK_MS);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') update();
  });
}
