// What the app says by the way: short notes that go by themselves, what screen readers are told, and troubles that stay until
// the person has understood them.

import type { ContactTrouble, Trouble } from '../lib/worker/contract';
import type { TextKey } from '../texts/catalog';

/** A note at the edge of the screen. */
export interface Note {
  id: number;
  text: string;
  kind: 'plain' | 'error';
}

/** Something that only the person can mend. */
export interface Standing {
  key: TextKey;
  /** Whom it is about; none means the home server or this device. */
  contact: number | null;
}

/** How long a note stays, in milliseconds: long enough to read the longest slowly. */
const NOTE_MS = 9000;
const MOST_NOTES = 3;

export class Notes {
  /** Notes that are shown, oldest first. */
  shown = $state.raw<Note[]>([]);
  /** What a screen reader says next. */
  spoken = $state('');
  /** Troubles not yet understood. */
  troubles = $state.raw<Standing[]>([]);
  private lastId = 0;

  /** Shows a note for a while. */
  tell(text: string, kind: Note['kind'] = 'plain'): void {
    const note = { id: ++this.lastId, text, kind };
    this.shown = [...this.shown, note].slice(-MOST_NOTES);
    setTimeout(() => this.dismiss(note.id), NOTE_MS);
  }

  /** Takes a note away. */
  dismiss(id: number): void {
    this.shown = this.shown.filter((note) => note.id !== id);
  }

  /** Tells somebody who does not see the screen. */
  speak(text: string): void {
    this.spoken = text;
  }

  /** Keeps a trouble until it is understood. */
  trouble(trouble: Trouble | ContactTrouble | 'storage', contact: number | null = null): void {
    const standing: Standing = { key: `trouble.${trouble}`, contact };
    if (!this.troubles.some((other) => other.key === standing.key && other.contact === contact)) {
      this.troubles = [...this.troubles, standing];
    }
  }

  /** The person has understood. */
  understood(trouble: Standing): void {
    this.troubles = this.troubles.filter((other) => other !== trouble);
  }

  /** Forgets everything: Kith was locked. */
  clear(): void {
    this.shown = [];
    this.spoken = '';
    this.troubles = [];
  }
}
