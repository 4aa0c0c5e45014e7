// How things stand on this device: nobody, locked, open. Starting, opening, locking, also by itself when nobody is there.

import type { Line } from '../lib/line';
import type { BackupKey, State } from '../lib/worker/contract';
import { preferences } from './preferences.svelte';

/** What the person is asked for at the first visit. */
export interface Start {
  /** None on a device that is to become another one of a person. */
  name: string | null;
  password: string;
  /** None means the one that this page comes from. */
  server: string | null;
  invite: string | null;
}

/** How long a password that was typed waits for the engine, in milliseconds: no longer than whoever typed it can be taken to be there. */
const PATIENCE_MS = 60_000;
/** How often tabs tell each other that somebody is there, in milliseconds. */
const SIGN_MS = 5_000;

/** The engine did not come while whoever typed a password can be taken to be there. */
export class CameTooLate extends Error {}

type OpenState = Extract<State, { kind: 'open' }>;

export class Door {
  /** None until the worker has answered for the first time. */
  state = $state.raw<State | null>(null);
  private lastSign = Date.now();
  private sign: () => void = () => undefined;

  private readonly line: Line;
  private readonly closed: () => void;

  /** `closed` is called when nothing is open any more, so that nothing of it is kept. */
  constructor(line: Line, closed: () => void) {
    this.line = line;
    this.closed = closed;
  }

  /** Whether the worker has anything open: a person, or a device that becomes another one of theirs. */
  get unlocked(): boolean {
    return this.state?.kind === 'open' || this.state?.kind === 'joining';
  }

  /** What is known of the person while Kith is open. */
  get open(): OpenState | null {
    return this.state?.kind === 'open' ? this.state : null;
  }

  /** Finds out how things stand, as far as that can be seen before the engine is there. */
  async greet(): Promise<void> {
    this.take((await this.line.greet()).state);
  }

  /** Finds out from the engine how things stand. */
  async ask(): Promise<void> {
    const wasUnlocked = this.unlocked;
    const { state } = await this.line.ask({ kind: 'state' });
    // Whoever was let in meanwhile is not locked out by an answer from before.
    if (wasUnlocked || !this.unlocked) this.take(state);
  }

  async create(start: Start): Promise<void> {
    this.take((await this.line.ask({ kind: 'create', ...start })).state);
  }

  /** Takes a backup in: from a file, or the one that was fetched. */
  async restore(file: Blob | undefined, wanted: { with: BackupKey; password: string; server: string | null; invite: string | null; deviceName: string }): Promise<void> {
    this.take((await this.line.ask({ kind: 'restore', ...wanted }, file)).state);
  }

  /** Removes everything from a device that is nobody's, or was taken out. */
  async erase(): Promise<void> {
    this.take((await this.line.ask({ kind: 'erase' })).state);
  }

  /** Unlocks, if the engine comes soon: else the password never leaves this page, and nothing opens later beside nobody ({@link CameTooLate}). */
  async unlock(password: string): Promise<void> {
    await this.engineIsThere();
    this.take((await this.line.ask({ kind: 'unlock', password })).state);
    this.lastSign = Date.now();
  }

  async lock(): Promise<void> {
    if (!this.unlocked) return;
    this.take((await this.line.ask({ kind: 'lock' })).state);
  }

  async takeOver(): Promise<void> {
    this.take((await this.line.ask({ kind: 'take_over' })).state);
  }

  async changePassword(old: string, fresh: string): Promise<void> {
    await this.line.ask({ kind: 'change_password', old, new: fresh });
  }

  take(state: State): void {
    const wasOpen = this.open !== null;
    this.state = state;
    if (wasOpen && !this.open) this.closed();
  }

  /** Notes that Kith is not left alone, though nobody touches anything. */
  somebodyIsHere(): void {
    this.sign();
  }

  /** Locks when nobody has touched anything for as long as the person chose. Returns what stops that. */
  watch(): () => void {
    // Whoever works in one tab is there for all of them.
    const tabs = new BroadcastChannel('kith-signs');
    let told = 0;
    tabs.onmessage = () => (this.lastSign = Date.now());
    const sign = (this.sign = () => {
      this.lastSign = Date.now();
      if (this.lastSign - told < SIGN_MS) return;
      told = this.lastSign;
      tabs.postMessage('here');
    });
    const signs = ['pointerdown', 'keydown', 'wheel', 'touchmove'] as const;
    for (const name of signs) addEventListener(name, sign, { passive: true, capture: true });
    const look = () => void this.lockIfLeft();
    const turns = setInterval(look, 10_000);
    // Timers sleep with the device: whoever comes back finds it locked, not about to be.
    document.addEventListener('visibilitychange', look);
    return () => {
      for (const name of signs) removeEventListener(name, sign, { capture: true });
      clearInterval(turns);
      document.removeEventListener('visibilitychange', look);
      tabs.close();
      this.sign = () => undefined;
    };
  }

  private async engineIsThere(): Promise<void> {
    const until = Date.now() + PATIENCE_MS;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, failed) => (timer = setTimeout(() => failed(new CameTooLate()), PATIENCE_MS)));
    await Promise.race([this.line.ask({ kind: 'state' }), late]).finally(() => clearTimeout(timer));
    // Timers sleep with the device, and may wake after the engine.
    if (Date.now() > until) throw new CameTooLate();
  }

  private async lockIfLeft(): Promise<void> {
    const minutes = preferences.lockAfter;
    if (minutes > 0 && this.unlocked && Date.now() - this.lastSign >= minutes * 60_000) await this.lock().catch(() => undefined);
  }
}
