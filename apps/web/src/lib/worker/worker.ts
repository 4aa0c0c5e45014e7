// The worker: loads the engine when this tab has the person, and passes on what it is asked when another one has. Which tab that is, tabs.ts
// knows; what requests mean is the engine's business.

import type { Failure, Notice, Reply, Request } from './contract';
import type { Answer, Incoming, Outgoing } from './kith';
import { seenFromOutside } from './outside';
import { Tabs, type Where } from './tabs';
import init, { KithWorker } from './engine/kith_web.js';
import wasm from './engine/kith_web_bg.wasm?url';

/**
 * What is done in the tab where it was asked or not at all, and never passed on: with these comes what opens the storage or a backup, or the
 * person is wanted here in any case.
 */
const HERE = new Set<Request['kind']>(['unlock', 'create', 'look_at_backup', 'find_at_home', 'fetch_from_home', 'restore', 'take_over']);

const ELSEWHERE: Answer = { failure: { code: 'elsewhere', detail: 'another tab has the person' } };

let engine: Promise<KithWorker> | null = null;
let isOver = false;
let isLoaded = false;
/** How often words for a link were asked for: the last ones are those that are good. */
let wordsShown = 0;

// The name of this file changes with every change to it, to the engine, and so to what both understand.
const tabs = new Tabs(import.meta.url, {
  answer: (request, file, gone) => (request.kind === 'link_in_words' ? inWords(request, gone) : own(request, file)),
  stepBack,
  changed: () => void tellState(),
  notice: (notice) => tell(notice),
});

self.addEventListener('message', (event: MessageEvent<Outgoing>) => {
  void take(event.data);
});

async function take(outgoing: Outgoing): Promise<void> {
  const answer = 'greet' in outgoing ? await greeting() : await routed(outgoing.request, outgoing.file);
  post({ id: outgoing.id, ...answer }, 'bytes' in answer && answer.bytes ? [answer.bytes] : []);
}

/** How things stand, before the engine is there where that can be seen from outside. It is loaded meanwhile, and has the last word. */
async function greeting(): Promise<Answer> {
  let where = await tabs.where();
  const seen = where === 'here' && !isLoaded ? await seenFromOutside() : null;
  // Another tab may have taken the person meanwhile.
  if (seen) where = await tabs.where();
  if (!seen || isLoaded || where !== 'here') return answered(where, { kind: 'state' });
  // If it cannot be loaded, the next request says why.
  loaded().catch(() => undefined);
  return { reply: { kind: 'state', state: seen } };
}

async function routed(request: Request, file?: Blob): Promise<Answer> {
  if (HERE.has(request.kind)) await tabs.claim(request.kind === 'take_over');
  return answered(await tabs.where(), request, file);
}

/** Answers here, or has the tab answer that has the person. */
async function answered(where: Where, request: Request, file?: Blob): Promise<Answer> {
  if (where === 'here') return own(request, file);
  if (where === 'there') return HERE.has(request.kind) ? asItStands() : tabs.pass(request, file);
  if (request.kind === 'state' || request.kind === 'take_over') return { reply: { kind: 'state', state: { kind: 'elsewhere' } } };
  return ELSEWHERE;
}

/** Another tab has the person and keeps them: what was asked stays here. Where they are open already, that is an answer. */
async function asItStands(): Promise<Answer> {
  const answer = await tabs.pass({ kind: 'state' }, undefined);
  const isOpen = 'reply' in answer && answer.reply.kind === 'state' && !['locked', 'nobody'].includes(answer.reply.state.kind);
  return isOpen ? answer : ELSEWHERE;
}

/** Answers with the engine of this tab, and tells all tabs when things stand otherwise afterwards. */
async function own(request: Request, file?: Blob): Promise<Answer> {
  if (request.kind === 'link_in_words') wordsShown += 1;
  const answer = await asked(request, file);
  if (request.kind !== 'state' && 'reply' in answer && answer.reply.kind === 'state') {
    const notice: Notice = { kind: 'state', state: answer.reply.state };
    post({ notice });
    tabs.tell(notice);
    if (request.kind === 'lock') end();
  }
  return answer;
}

/** Words are shown by another tab, and taken back with it, unless others were shown since: nobody sees them any more. */
async function inWords(request: Request, gone: () => Promise<void>): Promise<Answer> {
  const answer = own(request);
  const these = wordsShown;
  void Promise.all([answer, gone()]).then(() => (these === wordsShown ? own({ kind: 'withdraw_words' }) : undefined));
  return answer;
}

async function asked(request: Request, file?: Blob): Promise<Answer> {
  try {
    const [done, text, bytes] = (await (await loaded()).ask(JSON.stringify(request), file)) as [boolean, string, Uint8Array | null];
    if (!done) return { failure: JSON.parse(text) as Failure };
    const reply = JSON.parse(text) as Reply;
    return bytes ? { reply, bytes: bytes.buffer as ArrayBuffer } : { reply };
  } catch (error) {
    return { failure: { code: 'internal', detail: String(error) } };
  }
}

/** The engine, loaded once; what was in the way is tried again by whoever asks next. */
function loaded(): Promise<KithWorker> {
  engine ??= open().catch((error: unknown) => {
    engine = null;
    throw error;
  });
  return engine;
}

async function open(): Promise<KithWorker> {
  await init({ module_or_path: wasm });
  const made = new KithWorker((text: string) => {
    const notice = JSON.parse(text) as Notice;
    // Locking is told by the request for it, and stepping back not at all.
    if (notice.kind === 'state' && notice.state.kind === 'locked') return;
    post({ notice });
    tabs.tell(notice);
  });
  // The storage is opened by one request alone: several are waiting by now, and browsers open a file once. What is in the way they hear themselves.
  const first: Request = { kind: 'state' };
  try {
    await made.ask(JSON.stringify(first));
  } catch (error) {
    made.free();
    throw error;
  }
  isLoaded = true;
  return made;
}

/** Gives the storage back. What is open stays open, unless it is told otherwise. A worker that has had the storage is of no more use. */
async function stepBack(force: boolean): Promise<boolean> {
  if (!engine || isOver) return true;
  const answer = await asked({ kind: 'state' });
  const isOpen = !('reply' in answer) || answer.reply.kind !== 'state' || !['locked', 'nobody'].includes(answer.reply.state.kind);
  if (isOpen && !force) return false;
  if ('failure' in (await asked({ kind: 'lock' }))) return false;
  isOver = true;
  if (isOpen) {
    const notice: Notice = { kind: 'state', state: { kind: 'locked' } };
    post({ notice });
    tabs.tell(notice);
  }
  end();
  return true;
}

/** Tells the page what the tab tells that has the person. */
function tell(notice: Notice): void {
  post({ notice });
  if (notice.kind === 'state' && notice.state.kind === 'locked') end();
}

/** Another tab has the person now, or this one: how do things stand? */
async function tellState(): Promise<void> {
  const answer = await greeting();
  if ('reply' in answer && answer.reply.kind === 'state') post({ notice: { kind: 'state', state: answer.reply.state } });
}

/** Asks the page to end this worker, after everything that was told before. */
function end(): void {
  setTimeout(() => post({ ended: true }));
}

function post(incoming: Incoming, moved: Transferable[] = []): void {
  self.postMessage(incoming, { transfer: moved });
}
