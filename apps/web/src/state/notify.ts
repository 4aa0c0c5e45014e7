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

/** Says that somebody wrote, while nobody looks at the page. */
export function notify(): void {
  if (!preferences.notify || notifying() !== 'allowed' || !document.hidden) return;
  try {
    // One at a time: the same mark replaces the one before.
    new Notification(t('notify.title'), { body: t('notify.body'), tag: 'kith', icon: '/mark.svg' });
  } catch {
    // Phones notify through a service worker only.
  }
}
