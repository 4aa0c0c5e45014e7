// A place on the way between a browser and a home server: it passes everything on, or holds single requests up, or lets nobody through.

import { createServer, request as ask } from 'node:http';
import { connect } from 'node:net';

/** Where single requests of the protocol go. */
const ONE_SHOT = '/kith/v1';
/** More than anybody would take for an answer, in bytes. */
const ENDLESS = 256 * 1024 * 1024;

export class Toll {
  static async start() {
    const toll = new Toll();
    await toll.listen(0);
    return toll;
  }

  /** Whom everything is passed on to. */
  port = 0;
  left = Infinity;
  flooded = null;
  isHeld = new Promise((done) => (this.hold = done));

  async listen(port) {
    this.server = createServer((incoming, outgoing) => this.pass(incoming, outgoing));
    this.server.on('upgrade', (incoming, socket, head) => this.join(incoming, socket, head));
    await new Promise((done) => this.server.listen(port, '127.0.0.1', done));
    this.own = this.server.address().port;
  }

  get url() {
    return `http://127.0.0.1:${this.own}`;
  }

  /** Lets so many single requests pass from now on; those after them get no answer. */
  letPass(count) {
    this.left = count;
    this.isHeld = new Promise((done) => (this.hold = done));
  }

  /** Waits until a request is held up. */
  async isHolding() {
    await this.isHeld;
  }

  /** Answers single requests without end from now on. Returns how many bytes went out until the other side had enough, for the first of them. */
  flood() {
    return new Promise((done) => (this.flooded = done));
  }

  /** Passes everything on again. */
  calm() {
    this.flooded = null;
  }

  /** Nobody answers here any more. */
  close() {
    this.server.close();
    this.server.closeAllConnections();
    for (const socket of this.sockets) socket.destroy();
  }

  async open() {
    await this.listen(this.own);
  }

  async stop() {
    this.close();
  }

  sockets = new Set();

  pass(incoming, outgoing) {
    if (incoming.method === 'POST' && incoming.url === ONE_SHOT) {
      if (this.flooded) return this.pour(outgoing, this.flooded);
      if (this.left <= 0) return this.hold();
      this.left -= 1;
    }
    const { method, url: path, headers } = incoming;
    const onward = ask({ host: '127.0.0.1', port: this.port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('error', () => onward.destroy());
    incoming.pipe(onward);
  }

  pour(outgoing, done) {
    const piece = Buffer.alloc(64 * 1024);
    let poured = 0;
    const more = () => {
      while (!outgoing.destroyed && poured < ENDLESS) {
        poured += piece.length;
        if (!outgoing.write(piece)) return;
      }
      outgoing.destroy();
    };
    outgoing.on('drain', more);
    outgoing.on('close', () => done(poured));
    outgoing.writeHead(200);
    more();
  }

  join(incoming, socket, head) {
    const onward = connect(this.port, '127.0.0.1', () => {
      const lines = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      onward.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join('')}\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const one of [socket, onward]) {
      this.sockets.add(one);
      one.on('error', () => one.destroy());
      one.on('close', () => {
        this.sockets.delete(one);
        socket.destroy();
        onward.destroy();
      });
    }
  }
}
