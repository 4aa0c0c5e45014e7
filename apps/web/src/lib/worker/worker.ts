// The worker: loads the engine, and sees to it that one tab at a time has the person.
//
// Whoever holds the lock has the storage. A second tab is told so and may ask the first to give way; the lock of a tab that
// is closed or crashes is free by itself. What requests mean is the engine's business.

import type { Failure, Notice, Reply, Request, State } from './contract';
import type { Incoming, Outgoing } from './kith';
import init, { KithWorker } from './engine/kith_web.js';
import wasm from './engine/kith_web_bg.wasm?url';

const LOCK = 'kith-person';
const GIVE_WAY = 'give way';
/** How long another tab may take to give way, and how often it is looked whether it is gone; in milliseconds. */
const PATIENCE = 10_000;
const LOOK = 1_000;

const tabs = new BroadcastChannel('kith');
let engine: KithWorker | null = null;
let release: (() => void) | null = null;
/** Looks now and then whether the person is free, while another tab has them. */
let looking: ReturnType<typeof setInterval> | null = null;
/** Requests are taken one after the other while it is not known who has the person. */
let opening: Promise<KithWorker | null> | null = null;

self.addEventListener('message', (event: MessageEvent<Outgoing>) => {
  void take(event.data);
});

tabs.addEventListener('message', (event: MessageEvent) => {
  if (event.data === GIVE_WAY && engine) void giveWay(engine);
});

async function take({ id, request, file }: Outgoing): Promise<void> {
  const owner = await owned(request.kind === 'take_over');
  if (!owner) {
    looking ??= setInterval(() => void lookAgain(), LOOK);
    if (request.kind === 'state' || request.kind === 'take_over') {
      post({ id, reply: { kind: 'state', state: { kind: 'elsewhere' } } });
    } else {
      post({ id, failure: { code: 'elsewhere', detail: 'another tab has the person' } });
    }
    return;
  }
  await answer(owner, id, request, file);
  if (request.kind === 'lock') leave();
}

async function answer(owner: KithWorker, id: number, request: Request, file?: Blob): Promise<void> {
  try {
    const [done, text, bytes] = (await owner.ask(JSON.stringify(request), file)) as [boolean, string, Uint8Array | null];
    if (!done) {
      post({ id, failure: JSON.parse(text) as Failure });
    } else if (bytes) {
      const buffer = bytes.buffer as ArrayBuffer;
      post({ id, reply: JSON.parse(text) as Reply, bytes: buffer }, [buffer]);
    } else {
      post({ id, reply: JSON.parse(text) as Reply });
    }
  } catch (error) {
    post({ id, failure: { code: 'internal', detail: String(error) } });
  }
}

/** Returns the engine if this tab has the person, or can have them. */
function owned(byForce: boolean): Promise<KithWorker | null> {
  if (engine) return Promise.resolve(engine);
  opening ??= open(byForce).finally(() => (opening = null));
  return opening;
}

/** A tab that was closed or has crashed does not say so; its lock is free then. */
async function lookAgain(): Promise<void> {
  const owner = await owned(false);
  if (!owner) return;
  const [done, text] = (await owner.ask(JSON.stringify({ kind: 'state' } satisfies Request), undefined)) as [boolean, string];
  if (!done) return;
  const reply = JSON.parse(text) as Extract<Reply, { kind: 'state' }>;
  post({ notice: { kind: 'state', state: reply.state } });
}

async function open(byForce: boolean): Promise<KithWorker | null> {
  if (!(await hold(byForce))) return null;
  if (looking) clearInterval(looking);
  looking = null;
  await init({ module_or_path: wasm });
  engine = new KithWorker((text: string) => post({ notice: JSON.parse(text) as Notice }));
  return engine;
}

/** Takes the lock and holds it until this worker ends or leaves; says whether it could be had. */
function hold(byForce: boolean): Promise<boolean> {
  if (byForce) tabs.postMessage(GIVE_WAY);
  const options: LockOptions = byForce ? { signal: AbortSignal.timeout(PATIENCE) } : { ifAvailable: true };
  return new Promise((held) => {
    navigator.locks
      .request(LOCK, options, (lock) => {
        if (!lock) {
          held(false);
          return;
        }
        held(true);
        return new Promise<void>((done) => (release = done));
      })
      .catch(() => held(false));
  });
}

async function giveWay(owner: KithWorker): Promise<void> {
  await owner.ask(JSON.stringify({ kind: 'lock' } satisfies Request), undefined);
  leave();
  const state: State = { kind: 'elsewhere' };
  post({ notice: { kind: 'state', state } });
}

function leave(): void {
  engine = null;
  release?.();
  release = null;
}

function post(incoming: Incoming, moved: Transferable[] = []): void {
  self.postMessage(incoming, { transfer: moved });
}
