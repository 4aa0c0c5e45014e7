// The pictures that the person has chosen for contacts. The worker keeps them; here they have addresses as long as Kith is open.

import type { Line } from '../lib/line';
import { bytesOf } from '../lib/base64';
import type { Contact } from '../lib/worker/contract';

export class Faces {
  private readonly line: Line;
  private readonly known = new Map<number, { at: number; address: Promise<string | null> }>();

  constructor(line: Line) {
    this.line = line;
  }

  /** The address of a contact's picture, if one was chosen. It is asked for once. */
  of({ id, picture: at }: Pick<Contact, 'id' | 'picture'>): Promise<string | null> {
    const known = this.known.get(id);
    if (known?.at === at) return known.address;
    this.forget(id);
    if (at === null) return Promise.resolve(null);
    const address = this.fetch(id).catch(() => {
      // Whoever looks at it next asks again.
      if (this.known.get(id)?.address === address) this.known.delete(id);
      return null;
    });
    this.known.set(id, { at, address });
    return address;
  }

  /** Forgets everything: Kith was locked. */
  clear(): void {
    for (const id of [...this.known.keys()]) this.forget(id);
  }

  private async fetch(contact: number): Promise<string | null> {
    const { picture } = await this.line.ask({ kind: 'picture', contact });
    return picture === null ? null : URL.createObjectURL(new Blob([bytesOf(picture)], { type: 'image/jpeg' }));
  }

  private forget(contact: number): void {
    const known = this.known.get(contact);
    this.known.delete(contact);
    void known?.address.then((address) => address !== null && URL.revokeObjectURL(address));
  }
}
