import { beforeEach, expect, test } from 'vitest';

import type { Line } from '../lib/line';
import type { FailureCode, Request } from '../lib/worker/contract';
import { KithError } from '../lib/worker/kith';
import { Stores } from './stores.svelte';

/** A worker that refuses until it lets the person in. */
class Refusing {
  refusal: FailureCode | null = 'locked';

  get line(): Line {
    const ask = async ({ kind }: Request) => {
      if (this.refusal) throw new KithError({ code: this.refusal, detail: 'refused' });
      return { kind, contacts: [], devices: [], backups: { made: null, behind: 0 } };
    };
    return { ask } as unknown as Line;
  }
}

let worker: Refusing;
let stores: Stores;

beforeEach(() => {
  worker = new Refusing();
  stores = new Stores(worker.line);
});

test('what nobody has asked for tells nothing while Kith is locked', async () => {
  await stores.readFirst();
  expect(stores.notes.shown).toEqual([]);
});

test('what could not be read while Kith was locked is read when there is news of it', async () => {
  await stores.readFirst();
  worker.refusal = null;
  await stores.readFirst();
  expect([stores.people.known, stores.devices.known, stores.safety.known !== null]).toEqual([true, true, true]);
});

test('what nobody has asked for tells what somebody can mend', async () => {
  worker.refusal = 'storage';
  await stores.readFirst();
  expect(stores.notes.shown.map((note) => note.kind)).toEqual(['error']);
});

test('what somebody has asked for tells that Kith is locked', async () => {
  expect(await stores.attempt(() => stores.people.rename(1, 'Bela'))).toBe(false);
  expect(stores.notes.shown.map((note) => note.kind)).toEqual(['error']);
});
