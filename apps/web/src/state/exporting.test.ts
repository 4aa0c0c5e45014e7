import { expect, test, vi } from 'vitest';

import type { Line } from '../lib/line';
import type { Attachment, Contact, Message, Request } from '../lib/worker/contract';
import { exported } from './exporting';

vi.stubGlobal('navigator', { languages: ['en'] });

const BELA = { id: 1, name: 'Bela' } as Contact;

function said(id: string, attachment: Attachment | null = null): Message {
  return { id, mine: false, sent: 1000, body: { kind: 'text', text: `text ${id}.` }, state: 'read', replyTo: null, edited: false, reactions: [], attachment, preview: null, disappears: null };
}

function file(id: number, name: string): Attachment {
  return { id, name, mediaType: 'text/plain', size: 3, state: 'complete', done: 1, total: 1 };
}

/** A worker with these messages, of which a file is not what was promised; `read` is told before each page. */
function worker(messages: Message[], broken: number[] = [], read: (messages: Message[]) => void = () => undefined): Line {
  return {
    ask: async (request: Request) => {
      if (request.kind !== 'page' || request.at.kind !== 'position') throw new Error(request.kind);
      read(messages);
      return { kind: 'page', page: { total: messages.length, position: request.at.position, messages: messages.slice(request.at.position, request.at.position + request.count) } };
    },
    chunk: async (attachment: number) => {
      if (broken.includes(attachment)) throw Object.assign(new Error('gone'), { code: 'unknown_attachment' });
      return new TextEncoder().encode('abc').buffer;
    },
  } as unknown as Line;
}

test('a file that is not what was promised, or has any name, keeps nobody from the others', async () => {
  const messages = [said('a', file(1, `😀${'x'.repeat(119)}`)), said('b', file(2, 'broken.txt')), said('c', file(3, 'whole.txt'))];
  const made = await (await exported(worker(messages, [2]), BELA, true, () => undefined)).text();
  expect(made).toContain('files/1-😀');
  expect(made).toContain('files/2-whole.txt');
  expect(made).not.toContain('files/2-broken.txt');
  expect(made).toContain('broken.txt · ');
});

test('messages that come or go meanwhile are neither missing nor there twice', async () => {
  let reads = 0;
  const messages = Array.from({ length: 450 }, (_, index) => said(`m${index}`));
  const line = worker(messages, [], (all) => {
    reads += 1;
    // In the middle of the first time the oldest goes: what comes after it moves up.
    if (reads === 2) all.shift();
  });
  const made = await (await exported(line, BELA, false, () => undefined)).text();
  for (const id of ['m1', 'm199', 'm200', 'm201', 'm449']) expect(made.split(`text ${id}.`).length, id).toBe(2);
  expect(made).not.toContain('text m0.');
});
