// How well the person is prepared for losing every device: the words on paper, and how old the backup is.

import type { Line } from '../lib/line';
import type { Backups } from '../lib/worker/contract';

/** After how long a backup that lacks something is worth a word, in milliseconds. */
const OLD_MS = 30 * 24 * 60 * 60 * 1000;

export class Safety {
  /** None until it was asked for. */
  known = $state.raw<Backups | null>(null);
  private later = $state(false);
  private readonly line: Line;

  constructor(line: Line) {
    this.line = line;
  }

  async refresh(): Promise<void> {
    this.known = (await this.line.ask({ kind: 'backups' })).backups;
  }

  /** Whether the last backup is old, lacks something, and the person has not said "later". Somebody who makes none is not pressed. */
  isOld(now: number): boolean {
    const { made, behind } = this.known ?? { made: null, behind: 0 };
    return !this.later && made !== null && behind > 0 && now - made > OLD_MS;
  }

  /** The person does it another time. */
  putOff(): void {
    this.later = true;
  }

  /** The 24 words. Nobody keeps them: they are asked for each time. */
  async phrase(password: string): Promise<string[]> {
    return (await this.line.ask({ kind: 'phrase', password })).words;
  }

  async phraseChecked(): Promise<void> {
    await this.line.ask({ kind: 'phrase_checked' });
    await this.refresh();
  }

  /** The bytes of the last backup are where the person wants them. */
  async kept(): Promise<void> {
    await this.line.ask({ kind: 'backup_kept' });
    await this.refresh();
  }

  /** Sets how often this device makes a backup at its home server by itself. */
  async setHome(password: string, hours: number | null): Promise<void> {
    await this.line.ask({ kind: 'set_home_backup', password, hours });
    await this.refresh();
  }

  /** Makes a backup at the home server now. Returns what was new, and what had to be sent. */
  async backUpHome(password: string): Promise<{ messages: number; sent: number }> {
    const made = await this.line.ask({ kind: 'back_up_home', password });
    await this.refresh();
    return made;
  }

  /** Removes all backups at the home server. Returns how many there were. */
  async removeHome(password: string): Promise<number> {
    const { count } = await this.line.ask({ kind: 'remove_home_backups', password });
    await this.refresh();
    return count;
  }

  /** Forgets everything: Kith was locked. */
  clear(): void {
    this.known = null;
    this.later = false;
  }
}
