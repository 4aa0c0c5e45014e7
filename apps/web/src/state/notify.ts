// Notifications of the system: that somebody wrote, never who and never what.

import { preferences } from './preferences.svelte';
import { t } from './words.svelte';

/** Whether this browser can notify, and may. */
export function notifying(): 'unsupported' | 'denied' | 'allowed' | 'not_asked' {
  if (!('Notification' in globalThis)) return 'unsupported';
  if (Notification.permission === 'granted') return 'allowed';
  return Notification.permission === 'denied' ? 'denied' : 'not_asked';
}

/** Asks the person through the browser. Returns whether Kith may. */
export async function askToNotify(): Promise<boolean> {
  if (notifying() === 'unsupported') return false;
  return (await Notification.requestPermission()) === 'granted';
}

/** What a notification of Kith's is known by. */
const MARK = 'kith';
/** Held by every page that is looked at, so that the others know. */
const LOOKED_AT = 'kith-looked-at';

/** Begins to tell other tabs whether this one is looked at. Returns what stops it. */
export function tellLooks(): () => void {
  let leave = () => {};
  const look = () => {
    leave();
    if (document.hidden) return;
    void takeAway();
    const left = new Promise<void>((done) => (leave = done));
    void navigator.locks.request(LOOKED_AT, { mode: 'shared' }, () => left);
  };
  look();
  document.addEventListener('visibilitychange', look);
  return () => {
    document.removeEventListener('visibilitychange', look);
    leave();
  };
}

/** Says that somebody wrote, while nobody looks at any page of Kith. */
export async function notify(): Promise<void> {
  if (!preferences.notify || notifying() !== 'allowed' || !document.hidden) return;
  const { held } = await navigator.locks.query();
  if (held?.some((lock) => lock.name === LOOKED_AT)) return;
  // One at a time: the same mark replaces the one before.
  const shown = { body: t('notify.body'), tag: MARK, icon: '/mark.svg' };
  const service = await registration();
  try {
    // Phones notify through a service worker only; a browser that keeps none notifies by itself.
    if (service) await service.showNotification(t('notify.title'), shown);
    else new Notification(t('notify.title'), shown);
  } catch {
    // The permission was taken back in this moment.
  }
}

/** Takes away what was notified: the person is here. */
async function takeAway(): Promise<void> {
  const told = await (await registration())?.getNotifications({ tag: MARK });
  told?.forEach((one) => one.close());
}

async function registration(): Promise<ServiceWorkerRegistration | undefined> {
  const service = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;
  const found = await service?.getRegistration().catch(() => undefined);
  return found?.active ? found : undefined;
}
