// The devices of the recorded person.

import type { Device } from '../src/lib/worker/contract';

const DAY = 86_400_000;

function device(id: string | null, name: string, more: Partial<Device>): Device {
  return { id, link: null, name, isThis: false, since: null, heard: null, contacts: null, history: null, state: { kind: 'linked' }, stopped: false, ...more };
}

/** All that there are. */
export function devices(now: number): Device[] {
  return [
    device('a', 'Kitchen laptop', { isThis: true, since: now - 200 * DAY }),
    device('b', 'Phone', { since: now - 41 * DAY }),
    device('d', 'The old computer in the living room that everybody in the family may use on Sundays', { since: now, heard: now - 5_400_000 }),
  ];
}
