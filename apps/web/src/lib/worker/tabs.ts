// Which tab has the person: one at a time, for the others all the same as if it were they (decision 0023).
//
// Every tab has a worker, and every worker this. Whoever holds the lock has the storage and the engine; the others pass on to it what they are
// asked, and hear what it tells. When its tab is closed or crashes, the lock goes to the next by itself. A tab in which a password is typed asks
// the one that has nothing open to step back, so that what opens storage never leaves the tab where it was typed. No key is on this way.

import type { Answer } from './kith';
import type { Notice, Request } from './contract';

const LOCK = 'kith-person';
/** Before the name of a tab: the lock that it holds until it is closed, loaded anew, or crashes. */
const LOCK_OF_TAB = 'kith-tab-';
/** How long the tab that has the person may take to say so, and how long to step back; in milliseconds, as all of these. */
const PATIENCE = 3_000;
const PATIENCE_TO_STEP_BACK = 10_000;
/** How often it is asked whether it is there, while something waits for it, and after how long a silence it counts as gone. */
const LOOK = 2_000;
const SILENCE = 15_000;

/** What workers say to each other. Words of another version of Kith are understood as far as they have these names. */
type Word =
  | { kind: 'who' }
  | { kind: 'here'; owner: string; program: string }
  | { kind: 'ask'; owner: string; from: string; id: number; request: Request; file: Blob | undefined }
  | { kind: 'answer'; to: string; id: number; answer: Answer }
  | { kind: 'notice'; owner: string; notice: Notice }
  | { kind: 'step_back'; owner: string; from: string; force: boolean }
  | { kind: 'stepped_back'; to: string; done: boolean };

/** What the worker of this tab does when it has the person, and when another one has. */
export interface Turn {
  /** Answers what another tab asks; `gone` is kept when that tab is no more. */
  answer: (request: Request, file: Blob | undefined, gone: () => Promise<void>) => Promise<Answer>;
  /** Closes the storage, if nothing is open or it is told to in any case. Returns whether it is closed. */
  stepBack: (force: boolean) => Promise<boolean>;
  /** Another tab has the person than before, perhaps this one. */
  changed: () => void;
  /** The tab that has the person tells something. */
  notice: (notice: Notice) => void;
}

/** Where the person is: in this tab, in another one, or in one that does not answer or is of another version. */
export type Where = 'here' | 'there' | 'silent';

export class Tabs {
  private readonly me = crypto.randomUUID();
  private readonly channel = new BroadcastChannel('kith');
  private readonly program: string;
  private readonly turn: Turn;
  /** Kept when the others can tell whether this tab is there. */
  private readonly present: Promise<void>;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private lastId = 0;
  private owner: string | null = null;
  private isForeign = false;
  /** Whether the page may not know how things stand, and is told when it is known again who has the person. */
  private isBehind = true;
  private heard = 0;
  private looking: ReturnType<typeof setInterval> | null = null;
  private queue = new AbortController();
  private known = Promise.withResolvers<void>();
  private stepped: ((done: boolean) => void) | null = null;

  /** `program` names the version: two that have the same understand each other's requests. */
  constructor(program: string, turn: Turn) {
    this.program = program;
    this.turn = turn;
    this.present = new Promise((held) => {
      void navigator.locks.request(LOCK_OF_TAB + this.me, () => {
        held();
        return new Promise<never>(() => undefined);
      });
    });
    this.channel.addEventListener('message', (event: MessageEvent<Word>) => this.take(event.data));
    this.wait();
    this.say({ kind: 'who' });
  }

  /** Says where the person is, as soon as that is known. */
  async where(): Promise<Where> {
    if (this.owner === null) await Promise.race([this.known.promise, pause(PATIENCE)]);
    if (this.owner === this.me) return 'here';
    if (this.owner !== null && !this.isForeign) return 'there';
    this.isBehind = true;
    return 'silent';
  }

  /** Passes a request on to the tab that has the person. */
  async pass(request: Request, file: Blob | undefined): Promise<Answer> {
    await this.present;
    const id = ++this.lastId;
    this.heard = Date.now();
    this.looking ??= setInterval(() => this.look(), LOOK);
    return new Promise((done) => {
      this.waiting.set(id, done);
      this.say({ kind: 'ask', owner: this.owner ?? '', from: this.me, id, request, file });
    });
  }

  /** Brings the person into this tab, if nothing is open in the one that has them or it shall give way in any case. */
  async claim(force: boolean): Promise<void> {
    if (this.owner === null) await Promise.race([this.known.promise, pause(PATIENCE)]);
    if (this.owner === this.me) return;
    const known = this.known.promise;
    const done = await new Promise<boolean>((stepped) => {
      this.stepped = stepped;
      this.say({ kind: 'step_back', owner: this.owner ?? '', from: this.me, force });
      setTimeout(() => stepped(false), PATIENCE_TO_STEP_BACK);
      // It may be closed meanwhile.
      if (this.owner === null) void known.then(() => stepped(false));
    });
    this.stepped = null;
    if (!done || this.isMine()) return;
    this.queue.abort();
    this.known = Promise.withResolvers();
    this.owner = null;
    // Those who wait for the lock have waited longer; the one that has it has agreed to this.
    this.hold({ steal: true });
    await Promise.race([this.known.promise, pause(PATIENCE)]);
  }

  /** Tells all other tabs, from the one that has the person. */
  tell(notice: Notice): void {
    if (this.isMine()) this.say({ kind: 'notice', owner: this.me, notice });
  }

  private isMine(): boolean {
    return this.owner === this.me;
  }

  private take(word: Word): void {
    switch (word.kind) {
      case 'who':
        if (this.isMine()) this.sayHere();
        return;
      case 'here':
        this.hear(word.owner, word.program);
        return;
      case 'ask':
        if (word.owner === this.me) void this.answer(word.from, word.id, word.request, word.file);
        return;
      case 'answer':
        if (word.to === this.me) this.settle(word.id, word.answer);
        return;
      case 'notice':
        if (word.owner === this.owner && !this.isForeign) this.turn.notice(word.notice);
        return;
      case 'step_back':
        if (this.isMine()) void this.stepBack(word.from, word.force);
        return;
      case 'stepped_back':
        if (word.to === this.me) this.stepped?.(word.done);
    }
  }

  private hear(owner: string, program: string): void {
    // What the one said from whom this tab took the person.
    if (this.isMine()) return;
    this.heard = Date.now();
    const isOther = owner !== this.owner && (this.owner !== null || this.isBehind);
    if (owner !== this.owner) this.lose();
    this.owner = owner;
    this.isForeign = program !== this.program;
    this.isBehind = this.isForeign;
    this.known.resolve();
    if (isOther) this.turn.changed();
  }

  private async answer(to: string, id: number, request: Request, file: Blob | undefined): Promise<void> {
    const gone = () => navigator.locks.request(LOCK_OF_TAB + to, () => undefined);
    this.say({ kind: 'answer', to, id, answer: await this.turn.answer(request, file, gone) });
  }

  private async stepBack(to: string, force: boolean): Promise<void> {
    this.say({ kind: 'stepped_back', to, done: await this.turn.stepBack(force) });
  }

  /** Waits in the queue of those who would have the person next. */
  private wait(): void {
    this.queue = new AbortController();
    this.hold({ signal: this.queue.signal });
  }

  /** Holds the lock from when it is had until this worker ends, or another tab takes it. */
  private hold(how: LockOptions): void {
    const had = { lock: false };
    navigator.locks
      .request(LOCK, how, () => {
        had.lock = true;
        this.begin();
        return new Promise<never>(() => undefined);
      })
      .catch(() => {
        if (had.lock) void this.leave();
      });
  }

  private begin(): void {
    const isOther = this.owner !== null || this.isBehind;
    this.owner = this.me;
    this.isForeign = false;
    this.isBehind = false;
    this.lose();
    this.sayHere();
    this.known.resolve();
    if (isOther) this.turn.changed();
  }

  private async leave(): Promise<void> {
    this.owner = null;
    this.isBehind = true;
    this.known = Promise.withResolvers();
    // It has stepped back, but may have been asked for something since.
    await this.turn.stepBack(true);
    this.wait();
    this.say({ kind: 'who' });
  }

  /** Nobody answers what was asked of a tab that is gone: it may have been done or not. */
  private lose(): void {
    const waiting = [...this.waiting.keys()];
    for (const id of waiting) this.settle(id, { failure: { code: 'locked', detail: 'the tab that had Kith open was closed' } });
  }

  private look(): void {
    if (Date.now() - this.heard > SILENCE) {
      this.owner = null;
      this.known = Promise.withResolvers();
      this.isBehind = true;
      this.lose();
      this.turn.changed();
    }
    this.say({ kind: 'who' });
  }

  private settle(id: number, answer: Answer): void {
    const done = this.waiting.get(id);
    this.waiting.delete(id);
    if (this.waiting.size === 0 && this.looking) {
      clearInterval(this.looking);
      this.looking = null;
    }
    done?.(answer);
  }

  private sayHere(): void {
    this.say({ kind: 'here', owner: this.me, program: this.program });
  }

  private say(word: Word): void {
    this.channel.postMessage(word);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}
