// How linking, backups and coming back look, recorded.

import type { Backup, Backups, Device, Held, Restored, Restoring, State } from '../src/lib/worker/contract';
import type { ScreenName } from './places';

const DAY = 86_400_000;
const CODE = '48201 99317 20654 71180';

/** How things stand on the screens that are not those of somebody who is at home. */
export function stateFor(screen: ScreenName): State | null {
  const joining = (step: Extract<State, { kind: 'joining' }>['step'], online = true): State => ({ kind: 'joining', server: 'https://kith.linden.example', online, step });
  switch (screen) {
    case 'join':
      return joining({ kind: 'idle' });
    case 'join-offline':
      return joining({ kind: 'idle' }, false);
    case 'join-waiting':
      return joining({ kind: 'waiting' });
    case 'join-said':
      return joining({ kind: 'compare', code: CODE, asks: false });
    case 'join-compare':
      return joining({ kind: 'compare', code: CODE, asks: true });
    default:
      return null;
  }
}

/** A device that is just being linked, as the one that is there sees it. */
export function candidate(compares: boolean): Device {
  return {
    id: null, link: 40, name: '', isThis: false, since: null, heard: null, contacts: null, history: null,
    state: compares ? { kind: 'compare', code: CODE, asks: true } : { kind: 'waiting' },
  };
}

/** What stands behind those who are there, while a device is being linked; none where nothing is. */
export function linkingDevice(screen: ScreenName): Device | null {
  switch (screen) {
    case 'link-waiting':
      return candidate(false);
    case 'link-compare':
      return candidate(true);
    case 'link-ready':
      return { ...candidate(true), id: 'e', name: 'Tablet' };
    default:
      return null;
  }
}

/** The device that was linked just now, and is being told. */
export function welcomed(): Device {
  return { ...candidate(false), id: 'e', name: 'Tablet', history: { told: 412, total: 1042 }, state: { kind: 'linked' } };
}

/** What keeps a contact from getting what is written. */
export function hindered(screen: ScreenName, now: number): { held: Held | null; restored: Restored | null; restoring: Restoring | null } {
  return {
    held: screen === 'not-named' ? 'not_named' : null,
    restored: screen === 'restored' ? { since: now - 3 * 3_600_000, twice: true } : null,
    restoring: screen === 'restored-told' ? 'told' : null,
  };
}

/** A backup that has grown old. */
export function backups(now: number): Backups {
  return { phraseChecked: now - 60 * DAY, made: now - 41 * DAY, behind: 214 };
}

/** A backup that can be restored. */
export function backup(now: number): Backup {
  return { name: 'Sara', server: 'https://kith.linden.example:5484', made: now - 9 * DAY, messages: 1042, torn: false };
}

/** Words that are nobody's. */
export const WORDS = 'abandon ability able about above absent absorb abstract absurd abuse access accident account accuse achieve acid acoustic acquire across act action actor actress actual'.split(' ');
