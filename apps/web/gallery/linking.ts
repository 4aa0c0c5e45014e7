// How linking, backups and coming back look, recorded.

import type { Backup, Backups, Device, State } from '../src/lib/worker/contract';
import type { ScreenName } from './places';

const DAY = 86_400_000;
const CODE = '48201 99317 20654 71180';

/** How things stand on the screens that are not those of somebody who is at home. */
export function stateFor(screen: ScreenName): State | null {
  const joining = (step: Extract<State, { kind: 'joining' }>['step']): State => ({ kind: 'joining', server: 'https://kith.linden.example', online: true, step });
  switch (screen) {
    case 'join':
      return joining({ kind: 'idle' });
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
