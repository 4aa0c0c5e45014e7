// How linking, backups and coming back look, recorded.

import type { Backup, Backups, Device, FoundAtHome, Held, Restored, Restoring, State } from '../src/lib/worker/contract';
import type { ScreenName } from './places';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
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
    case 'join-looking':
      return joining({ kind: 'looking' });
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
    id: null, link: 40, name: '', isThis: false, since: null, heard: null, contacts: null, history: null, stopped: false,
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
export function hindered(screen: ScreenName, now: number): { held: Held | null; restored: Restored | null; refusedAnother: number | null; restoring: Restoring | null; fromHome: number | null } {
  return {
    held: screen === 'not-named' ? 'not_named' : null,
    restored: screen === 'restored' ? { since: now - 3 * HOUR, twice: true } : null,
    refusedAnother: screen === 'refused-another' ? now - 3 * HOUR : null,
    restoring: screen === 'restored-told' ? 'told' : null,
    fromHome: screen === 'from-home' ? now - 3 * HOUR : null,
  };
}

/** No backup at all, anywhere. */
export function unprepared(): Backups {
  return { phraseChecked: null, made: null, behind: 0, contacts: 4, missing: 0, missingInLast: null, home: { every: null, made: null, bytes: 0, running: false, lost: false, trouble: null } };
}

/** A backup that was made once, and has grown old. */
export function oldBackup(now: number): Backups {
  return { ...unprepared(), phraseChecked: now - 60 * DAY, made: now - 41 * DAY, behind: 214, missingInLast: 0 };
}

/** What a home server has of somebody who comes back. */
export function foundAtHome(now: number): FoundAtHome[] {
  return [
    { device: 'Sara’s phone', made: now - 20 * HOUR, bytes: 8_400_000, ahead: false },
    { device: 'Laptop in the kitchen', made: now - 6 * DAY, bytes: 7_900_000, ahead: false },
    { device: '', made: now + 400 * DAY, bytes: 65_536, ahead: true },
  ];
}

/** A backup that is made every day. */
export function backups(now: number): Backups {
  return { phraseChecked: now - 60 * DAY, made: now - 5 * HOUR, behind: 3, contacts: 4, missing: 1, missingInLast: 1, home: { every: 24, made: now - 5 * HOUR, bytes: 8_400_000, running: false, lost: false, trouble: null } };
}

/** A backup that can be restored. */
export function backup(now: number): Backup {
  return { name: 'Sara', server: 'https://kith.linden.example:5484', made: now - 9 * DAY, contacts: 12, messages: 1042, torn: false };
}

/** Words that are nobody's. */
export const WORDS = 'abandon ability able about above absent absorb abstract absurd abuse access accident account accuse achieve acid acoustic acquire across act action actor actress actual'.split(' ');
