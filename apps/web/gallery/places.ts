// Which screens the gallery has, and where in the app each is.

import type { Place } from '../src/state/route.svelte';

export type ScreenName =
  | 'start' | 'locked' | 'elsewhere' | 'list' | 'empty' | 'conversation' | 'held' | 'needs-card' | 'blocked' | 'trouble' | 'long' | 'fresh' | 'offline'
  | 'contact' | 'verify' | 'meet' | 'take' | 'settings' | 'devices' | 'devices-many' | 'devices-news'
  | 'join' | 'join-offline' | 'join-waiting' | 'join-looking' | 'join-compare' | 'join-said' | 'link' | 'link-preparing' | 'link-waiting' | 'link-compare' | 'link-ready' | 'arriving' | 'removed' | 'left-behind'
  | 'backup' | 'backup-never' | 'reminded' | 'phrase' | 'restored' | 'restored-told' | 'refused-another' | 'from-home' | 'not-named' | 'offline-list' | 'unsupported';

const PLACES: Partial<Record<ScreenName, Place>> = {
  conversation: { at: 'conversation', contact: 1 },
  trouble: { at: 'conversation', contact: 1 },
  offline: { at: 'conversation', contact: 1 },
  held: { at: 'conversation', contact: 4 },
  'needs-card': { at: 'conversation', contact: 5 },
  blocked: { at: 'conversation', contact: 6 },
  long: { at: 'conversation', contact: 7 },
  fresh: { at: 'conversation', contact: 8 },
  contact: { at: 'contact', contact: 1 },
  verify: { at: 'verify', contact: 2 },
  meet: { at: 'meet', side: 'give' },
  take: { at: 'meet', side: 'take' },
  settings: { at: 'settings' },
  devices: { at: 'devices' },
  'devices-many': { at: 'devices' },
  link: { at: 'link' },
  'link-preparing': { at: 'link' },
  'link-waiting': { at: 'link' },
  'link-compare': { at: 'link' },
  'link-ready': { at: 'link' },
  'restored-told': { at: 'conversation', contact: 2 },
  'not-named': { at: 'conversation', contact: 2 },
  'backup-never': { at: 'backup' },
  backup: { at: 'backup' },
  phrase: { at: 'phrase' },
  restored: { at: 'contact', contact: 2 },
  'refused-another': { at: 'contact', contact: 2 },
  'from-home': { at: 'contact', contact: 2 },
};

export function placeFor(screen: ScreenName): Place | null {
  return PLACES[screen] ?? null;
}
