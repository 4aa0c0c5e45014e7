import { beforeEach, expect, test } from 'vitest';

import type { Line } from '../lib/line';
import type { Message, Page, Request } from '../lib/worker/contract';
import { PAGE, Talk } from './talk.svelte';

/** A conversation as the worker has it. */
class Worker {
  messages: Message[] = [];
  asked: Request[] = [];
  /** Messages from this place on were not seen. */
  seen = Infinity;

  constructor(count: number) {
    for (let index = 0; index < count; index += 1) this.write(`m${index}`, index % 3 === 0);
  }

  write(id: string, mine = false, place = this.messages.length): void {
    const message: Message = { id, mine, sent: place, body: { kind: 'text', text: id }, state: 'delivered', replyTo: null, edited: false, reactions: [], attachment: null, preview: null, disappears: null };
    this.messages.splice(place, 0, message);
  }

  get line(): Line {
    const ask = async (request: Request) => {
      this.asked.push(request);
      if (request.kind !== 'page') return { kind: 'done' };
      return { kind: 'page', page: this.page(request) };
    };
    return { ask, listen: () => () => undefined } as unknown as Line;
  }

  private page({ at, count }: Extract<Request, { kind: 'page' }>): Page {
    const total = this.messages.length;
    let position = Math.max(0, total - count);
    if (at.kind === 'position') position = at.position;
    if (at.kind === 'around') position = Math.max(0, this.messages.findIndex((one) => one.id === at.message) - Math.floor(count / 2));
    if (at.kind === 'unseen') position = this.messages.findIndex((one, place) => place >= this.seen && !one.mine) - Math.floor(count / 2);
    const messages = this.messages.slice(position, position + count);
    return { total, position, messages: messages.map((one, index) => (position + index < this.seen ? { ...one, state: 'read' } : one)) };
  }
}

let worker: Worker;
let talk: Talk;

beforeEach(async () => {
  worker = new Worker(100_000);
  talk = new Talk(worker.line, 1);
  await talk.open(0);
});

const settle = () => new Promise((later) => setTimeout(later));

test('opening a long conversation asks for its end and nothing else', () => {
  expect(worker.asked.length).toBe(1);
  expect(talk.total).toBe(100_000);
  expect(talk.at(99_999)?.id).toBe('m99999');
  expect(talk.at(0)).toBeUndefined();
});

test('what comes near the eye is read once', async () => {
  talk.look(500, 540);
  talk.look(500, 541);
  await settle();
  talk.look(500, 540);
  expect(talk.at(520)?.id).toBe('m520');
  expect(worker.asked.length).toBe(1 + 2);
});

test('messages far from the eye are let go, the newest stay', async () => {
  for (let from = 0; from < 6000; from += PAGE) {
    talk.look(from, from + PAGE);
    await settle();
  }
  expect(talk.at(10)).toBeUndefined();
  expect(talk.at(5990)?.id).toBe('m5990');
  expect(talk.at(99_999)?.id).toBe('m99999');
});

test('a new message at the end moves no place', async () => {
  worker.write('new');
  await talk.changed();
  expect(talk.total).toBe(100_001);
  expect(talk.at(100_000)?.id).toBe('new');
  expect(talk.moved).toBe(0);
});

test('a message put in between moves places, and what is near the eye is right again', async () => {
  talk.look(99_950, 100_000);
  worker.write('from another device', false, 99_960);
  await talk.changed();
  expect(talk.moved).toBe(1);
  expect(talk.at(99_960)?.id).toBe('from another device');
  expect(talk.at(99_961)?.id).toBe('m99960');
});

test('a message that disappeared leaves no hole', async () => {
  worker.messages.splice(99_990, 1);
  await talk.changed();
  expect(talk.total).toBe(99_999);
  expect(talk.at(99_990)?.id).toBe('m99991');
});

test('a conversation opens where the unseen messages begin, however many there are', async () => {
  worker.seen = 40_000;
  const other = new Talk(worker.line, 1);
  worker.asked.length = 0;
  await other.open(39_999);
  expect(worker.asked.length).toBe(1);
  expect(other.firstNew).toEqual({ id: 'm40000', n: 39_999 });
  expect(other.placeOf('m40000')).toBe(40_000);
});

test('the mark above the unseen messages stays when places move and when all is read', async () => {
  worker.seen = 99_990;
  const other = new Talk(worker.line, 1);
  await other.open(7);
  const first = other.firstNew?.id ?? '';
  worker.write('from another device', true, 99_950);
  worker.seen = worker.messages.length;
  await other.changed();
  expect(other.moved).toBe(1);
  expect(other.firstNew?.id).toBe(first);
  expect(other.placeOf(first)).toBe(99_992);
});

test('many words of change at once make few questions', async () => {
  const before = worker.asked.length;
  await Promise.all(Array.from({ length: 20 }, () => talk.changed()));
  expect(worker.asked.length - before).toBeLessThanOrEqual(2);
});
