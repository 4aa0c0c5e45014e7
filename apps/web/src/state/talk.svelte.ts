// One conversation as it is looked at: the messages near the eye, and nothing of the other hundred thousand. A message has a place, counted
// from the oldest; places move when something is put in between or disappears, and then what is near the eye is read anew.

import type { Line } from '../lib/line';
import type { Message, MessageState, Page, PageAt } from '../lib/worker/contract';

/** Messages asked for at a time, and places from which a question begins. */
export const PAGE = 60;
/** Messages kept; beyond that those far from the eye are let go. */
const KEPT = 900;
/** The most that one question may bring. */
const MOST = 200;

export class Talk {
  readonly contact: number;
  /** Messages in the whole conversation. */
  total = $state(0);
  /** Whether the first page is there. */
  ready = $state(false);
  /** Rises whenever a message that is kept has changed. */
  revision = $state(0);
  /** Rises whenever places have moved: what was measured of them counts no more. */
  moved = $state(0);
  /** The first message that had not been seen when the conversation was opened, and how many there were: until it is left. */
  firstNew = $state.raw<{ id: string; n: number } | null>(null);
  /** The message that is being answered. */
  replying = $state.raw<Message | null>(null);
  /** The message that is being changed. */
  editing = $state.raw<Message | null>(null);

  private readonly line: Line;
  private readonly kept = new Map<number, Message>();
  private readonly asked = new Set<number>();
  private near = { from: 0, to: PAGE };
  private reading = false;
  private readAgain = false;

  constructor(line: Line, contact: number) {
    this.line = line;
    this.contact = contact;
  }

  /** Reads the newest messages, those around one, or those where the unseen ones begin. */
  async open(unread: number, around?: string): Promise<void> {
    let at: PageAt = { kind: unread > 0 ? 'unseen' : 'newest' };
    if (around) at = { kind: 'around', message: around };
    const page = await this.page(at, PAGE);
    const first = at.kind === 'unseen' ? page.messages.find((message) => !message.mine && message.state === 'delivered') : undefined;
    this.keep(page);
    this.firstNew = first ? { id: first.id, n: unread } : null;
    this.ready = true;
  }

  /** The message at a place, if it is near enough to be kept. */
  at(place: number): Message | undefined {
    void this.revision;
    return this.kept.get(place);
  }

  /** The place of a message, if it is kept. */
  placeOf(id: string): number | null {
    for (const [place, message] of this.kept) if (message.id === id) return place;
    return null;
  }

  /** Says which places are near the eye; what is missing there is read. */
  look(from: number, to: number): void {
    this.near = { from, to };
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page += 1) {
      if (this.asked.has(page) || this.whole(page)) continue;
      this.asked.add(page);
      this.page({ kind: 'position', position: page * PAGE }, PAGE)
        .then((read) => this.keep(read))
        .catch(() => undefined)
        .finally(() => this.asked.delete(page));
    }
  }

  /** Reads what surrounds a message; returns its place, none when it is no longer here. */
  async find(id: string): Promise<number | null> {
    const known = this.placeOf(id);
    if (known !== null) return known;
    this.keep(await this.page({ kind: 'around', message: id }, PAGE));
    return this.placeOf(id);
  }

  /** Messages came, went or were put in between. Many such words at once make one or two questions. */
  async changed(): Promise<void> {
    if (this.reading) {
      this.readAgain = true;
      return;
    }
    this.reading = true;
    try {
      do {
        this.readAgain = false;
        await this.readAnew();
      } while (this.readAgain);
    } finally {
      this.reading = false;
    }
  }

  /** A message has other words or reactions. */
  async changedOne(id: string): Promise<void> {
    if (this.placeOf(id) === null) return;
    this.put((await this.line.ask({ kind: 'message', contact: this.contact, message: id })).message);
  }

  /** A message came further. */
  changedState(id: string, state: MessageState): void {
    const place = this.placeOf(id);
    const message = place === null ? undefined : this.kept.get(place);
    if (place === null || !message) return;
    this.kept.set(place, { ...message, state });
    this.revision += 1;
  }

  async send(text: string, attachment: number | null, replyTo: string | null): Promise<void> {
    await this.line.ask({ kind: 'send', contact: this.contact, text, replyTo, attachment });
    await this.changed();
  }

  async edit(message: Message, text: string): Promise<void> {
    this.put((await this.line.ask({ kind: 'edit', contact: this.contact, message: message.id, text })).message);
  }

  async takeBack(message: Message): Promise<void> {
    this.put((await this.line.ask({ kind: 'delete', contact: this.contact, message: message.id })).message);
  }

  /** Reacts; the same emoji once more takes it back. */
  async react(message: Message, emoji: string): Promise<void> {
    const given = message.reactions.some((reaction) => reaction.mine && reaction.emoji === emoji);
    const asked = { kind: 'react', contact: this.contact, message: message.id, emoji: given ? '' : emoji } as const;
    this.put((await this.line.ask(asked)).message);
  }

  async markRead(): Promise<void> {
    await this.line.ask({ kind: 'mark_read', contact: this.contact });
  }

  private async page(at: PageAt, count: number): Promise<Page> {
    return (await this.line.ask({ kind: 'page', contact: this.contact, at, count })).page;
  }

  private keep(page: Page): void {
    if (this.ready && page.total !== this.total) void this.changed();
    page.messages.forEach((message, index) => this.kept.set(page.position + index, message));
    if (!this.ready) this.total = page.total;
    this.letGo();
    this.revision += 1;
  }

  // What is near the eye is read in one question; everything else is forgotten and read when it is looked at.
  private async readAnew(): Promise<void> {
    const newest = await this.page({ kind: 'newest' }, PAGE);
    if (this.follows(newest)) {
      newest.messages.forEach((message, index) => this.kept.set(newest.position + index, message));
      this.total = newest.total;
      this.letGo();
      this.revision += 1;
      return;
    }
    const from = Math.max(0, this.near.from - 20);
    const count = Math.min(MOST, this.near.to - from + 20);
    const near = await this.page({ kind: 'position', position: from }, count);
    this.kept.clear();
    for (const page of [near, newest]) page.messages.forEach((message, index) => this.kept.set(page.position + index, message));
    this.total = near.total;
    this.moved += 1;
    this.revision += 1;
  }

  // Whether these are what was there and more behind it, so that no place has moved.
  private follows(newest: Page): boolean {
    if (newest.total < this.total || newest.position > this.total) return false;
    for (let place = newest.position; place < this.total; place += 1) {
      const before = this.kept.get(place);
      if (before && before.id !== newest.messages[place - newest.position]?.id) return false;
    }
    return true;
  }

  private put(message: Message): void {
    const place = this.placeOf(message.id);
    if (place === null) return;
    this.kept.set(place, message);
    this.revision += 1;
  }

  private whole(page: number): boolean {
    const end = Math.min((page + 1) * PAGE, this.total);
    for (let place = page * PAGE; place < end; place += 1) if (!this.kept.has(place)) return false;
    return true;
  }

  private letGo(): void {
    if (this.kept.size <= KEPT) return;
    const middle = (this.near.from + this.near.to) / 2;
    for (const place of [...this.kept.keys()]) {
      const atTheEnd = place >= this.total - PAGE;
      if (!atTheEnd && Math.abs(place - middle) > KEPT / 3) this.kept.delete(place);
    }
  }
}
