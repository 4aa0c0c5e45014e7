// A wire that counts: it leads to a home server on this machine, and knows how many bytes came from there.

import { connect, createServer } from 'node:net';

export class Wire {
  /** Bytes that a browser got, with everything that HTTP and WebSocket put around them. */
  bytes = 0;
  /** When the last of them came, by `Date.now()`. */
  last = 0;
  #port = 0;

  static async begin() {
    const wire = new Wire();
    wire.ends = createServer((here) => wire.#lead(here));
    await new Promise((done) => wire.ends.listen(0, '127.0.0.1', done));
    wire.url = `http://127.0.0.1:${wire.ends.address().port}`;
    return wire;
  }

  /** Says where it leads. */
  to(port) {
    this.#port = port;
  }

  #lead(here) {
    const there = connect(this.#port, '127.0.0.1');
    there.on('data', (bytes) => {
      this.bytes += bytes.length;
      this.last = Date.now();
    });
    here.pipe(there);
    there.pipe(here);
    for (const [one, other] of [[here, there], [there, here]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  }

  end() {
    this.ends.close();
  }
}
