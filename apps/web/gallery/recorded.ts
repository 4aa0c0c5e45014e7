// A line to nobody: answers as the worker would, from a recording kept in memory. For looking at screens and for trials only.

import type { Line } from '../src/lib/line';
import type { AnswerTo } from '../src/lib/worker/kith';
import type { Attachment, Contact, Device, Failure, FailureCode, Message, Notice, Page, Reply, Request, State } from '../src/lib/worker/contract';
import { devices } from './devices';
import { backup, backups, candidate, foundAtHome, hindered, linkingDevice, oldBackup, stateFor, unprepared, welcomed, WORDS } from './linking';
import type { ScreenName } from './places';
import { PICTURED, portrait } from './portraits';
import { LASTS, NAMES, SENTENCES, TALK, type Said } from './talks';

const MINUTE = 60_000;
const LONG = 100_000;

class RecordedFailure extends Error {
  readonly code: FailureCode;
  constructor(failure: Failure) {
    super(failure.detail);
    this.code = failure.code;
  }
}

export class RecordedLine implements Line {
  private readonly listeners = new Set<(notice: Notice) => void>();
  private readonly talks = new Map<number, Message[]>();
  private contacts: Contact[];
  private state: State;
  private nextId = 1_000_000;
  private now = Date.now();
  private readonly screen: ScreenName;
  private linking: Device | null = null;
  readonly asked: string[] = [];

  constructor(screen: ScreenName, language: 'en' | 'ar') {
    this.screen = screen;
    this.talks.set(1, TALK[language].map((said, index) => this.message(1, index, said)));
    const open: State = { kind: 'open', name: language === 'ar' ? 'سارة' : 'Sara', server: 'https://kith.linden.example', serverKey: 'g4kq7-2mxtd-0c9pe-hw3rz-81nsv-y5b6j', registered: true, online: !screen.startsWith('offline'), waiting: screen === 'offline' ? 3 : 0, revoked: false, leftBehind: false, rotationHours: 168 };
    if (screen === 'removed') Object.assign(open, { revoked: true });
    if (screen === 'left-behind') Object.assign(open, { revoked: true, leftBehind: true });
    this.state = stateFor(screen) ?? (screen === 'start' ? { kind: 'nobody' } : screen === 'locked' ? { kind: 'locked' } : screen === 'elsewhere' ? { kind: 'elsewhere' } : open);
    this.contacts = screen === 'empty' ? [] : this.people(language);
    if (screen === 'trouble') {
      setTimeout(() => {
        this.tell({ kind: 'contact_trouble', contact: 1, trouble: 'card_answered_twice' });
        this.tell({ kind: 'trouble', trouble: 'clock_off' });
      }, 100);
    }
  }

  listen(listener: (notice: Notice) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  greet(): Promise<AnswerTo<{ kind: 'state' }>> {
    return this.ask({ kind: 'state' });
  }

  async ask<R extends Request>(request: R): Promise<AnswerTo<R>> {
    this.asked.push(request.kind);
    await new Promise((later) => setTimeout(later, 4));
    const reply = this.answer(request) as AnswerTo<R>;
    const isWaitedFor = this.screen === 'link-preparing' && request.kind === 'link_in_words';
    return isWaitedFor ? new Promise(() => undefined) : reply;
  }

  async attach(file: File): Promise<Extract<Reply, { kind: 'attached' }>> {
    for (let part = 1; part <= 4; part += 1) {
      await new Promise((later) => setTimeout(later, 60));
      this.tell({ kind: 'preparing', name: file.name, done: (file.size * part) / 4, size: file.size });
    }
    const attachment: Attachment = { id: this.nextId++, name: file.name, mediaType: file.type, size: file.size, state: 'complete', done: 1, total: 1 };
    return { kind: 'attached', attachment, removed: [] };
  }

  async backUp(): Promise<Extract<Reply, { kind: 'backed_up' }> & { bytes: ArrayBuffer }> {
    return { kind: 'backed_up', keep: 0, contacts: 8, messages: 1042, bytes: new ArrayBuffer(64) };
  }

  async chunk(attachment: number): Promise<ArrayBuffer> {
    const message = [...this.talks.values()].flat().find((one) => one.attachment?.id === attachment);
    return message?.attachment?.mediaType.startsWith('audio/') ? sound() : picture();
  }

  /** Lets the contact say something. */
  say(contact: number, text: string): void {
    const talk = this.talk(contact);
    const message = this.message(contact, this.nextId++, { ago: 0, text });
    message.sent = Date.now();
    talk.push(message);
    this.change(contact, { unread: (this.find(contact)?.unread ?? 0) + 1, last: { ...message, file: null } });
    this.tell({ kind: 'message', contact, message: message.id, change: 'new' });
  }

  /** Lets something happen. */
  tell(notice: Notice): void {
    for (const listener of this.listeners) listener(notice);
  }

  private answer(request: Request): Reply {
    switch (request.kind) {
      case 'state':
        if (this.screen === 'unsupported') throw new RecordedFailure({ code: 'unsupported', detail: 'no storage' });
        return { kind: 'state', state: this.state };
      case 'unlock':
        if (request.password !== 'kitchen') throw new RecordedFailure({ code: 'wrong_password', detail: 'not the password' });
        return { kind: 'state', state: this.state };
      case 'create':
        throw new RecordedFailure({ code: request.invite ? 'server_unreachable' : 'invite_needed', detail: 'this is a recording' });
      case 'lock':
        return { kind: 'state', state: (this.state = { kind: 'locked' }) };
      case 'contacts':
        return { kind: 'contacts', contacts: this.contacts };
      case 'page':
        return { kind: 'page', page: this.page(request.contact, request.at, request.count) };
      case 'files': {
        const sent = this.talk(request.contact).filter((one) => one.attachment).reverse();
        return { kind: 'page', page: { total: sent.length, position: request.position, messages: sent.slice(request.position, request.position + request.count) } };
      }
      case 'message': {
        const message = this.talk(request.contact).find((one) => one.id === request.message);
        if (!message) throw new RecordedFailure({ code: 'unknown_message', detail: '' });
        return { kind: 'message', message };
      }
      case 'send': {
        const talk = this.talk(request.contact);
        const message = this.message(request.contact, this.nextId++, { mine: true, ago: 0, text: request.text, state: 'waiting' });
        message.sent = Date.now();
        talk.push(message);
        this.change(request.contact, { last: { ...message, file: null } });
        setTimeout(() => this.further(request.contact, message, 'accepted'), 300);
        setTimeout(() => this.further(request.contact, message, 'delivered'), 900);
        return { kind: 'message', message };
      }
      case 'edit':
        return { kind: 'message', message: this.put(request.contact, request.message, { body: { kind: 'text', text: request.text }, edited: true }) };
      case 'delete':
        return { kind: 'message', message: this.put(request.contact, request.message, { body: { kind: 'deleted' }, attachment: null, reactions: [] }) };
      case 'react': {
        const others = this.talk(request.contact).find((one) => one.id === request.message)?.reactions.filter((one) => !one.mine) ?? [];
        const reactions = request.emoji ? [...others, { mine: true, emoji: request.emoji }] : others;
        return { kind: 'message', message: this.put(request.contact, request.message, { reactions }) };
      }
      case 'search': {
        const found = this.contacts.flatMap(({ id }) => this.talk(id).slice(-200).filter((one) => one.body.kind === 'text' && one.body.text.toLowerCase().includes(request.words.toLowerCase())).map((message) => ({ contact: id, message })));
        return { kind: 'found', found: found.slice(0, request.count) };
      }
      case 'mark_read':
        this.change(request.contact, { unread: 0 });
        return { kind: 'done' };
      case 'save_draft':
        this.change(request.contact, { draft: request.text });
        return { kind: 'done' };
      case 'rename':
        this.change(request.contact, { name: request.name });
        return { kind: 'done' };
      case 'block':
        this.change(request.contact, { state: request.blocked ? 'blocked' : 'established' });
        return { kind: 'done' };
      case 'set_disappearing':
        this.change(request.contact, { disappearing: request.seconds });
        return { kind: 'done' };
      case 'picture':
        return { kind: 'picture', picture: this.contacts.some((one) => one.id === request.contact && one.picture !== null) ? portrait(request.contact) : null };
      case 'set_picture':
        this.change(request.contact, { picture: request.picture === null ? null : this.now });
        return { kind: 'done' };
      case 'set_shown':
        this.change(request.contact, { [request.shown]: request.on });
        return { kind: 'done' };
      case 'set_receipts':
        this.change(request.contact, { receipts: request.sent });
        return { kind: 'done' };
      case 'confirm_verified':
        this.change(request.contact, { verified: true });
        return { kind: 'done' };
      case 'digits':
        return { kind: 'digits', groups: ['40817', '22953', '71640', '05518', '93372', '18406', '66209', '35081', '90744', '12865', '57730', '84196'], qr: squares(), verified: false };
      case 'new_card':
        return { kind: 'card', card: { contact: 4, link: `kith:card/${'pWJhZWFxb3JzZ2tpdGhfbGlua19leGFtcGxl'.repeat(16)}`, qr: squares(), expires: this.now + request.expires * 1000 } };
      case 'accept_card':
        throw new RecordedFailure({ code: 'bad_card', detail: 'this is a recording' });
      case 'devices':
        return { kind: 'devices', devices: this.devices() };
      case 'ask_to_join':
        this.state = { kind: 'joining', server: 'https://kith.linden.example', online: true, step: { kind: 'waiting' } };
        setTimeout(() => this.tell({ kind: 'state', state: this.state }), 1);
        return this.link(request.expires);
      case 'link_device':
        this.linking = candidate(false);
        this.tell({ kind: 'devices' });
        return this.link(request.expires);
      case 'link_in_words':
        this.linking = candidate(false);
        this.tell({ kind: 'devices' });
        return { kind: 'link_words', link: { words: WORDS.slice(0, 12), server: 'https://kith.linden.example', expires: this.now + request.expires * 1000 } };
      case 'join_by_words':
        throw new RecordedFailure({ code: 'unknown_link_word', detail: request.words.split(' ')[2] ?? '' });
      case 'backups':
        return { kind: 'backups', backups: this.screen === 'backup' ? backups(this.now) : this.screen === 'reminded' ? oldBackup(this.now) : unprepared() };
      case 'welcome_device':
        this.linking = welcomed();
        return { kind: 'done' };
      case 'phrase':
        return { kind: 'phrase', words: WORDS };
      case 'look_at_backup':
        if (request.with.kind === 'phrase' && request.with.words.length < 20) throw new RecordedFailure({ code: 'bad_phrase', detail: '3: able?' });
        return { kind: 'backup', backup: backup(this.now) };
      case 'find_at_home':
        return { kind: 'found_at_home', found: foundAtHome(this.now) };
      case 'fetch_from_home':
        return { kind: 'backup', backup: backup(this.now) };
      default:
        return { kind: 'done' };
    }
  }

  private link(expires: number): Reply {
    return { kind: 'link', link: { link: `kith:card/${'pWJhZWFxb3JzZ2tpdGhfbGlua19leGFtcGxl'.repeat(16)}`, qr: squares(), expires: this.now + expires * 1000 } };
  }

  private devices(): Device[] {
    const linking = this.linking ?? linkingDevice(this.screen);
    const there = devices(this.now);
    if (linking) return [...there, linking];
    if (this.screen === 'arriving') return there.map((device) => (device.id === 'b' ? { ...device, contacts: { told: 6, total: 8 }, history: { told: 412, total: 1042 } } : { ...device, heard: null }));
    return this.screen === 'devices-many' || this.screen === 'devices-news' ? there : [];
  }

  private page(contact: number, at: Extract<Request, { kind: 'page' }>['at'], count: number): Page {
    const talk = this.talk(contact);
    const total = talk.length;
    let position = Math.max(0, total - count);
    if (at.kind === 'position') position = Math.min(at.position, total);
    if (at.kind === 'unseen') {
      const unseen = talk.filter((one) => !one.mine).slice(-(this.find(contact)?.unread ?? 0));
      for (const one of unseen) one.state = 'delivered';
      position = Math.max(0, Math.min(talk.findIndex((one) => one.id === unseen[0]?.id) - Math.floor(count / 2), total - count));
    }
    if (at.kind === 'around') position = Math.max(0, talk.findIndex((one) => one.id === at.message) - Math.floor(count / 2));
    return { total, position, messages: talk.slice(position, position + count) };
  }

  private talk(contact: number): Message[] {
    let talk = this.talks.get(contact);
    if (!talk) {
      const length = contact === 7 ? LONG : contact === 5 || contact === 6 ? 3 : 0;
      talk = Array.from({ length }, (_, index) => {
        const ago = (length - index) * 37 + (index % 3 === 0 ? 0 : 35);
        return this.message(contact, index, { ago, mine: index % 5 < 2, text: SENTENCES[(index * 5) % SENTENCES.length] ?? '' });
      });
      if (contact === 5) talk.push(this.message(5, 90, { ago: 55, mine: true, text: 'Did you get my letter?', state: 'expired' }), this.message(5, 91, { ago: 9, mine: true, text: 'I will write again when this works.', state: 'waiting' }));
      this.talks.set(contact, talk);
    }
    return talk;
  }

  private message(contact: number, index: number, said: Said): Message {
    const mine = said.mine ?? false;
    const file = said.file;
    const target = said.answers === undefined ? undefined : this.talkSoFar(said.answers);
    return {
      id: `${contact}-${index}`,
      mine,
      sent: this.now - said.ago * MINUTE,
      body: said.deleted ? { kind: 'deleted' } : { kind: 'text', text: said.text ?? '' },
      state: said.state ?? 'read',
      replyTo: target ? { id: `${contact}-${said.answers}`, mine: target.mine ?? false, body: { kind: 'text', text: target.text ?? '' } } : null,
      edited: said.edited ?? false,
      reactions: (said.felt ?? []).map(([own, emoji]) => ({ mine: own, emoji })),
      attachment: file ? { id: contact * 1000 + index, name: file.name, mediaType: file.mediaType, size: file.size, state: file.state, done: file.done ?? (file.state === 'complete' ? 1 : 0), total: file.state === 'complete' ? 1 : 58 } : null,
      preview: said.preview ?? null,
      disappears: null,
    };
  }

  private talkSoFar(index: number): Said | undefined {
    return TALK.en.length === 0 ? undefined : { ago: 0, text: (document.documentElement.lang === 'ar' ? TALK.ar : TALK.en)[index]?.text ?? '' };
  }

  private people(language: 'en' | 'ar'): Contact[] {
    const contact = (id: number, more: Partial<Contact>): Contact => ({
      id,
      name: NAMES[language][id - 1] ?? '',
      state: 'established',
      verified: false,
      unread: 0,
      draft: '',
      disappearing: null,
      receipts: true,
      picture: PICTURED.has(id) ? 1 : null,
      pinned: id === 3,
      muted: id === 7,
      archived: id === 6,
      server: 'https://home.harbour.example',
      needsCard: false,
      waiting: 0,
      held: null,
      restored: null,
      refusedAnother: null,
      restoring: null,
      fromHome: null,
      pqSince: this.now - 47 * MINUTE,
      last: null,
      ...more,
    });
    const last = (id: number, ago: number, mine = false): NonNullable<Contact['last']> => ({ id: `${id}-last`, mine, sent: this.now - ago * MINUTE, state: mine ? 'read' : 'delivered', body: { kind: 'text', text: LASTS[language][id - 1] ?? '' }, file: null });
    const first = this.talk(1);
    const newest = first[first.length - 1];
    return [
      contact(1, { verified: true, last: newest ? { ...newest, file: null } : null }),
      contact(2, { unread: 3, last: last(2, 26), ...hindered(this.screen, this.now) }),
      contact(3, { last: last(3, 600, true), verified: true, server: 'https://kith.linden.example' }),
      contact(4, { state: 'invited', server: null }),
      contact(5, { needsCard: true, last: last(5, 2 * 1440) }),
      contact(8, { draft: language === 'ar' ? 'مرحبًا ميرا، كنت أفكر' : 'Dear Mira, I was thinking', disappearing: 86_400 }),
      contact(7, { unread: 120, last: { ...last(7, 4 * 1440), body: { kind: 'text', text: SENTENCES[2] ?? '' } } }),
      contact(6, { state: 'blocked', last: last(6, 40 * 1440) }),
    ];
  }

  private find(contact: number): Contact | undefined {
    return this.contacts.find((one) => one.id === contact);
  }

  private change(contact: number, to: Partial<Contact>): void {
    this.contacts = this.contacts.map((one) => (one.id === contact ? { ...one, ...to } : one));
    queueMicrotask(() => this.tell({ kind: 'contact', contact }));
  }

  private put(contact: number, id: string, to: Partial<Message>): Message {
    const talk = this.talk(contact);
    const index = talk.findIndex((one) => one.id === id);
    const before = talk[index];
    if (!before) throw new RecordedFailure({ code: 'unknown_message', detail: '' });
    return (talk[index] = { ...before, ...to });
  }

  private further(contact: number, message: Message, state: Message['state']): void {
    this.put(contact, message.id, { state });
    this.tell({ kind: 'message_state', contact, message: message.id, state });
  }
}

/** Something of the size and texture of a card's QR code; no reader reads it. */
function squares() {
  const size = 85;
  let seed = 7;
  const next = () => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  const eye = (x: number, y: number) => [[0, 0], [size - 7, 0], [0, size - 7]].find(([left = 0, top = 0]) => x >= left - 1 && x <= left + 7 && y >= top - 1 && y <= top + 7);
  let modules = '';
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const at = eye(x, y);
      const ring = at ? Math.max(Math.abs(x - (at[0] ?? 0) - 3), Math.abs(y - (at[1] ?? 0) - 3)) : -1;
      modules += at ? (ring === 3 || ring <= 1 ? '1' : '0') : next() < 0.48 ? '1' : '0';
    }
  }
  return { size, modules };
}


/** Somebody who speaks for four seconds, as far as a wave shows it. */
function sound(): ArrayBuffer {
  const rate = 8000;
  const samples = Int16Array.from({ length: 4 * rate }, (_, at) => {
    const loud = Math.abs(Math.sin((at / rate) * 2.3) * Math.sin((at / rate) * 9.1));
    return Math.sin(at * 0.35) * loud * 20_000;
  });
  const head = new DataView(new ArrayBuffer(44));
  [[0, 0x52494646], [8, 0x57415645], [12, 0x666d7420], [36, 0x64617461]].forEach(([at = 0, name = 0]) => head.setUint32(at, name));
  [[4, 36 + samples.byteLength], [16, 16], [24, rate], [28, 2 * rate], [40, samples.byteLength]].forEach(([at = 0, value = 0]) => head.setUint32(at, value, true));
  [[20, 1], [22, 1], [32, 2], [34, 16]].forEach(([at = 0, value = 0]) => head.setUint16(at, value, true));
  const whole = new Uint8Array(44 + samples.byteLength);
  whole.set(new Uint8Array(head.buffer));
  whole.set(new Uint8Array(samples.buffer), 44);
  return whole.buffer;
}

/** A picture, drawn: a table in the evening. */
function picture(): Promise<ArrayBuffer> {
  const canvas = document.createElement('canvas');
  canvas.width = 900;
  canvas.height = 600;
  const on = canvas.getContext('2d');
  if (on) {
    const sky = on.createLinearGradient(0, 0, 0, 600);
    sky.addColorStop(0, '#2f4858');
    sky.addColorStop(1, '#e9a66b');
    on.fillStyle = sky;
    on.fillRect(0, 0, 900, 600);
    const lamp = on.createRadialGradient(450, 190, 10, 450, 190, 360);
    lamp.addColorStop(0, 'rgba(255, 236, 190, 0.95)');
    lamp.addColorStop(1, 'rgba(255, 236, 190, 0)');
    on.fillStyle = lamp;
    on.fillRect(0, 0, 900, 600);
    on.fillStyle = '#5b3a29';
    on.fillRect(0, 430, 900, 170);
    for (const [x, colour] of [[180, '#f3efe6'], [400, '#c9563c'], [640, '#0f6b5f']] as const) {
      on.fillStyle = colour;
      on.beginPath();
      on.ellipse(x + 60, 440, 80, 26, 0, 0, 7);
      on.fill();
    }
  }
  return new Promise((done) => canvas.toBlob((blob) => done(blob?.arrayBuffer() ?? new ArrayBuffer(0)), 'image/png'));
}
