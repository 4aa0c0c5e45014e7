// The contacts, those with the newest messages first, as the worker has them.

import type { Line } from '../lib/line';
import type { Contact, Shown } from '../lib/worker/contract';

export class People {
  /** All contacts. */
  all = $state.raw<Contact[]>([]);
  /** Whether they were read at least once. */
  known = $state(false);

  private asking = false;
  private askAgain = false;
  private readonly line: Line;

  constructor(line: Line) {
    this.line = line;
  }

  /** A contact by its number. */
  find(contact: number): Contact | undefined {
    return this.all.find((one) => one.id === contact);
  }

  /** Conversations as they stand in the list: pinned ones first. */
  get listed(): Contact[] {
    const listed = this.all.filter((one) => !isAway(one));
    return [...listed.filter((one) => one.pinned), ...listed.filter((one) => !one.pinned)];
  }

  /** Conversations that were put away. */
  get away(): Contact[] {
    return this.all.filter(isAway);
  }

  /** Messages not seen, over all contacts that are neither blocked nor muted. */
  get unread(): number {
    return this.all.reduce((sum, one) => sum + (one.state === 'blocked' || one.muted ? 0 : one.unread), 0);
  }

  /** Reads all contacts anew. Many wishes at once make one or two questions. */
  async refresh(): Promise<void> {
    if (this.asking) {
      this.askAgain = true;
      return;
    }
    this.asking = true;
    try {
      do {
        this.askAgain = false;
        this.all = (await this.line.ask({ kind: 'contacts' })).contacts;
        this.known = true;
      } while (this.askAgain);
    } finally {
      this.asking = false;
    }
  }

  /** What was typed to a contact is kept. */
  drafted(contact: number, draft: string): void {
    this.all = this.all.map((one) => (one.id === contact ? { ...one, draft } : one));
  }

  async rename(contact: number, name: string): Promise<void> {
    await this.line.ask({ kind: 'rename', contact, name });
    await this.refresh();
  }

  async block(contact: number, blocked: boolean): Promise<void> {
    await this.line.ask({ kind: 'block', contact, blocked });
    await this.refresh();
  }

  async forget(contact: number): Promise<void> {
    await this.line.ask({ kind: 'forget', contact });
    await this.refresh();
  }

  async setDisappearing(contact: number, seconds: number | null): Promise<void> {
    await this.line.ask({ kind: 'set_disappearing', contact, seconds });
    await this.refresh();
  }

  async setReceipts(contact: number, sent: boolean): Promise<void> {
    await this.line.ask({ kind: 'set_receipts', contact, sent });
    await this.refresh();
  }

  /** Pins, mutes or archives a conversation, or undoes that, on all devices. */
  async setShown(contact: number, shown: Shown, on: boolean): Promise<void> {
    await this.line.ask({ kind: 'set_shown', contact, shown, on });
    await this.refresh();
  }

  /** Chooses a picture for a contact, or takes it away, on all devices. */
  async setPicture(contact: number, picture: string | null): Promise<void> {
    await this.line.ask({ kind: 'set_picture', contact, picture });
    await this.refresh();
  }

  async rotate(contact: number): Promise<void> {
    await this.line.ask({ kind: 'rotate', contact });
  }

  /** Compares the digits with what the contact's code says; fails when they differ. */
  async compareDigits(contact: number, read: string): Promise<void> {
    await this.line.ask({ kind: 'compare_digits', contact, read });
    await this.refresh();
  }

  async confirmVerified(contact: number): Promise<void> {
    await this.line.ask({ kind: 'confirm_verified', contact });
    await this.refresh();
  }

  /** Forgets everything: Kith was locked. */
  clear(): void {
    this.all = [];
    this.known = false;
  }
}

/** Whether a conversation is put away: one in which somebody writes comes back, unless it is muted. */
export function isAway(contact: Contact): boolean {
  return contact.archived && (contact.muted || contact.unread === 0);
}
