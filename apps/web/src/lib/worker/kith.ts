// The app's end of the line to the worker: requests go out under a number and come back as promises, notices as they come.
// What the words mean is in contract.ts. Nothing here knows keys, storage or the network.

import type { Failure, FailureCode, Metadata, Notice, Reply, Request } from './contract';
import { startWorker } from './start';

/** Which reply answers which request. */
interface Answers {
  state: 'state';
  take_over: 'state';
  create: 'state';
  erase: 'state';
  look_at_backup: 'backup';
  find_at_home: 'found_at_home';
  fetch_from_home: 'backup';
  restore: 'state';
  check_password: 'done';
  unlock: 'state';
  lock: 'state';
  change_password: 'done';
  contacts: 'contacts';
  contact: 'contact';
  new_card: 'card';
  accept_card: 'contact_made';
  digits: 'digits';
  compare_digits: 'done';
  confirm_verified: 'done';
  rename: 'done';
  block: 'done';
  forget: 'done';
  set_disappearing: 'done';
  set_receipts: 'done';
  set_shown: 'done';
  picture: 'picture';
  set_picture: 'done';
  rotate: 'done';
  page: 'page';
  files: 'page';
  message: 'message';
  search: 'found';
  send: 'message';
  edit: 'message';
  delete: 'message';
  react: 'message';
  save_draft: 'done';
  mark_read: 'done';
  attach: 'attached';
  fetch_attachment: 'done';
  pause_attachment: 'done';
  attachment_chunk: 'chunk';
  devices: 'devices';
  ask_to_join: 'link';
  join_device: 'done';
  join_by_words: 'done';
  confirm_code: 'done';
  link_device: 'link';
  link_in_words: 'link_words';
  answer_new_device: 'done';
  withdraw_link: 'done';
  withdraw_words: 'done';
  welcome_device: 'done';
  rename_device: 'done';
  revoke_device: 'done';
  name_device: 'done';
  set_key_rotation: 'done';
  backups: 'backups';
  phrase: 'phrase';
  phrase_checked: 'done';
  back_up: 'backed_up';
  backup_kept: 'done';
  set_home_backup: 'done';
  back_up_home: 'backed_up_home';
  remove_home_backups: 'removed';
  connect: 'done';
}

/** The reply to a request of this type. */
export type AnswerTo<R extends Request> = Extract<Reply, { kind: Answers[R['kind']] }>;

/** What travels to the worker. A file comes beside the request that names it; a greeting is answered before the engine is there. */
export type Outgoing = { id: number } & Wanted;
type Wanted = { request: Request; file?: Blob | undefined } | { greet: true };

/** What answers a request. The bytes of an attachment's piece come beside their reply. */
export type Answer = { reply: Reply; bytes?: ArrayBuffer } | { failure: Failure };

/** What travels from the worker. One that has done its work asks to be ended: with it goes all memory that ever held a key or a text. */
export type Incoming = ({ id: number } & Answer) | { notice: Notice } | { ended: true };

/** A request that was not done, with the code that a text is chosen by. */
export class KithError extends Error {
  readonly code: FailureCode;

  constructor(failure: Failure) {
    super(failure.detail);
    this.name = 'KithError';
    this.code = failure.code;
  }
}

interface Waiting {
  done: (answer: { reply: Reply; bytes?: ArrayBuffer }) => void;
  failed: (error: KithError) => void;
}

/** The one line to the worker. Make one for the whole page. */
export class Kith {
  private worker: Worker;
  private lastId = 0;
  private readonly waiting = new Map<number, Waiting>();
  private readonly listeners = new Set<(notice: Notice) => void>();

  constructor() {
    this.worker = this.start();
  }

  /** Asks how things stand, as far as that can be seen at once: what the engine answers later has the last word. */
  async greet(): Promise<AnswerTo<{ kind: 'state' }>> {
    const { reply } = await this.send({ greet: true });
    return reply as AnswerTo<{ kind: 'state' }>;
  }

  /** Asks for something; a file that the request is about comes beside it. Fails with a {@link KithError}. */
  async ask<R extends Request>(request: R, file?: Blob): Promise<AnswerTo<R>> {
    const { reply } = await this.send({ request, file });
    return reply as AnswerTo<R>;
  }

  /** Prepares a file for sending. */
  async attach(file: File, metadata: Metadata): Promise<Extract<Reply, { kind: 'attached' }>> {
    const { reply } = await this.send({ request: { kind: 'attach', name: file.name, mediaType: file.type, metadata }, file });
    return reply as Extract<Reply, { kind: 'attached' }>;
  }

  /** Returns the bytes of one piece of an attachment that is here. */
  async chunk(attachment: number, index: number): Promise<ArrayBuffer> {
    const { bytes } = await this.send({ request: { kind: 'attachment_chunk', attachment, index } });
    return bytes ?? new ArrayBuffer(0);
  }

  /** Makes a backup: what is new behind a file of this device, or everything. Returns the bytes, and behind how many of the file they go. */
  async backUp(password: string, file?: Blob): Promise<Extract<Reply, { kind: 'backed_up' }> & { bytes: ArrayBuffer }> {
    const { reply, bytes } = await this.send({ request: { kind: 'back_up', password }, file });
    return { ...(reply as Extract<Reply, { kind: 'backed_up' }>), bytes: bytes ?? new ArrayBuffer(0) };
  }

  /** Tells what happens from now on; returns what stops it. */
  listen(listener: (notice: Notice) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private send(wanted: Wanted): Promise<{ reply: Reply; bytes?: ArrayBuffer }> {
    const id = ++this.lastId;
    return new Promise((done, failed) => {
      this.waiting.set(id, { done, failed });
      const outgoing: Outgoing = { id, ...wanted };
      this.worker.postMessage(outgoing);
    });
  }

  private start(): Worker {
    const worker = startWorker();
    worker.addEventListener('message', (event: MessageEvent<Incoming>) => {
      if (worker === this.worker) this.take(event.data);
    });
    worker.addEventListener('error', (event) => this.fail({ code: 'internal', detail: event.message }));
    return worker;
  }

  private restart(): void {
    this.worker.terminate();
    this.fail({ code: 'locked', detail: 'the worker was ended' });
    this.worker = this.start();
  }

  private take(incoming: Incoming): void {
    if ('ended' in incoming) {
      this.restart();
      return;
    }
    if ('notice' in incoming) {
      for (const listener of this.listeners) listener(incoming.notice);
      return;
    }
    const waiting = this.waiting.get(incoming.id);
    this.waiting.delete(incoming.id);
    if (!waiting) return;
    if ('failure' in incoming) waiting.failed(new KithError(incoming.failure));
    else waiting.done(incoming);
  }

  private fail(failure: Failure): void {
    const failed = [...this.waiting.values()];
    this.waiting.clear();
    for (const waiting of failed) waiting.failed(new KithError(failure));
  }
}
