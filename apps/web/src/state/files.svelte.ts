// Files of messages: how far they are, their bytes when somebody wants to see them, and those being made ready to send.

import { download } from '../lib/download';
import type { Line } from '../lib/line';
import { peaksOf } from '../lib/recording';
import type { Attachment, Written } from '../lib/worker/contract';
import { preferences } from './preferences.svelte';

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
  /** What was taken out of it on the way. */
  removed = $state.raw<Written[]>([]);

  constructor(id: number, file: File) {
    this.id = id;
    this.file = file;
  }
}

/** Files kept for showing; the least wanted goes first. */
const KEPT = 40;
/** Of sounds that are longer, in seconds, no wave is drawn: it would take more than 30 MiB of memory to look at one. */
const DRAWN_SECONDS = 15 * 60 + 5;
/** Samples of a second that are looked at for a wave. */
const SAMPLES = 8000;

/** A file's bytes, and an address under which this page finds them. */
interface Shown {
  blob: Blob;
  address: string;
}

export class Files {
  /** How far transfers are that moved since Kith was opened. */
  private progress = $state.raw<ReadonlyMap<number, Progress>>(new Map());
  private readonly shown = new Map<number, Promise<Shown>>();
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
      .attach(file, preferences.cleansPictures ? 'removed' : 'kept')
      .then(({ attachment, removed }) => {
        pending.removed = removed;
        pending.attachment = attachment;
      })
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
  async address(attachment: Attachment): Promise<string> {
    return (await this.show(attachment)).address;
  }

  /** How loud a complete sound of so many seconds is, in so many parts; nothing of one that is too long to look at. */
  async peaks(attachment: Attachment, seconds: number, count: number): Promise<number[]> {
    if (seconds > DRAWN_SECONDS) return [];
    const { blob } = await this.show(attachment);
    const sound = await new OfflineAudioContext(1, 1, SAMPLES).decodeAudioData(await blob.arrayBuffer());
    return peaksOf(sound.getChannelData(0), count);
  }

  /** Gives a complete attachment to the person as a file of theirs. */
  async save(attachment: Attachment): Promise<void> {
    // Without its type: no browser opens it by itself.
    download(await this.bytes(attachment, 'application/octet-stream'), attachment.name);
  }

  /** Forgets everything: Kith was locked. */
  clear(): void {
    for (const shown of this.shown.values()) revoke(shown);
    this.shown.clear();
    this.preparing.clear();
    this.progress = new Map();
  }

  private show(attachment: Attachment): Promise<Shown> {
    let shown = this.shown.get(attachment.id);
    if (shown) this.shown.delete(attachment.id);
    else shown = this.bytes(attachment, attachment.mediaType).then((blob) => ({ blob, address: URL.createObjectURL(blob) }));
    const asked = shown;
    // What fails is asked for again the next time.
    asked.catch(() => this.shown.get(attachment.id) === asked && this.shown.delete(attachment.id));
    this.shown.set(attachment.id, shown);
    this.makeRoom();
    return shown;
  }

  private async bytes(attachment: Attachment, type: string): Promise<Blob> {
    const pieces: ArrayBuffer[] = [];
    for (let index = 0; index < attachment.total; index += 1) pieces.push(await this.line.chunk(attachment.id, index));
    return new Blob(pieces, { type });
  }

  private makeRoom(): void {
    for (const [id, shown] of this.shown) {
      if (this.shown.size <= KEPT) return;
      this.shown.delete(id);
      revoke(shown);
    }
  }
}

function revoke(shown: Promise<Shown>): void {
  shown.then(({ address }) => URL.revokeObjectURL(address)).catch(() => undefined);
}
