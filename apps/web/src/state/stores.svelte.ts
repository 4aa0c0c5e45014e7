// Everything that the screens share, made once for a line to the worker, and the one place where notices arrive.

import { getContext, setContext } from 'svelte';

import type { Line } from '../lib/line';
import type { MessageChange, Notice } from '../lib/worker/contract';
import { Devices } from './devices.svelte';
import { Door } from './door.svelte';
import { type Told, toldOf } from './failures';
import { Faces } from './faces';
import { Files } from './files.svelte';
import { Notes } from './notes.svelte';
import { notify, tellLooks } from './notify';
import { People } from './people.svelte';
import { Route } from './route.svelte';
import { Safety } from './safety.svelte';
import { Talk } from './talk.svelte';
import { Version } from './version.svelte';
import { t } from './words.svelte';

export class Stores {
  readonly line: Line;
  readonly route = new Route();
  readonly notes = new Notes();
  readonly people: People;
  readonly faces: Faces;
  readonly files: Files;
  readonly devices: Devices;
  readonly door: Door;
  readonly safety: Safety;
  readonly version = new Version(
    () => this.keepDrafts(),
    () => this.isBusy,
  );
  /** What was typed and the worker does not have yet, by contact. */
  readonly drafts = new Map<number, string>();
  /** The conversation that is open. */
  talk = $state.raw<Talk | null>(null);
  /** Emoji that were chosen last, newest first. They are kept nowhere: what people feel is nobody's who finds the device. */
  emoji = $state.raw<string[]>([]);
  /** Files that were chosen for the next message. */
  chosen = $state(0);
  /** How far a backup is that is being made or taken in. */
  progress = $state.raw<{ done: number; total: number } | null>(null);

  /** Whether what all screens show was read since Kith was opened. */
  private hasRead = false;

  constructor(line: Line) {
    this.line = line;
    this.people = new People(line);
    this.faces = new Faces(line);
    this.files = new Files(line);
    this.devices = new Devices(line);
    this.safety = new Safety(line);
    this.door = new Door(line, () => this.forget());
  }

  /** Begins to listen. Returns what stops it. */
  start(): () => void {
    const stops = [this.line.listen((notice) => this.take(notice)), this.route.start(), this.door.watch(), tellLooks()];
    return () => stops.forEach((stop) => stop());
  }

  /** Whether something stands on the screen that would be gone after a reload. */
  get isBusy(): boolean {
    return this.chosen > 0 || (this.talk?.editing ?? null) !== null;
  }

  /** Stores everything that was typed and not sent. Fails as the worker does. */
  async keepDrafts(): Promise<void> {
    if (!this.door.open) return;
    for (const contact of [...this.drafts.keys()]) await this.keepDraft(contact);
  }

  /** Stores what was typed to a contact, if the worker does not have it yet. */
  async keepDraft(contact: number): Promise<void> {
    const text = this.drafts.get(contact);
    if (text === undefined) return;
    await this.line.ask({ kind: 'save_draft', contact, text });
    this.people.drafted(contact, text);
    if (this.drafts.get(contact) === text) this.drafts.delete(contact);
  }

  /** Opens a conversation, or stays in it. */
  enter(contact: number): Talk {
    if (this.talk?.contact === contact) return this.talk;
    this.talk = new Talk(this.line, contact);
    return this.talk;
  }

  /** Does something; when it fails, says so at the edge of the screen. Returns whether it was done. */
  async attempt(doing: () => Promise<unknown>): Promise<boolean> {
    try {
      await doing();
      return true;
    } catch (thrown) {
      this.tellFailure(toldOf(thrown));
      return false;
    }
  }

  /** Reads what a screen shows and nobody has asked for: told are failures that somebody can mend, not that Kith is locked, which is seen. */
  async look(reading: () => Promise<unknown>): Promise<void> {
    try {
      await reading();
    } catch (thrown) {
      const told = toldOf(thrown);
      if (told.code !== 'locked') this.tellFailure(told);
    }
  }

  /** Reads what all screens show, once for each time Kith is opened. Who is just coming back is told of as open before they can be asked. */
  async readFirst(): Promise<void> {
    if (this.hasRead) return;
    await this.look(async () => {
      await Promise.all([this.people.refresh(), this.devices.refresh(), this.safety.refresh()]);
      this.hasRead = this.door.open !== null;
    });
  }

  /** Says at the edge of the screen why something was not done. */
  tellFailure(told: Told): void {
    this.notes.tell(t(told.key), 'error');
  }

  private take(notice: Notice): void {
    switch (notice.kind) {
      case 'state':
        this.door.take(notice.state);
        return;
      case 'message':
        this.message(notice.contact, notice.message, notice.change);
        return;
      case 'message_state':
        this.talkWith(notice.contact)?.changedState(notice.message, notice.state);
        this.readPeople();
        return;
      case 'contact':
        this.readPeople();
        return;
      case 'contact_trouble':
        this.notes.trouble(notice.trouble, notice.contact);
        this.readPeople();
        return;
      case 'preparing':
        this.files.prepared(notice.name, notice.done, notice.size);
        return;
      case 'attachment':
        this.files.moved(notice.attachment, notice);
        this.read(this.talkWith(notice.contact)?.changedOne(notice.message));
        return;
      case 'devices':
      case 'device_added':
        if (this.door.open) this.read(this.devices.refresh());
        return;
      case 'home_backup':
        this.progress = null;
        if (this.door.open) this.read(this.safety.refresh());
        return;
      case 'backing_up':
      case 'moving':
      case 'restoring':
        this.progress = { done: notice.done, total: notice.total };
        return;
      case 'trouble':
        this.notes.trouble(notice.trouble);
        return;
      case 'storage_trouble':
        this.notes.trouble('storage');
    }
  }

  private message(contact: number, message: string, change: MessageChange): void {
    const talk = this.talkWith(contact);
    if (change === 'edited' || change === 'deleted' || change === 'reacted') this.read(talk?.changedOne(message));
    else this.read(talk?.changed());
    this.readPeople();
    const from = this.people.find(contact);
    if (change === 'new' && from?.state !== 'blocked' && !from?.muted) void notify();
  }

  private talkWith(contact: number): Talk | null {
    return this.talk?.contact === contact ? this.talk : null;
  }

  private readPeople(): void {
    if (this.door.open) this.read(this.people.refresh());
  }

  // Reading anew after a notice: what fails is read again at the next one, or Kith was locked meanwhile.
  private read(reading: Promise<void> | undefined): void {
    reading?.catch(() => undefined);
  }

  private forget(): void {
    this.hasRead = false;
    this.talk = null;
    // The tab that had Kith open may be gone before it got the last letters: they are there again after unlocking.
    if (this.door.state?.kind !== 'locked') this.drafts.clear();
    this.people.clear();
    this.faces.clear();
    this.files.clear();
    this.devices.clear();
    this.safety.clear();
    this.progress = null;
    this.emoji = [];
    this.notes.clear();
    this.route.reset();
  }
}

const KEY = Symbol('stores');

/** Gives the stores to all screens below. */
export function provide(stores: Stores): void {
  setContext(KEY, stores);
}

/** The stores. */
export function useStores(): Stores {
  return getContext<Stores>(KEY);
}
