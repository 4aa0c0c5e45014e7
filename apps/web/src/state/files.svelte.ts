// Files of messages: how far they are, their bytes when somebody wants to see them, and those being made ready to send.

import { download } from '../lib/download';
import type { Line } from '../lib/line';
import type { Attachment } from '../lib/worker/contract';

/** How far a transfer is, in pieces. */
export interface Progress {
  done: number;
  total: number;
}

/** A file on its way into a message. */
export class Pending {
  readonly id: number;
  readonly file: File;
  /** Bytes made ready. */
  done = $state(0);
  /** There when it is ready. */
  attachment = $state.raw<Attachment | null>(null);

  constructor(id: number, file: File) {
    this.id = id;
    this.file = file;
  }
}

/** Pictures kept for showing; the least wanted goes first. */
const KEPT = 40;

export class Files {
  /** How far transfers are that moved since Kith was opened. */
  private progress = $state.raw<ReadonlyMap<number, Progress>>(new Map());
  private readonly shown = new Map<number, Promise<string>>();
  private readonly preparing = new Set<Pending>();
  private lastId = 0;
  private readonly line: Line;

  constructor(line: Line) {
    this.line = line;
  }

  /** How far an attachment is now. */
  progressOf(attachment: Attachment): Progress {
    return this.progress.get(attachment.id) ?? { done: attachment.done, total: attachment.total };
  }

  /** An attachment moved on. */
  moved(attachment: number, progress: Progress): void {
    this.progress = new Map(this.progress).set(attachment, progress);
  }

  /** A file that is being prepared moved on. It is told by name and size only. */
  prepared(name: string, done: number, size: number): void {
    for (const pending of this.preparing) {
      if (pending.file.name === name && pending.file.size === size) pending.done = done;
    }
  }

  /** Begins to make a file ready. `ready` fails as the worker does. */
  prepare(file: File): { pending: Pending; ready: Promise<void> } {
    const pending = new Pending(++this.lastId, file);
    this.preparing.add(pending);
    const ready = this.line
      .attach(file)
      .then(({ attachment }) => void (pending.attachment = attachment))
      .finally(() => this.preparing.delete(pending));
    return { pending, ready };
  }

  async fetch(attachment: Attachment): Promise<void> {
    await this.line.ask({ kind: 'fetch_attachment', attachment: attachment.id });
  }

  async pause(attachment: Attachment): Promise<void> {
    await this.line.ask({ kind: 'pause_attachment', attachment: attachment.id });
  }

  /** An address of a complete attachment's bytes, for showing on this page. */
  address(attachment: Attachment): Promise<string> {
    let address = this.shown.get(attachment.id);
    if (address) this.shown.delete(attachment.id);
    else address = this.bytes(attachment, attachment.mediaType).then((blob) => URL.createObjectURL(blob));
    // What fails is asked for again the next time.
    address.catch(() => this.shown.delete(attachment.id));
    this.shown.set(attachment.id, address);
    this.makeRoom();
    return address;
  }

  /** Gives a complete attachment to the person as a file of theirs. */
  async save(attachment: Attachment): Promise<void> {
    // Without its type: no browser opens it by itself.
    download(await this.bytes(attachment, 'application/octet-stream'), attachment.name);
  }

  /** Forgets everything: Kith was locked. */
  clear(): void {
    for (const address of this.shown.values()) revoke(address);
    this.shown.clear();
    this.preparing.clear();
    this.progress = new Map();
  }

  private async bytes(attachment: Attachment, type: string): Promise<Blob> {
    const pieces: ArrayBuffer[] = [];
    for (let index = 0; index < attachment.total; index += 1) pieces.push(await this.line.chunk(attachment.id, index));
    return new Blob(pieces, { type });
  }

  private makeRoom(): void {
    for (const [id, address] of this.shown) {
      if (this.shown.size <= KEPT) return;
      this.shown.delete(id);
      revoke(address);
    }
  }
}

function revoke(address: Promise<string>): void {
  address.then((known) => URL.revokeObjectURL(known)).catch(() => undefined);
}
