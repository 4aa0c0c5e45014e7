// The contacts, those with the newest messages first, as the worker has them.

import type { Line } from '../lib/line';
import type { Contact } from '../lib/worker/contract';

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

  /** Messages not seen, over all contacts that are not blocked. */
  get unread(): number {
    return this.all.reduce((sum, one) => sum + (one.state === 'blocked' ? 0 : one.unread), 0);
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

  async rotate(contact: number): Promise<void> {
    await this.line.ask({ kind: 'rotate', contact });
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
