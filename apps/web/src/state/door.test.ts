import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { Line } from '../lib/line';
import type { Request } from '../lib/worker/contract';
import { CameTooLate, Door } from './door.svelte';

/** An engine that is not there until it is let come. */
class LateEngine {
  asked: Request['kind'][] = [];
  arrive: () => void = () => undefined;
  private readonly come = new Promise<void>((done) => (this.arrive = done));

  get line(): Line {
    const ask = async ({ kind }: Request) => {
      this.asked.push(kind);
      await this.come;
      return { kind: 'state', state: { kind: kind === 'unlock' ? 'joining' : 'locked' } };
    };
    return { ask } as unknown as Line;
  }
}

let engine: LateEngine;
let door: Door;

beforeEach(() => {
  vi.useFakeTimers();
  engine = new LateEngine();
  door = new Door(engine.line, () => undefined);
});

afterEach(() => {
  vi.useRealTimers();
});

test('a password waits for the engine and opens when it comes soon', async () => {
  const unlocked = door.unlock('secret');
  await vi.advanceTimersByTimeAsync(59_000);
  engine.arrive();
  await unlocked;
  expect(door.unlocked).toBe(true);
});

test('a password never leaves the page when the engine does not come, and opens nothing when it comes later', async () => {
  const refused = expect(door.unlock('secret')).rejects.toBeInstanceOf(CameTooLate);
  await vi.advanceTimersByTimeAsync(60_000);
  await refused;
  engine.arrive();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([engine.asked, door.unlocked]).toEqual([['state'], false]);
});

test('time in which the device slept counts', async () => {
  const refused = expect(door.unlock('secret')).rejects.toBeInstanceOf(CameTooLate);
  vi.setSystemTime(Date.now() + 3_600_000);
  engine.arrive();
  await refused;
  expect(engine.asked).toEqual(['state']);
});

test('an answer from before does not lock out who was let in meanwhile', async () => {
  const asked = door.ask();
  door.take({ kind: 'open' } as Parameters<Door['take']>[0]);
  engine.arrive();
  await asked;
  expect(door.unlocked).toBe(true);
});
