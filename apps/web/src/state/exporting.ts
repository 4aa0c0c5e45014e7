// A conversation as files for the person: a page to read, and the files that were sent, in one zip. It is readable by everybody who gets it.

import { fullTime, plainDay, timeOfDay } from '../lib/formats';
import { END, head, type Line as Written, lineOf } from '../lib/letter';
import type { Line } from '../lib/line';
import type { Attachment, Contact, Message } from '../lib/worker/contract';
import { type Entry, hasRoom, plainName, zip } from '../lib/zip';
import { directionOf } from '../texts/catalog';
import { toldOf } from './failures';
import { t, words } from './words.svelte';

/** Messages that are asked for at a time. */
const PAGE = 200;
/** How often the messages are read when they change meanwhile. */
const MOST_ATTEMPTS = 8;
/** Room that is left for the page, in bytes. */
const PAGE_BYTES = 512 * 1024 * 1024;

/** Says that this is the password, or fails as the worker does. */
export async function checkPassword(line: Line, password: string): Promise<void> {
  await line.ask({ kind: 'check_password', password });
}

/** Makes the zip file of a conversation. `told` hears how many messages are done, of how many. */
export async function exported(line: Line, contact: Contact, withFiles: boolean, told: (done: number, total: number) => void): Promise<Blob> {
  const name = contact.name || t('unnamed');
  const page: string[] = [head(plainly(t('talk.with', { name })), words.locale, directionOf(words.language))];
  const files = new Files(line);
  let before: Written | null = null;
  const messages = await gathered(line, contact);
  for (const [index, message] of messages.entries()) {
    const written = writtenOf(message, name, withFiles ? await files.take(message.attachment) : NOT_ASKED);
    page.push(lineOf(written, before));
    before = written;
    told(index + 1, messages.length);
  }
  page.push(END);
  return zip([{ name: 'conversation.html', content: new Blob(page, { type: 'text/html' }) }, ...files.taken], new Date());
}

/** Reads all messages. When some came or went meanwhile, places have moved, and it begins again; at last each is there at most once. */
async function gathered(line: Line, contact: Contact): Promise<Message[]> {
  for (let attempt = 1; ; attempt += 1) {
    const found = new Map<string, Message>();
    const totals = new Set<number>();
    for (let position = 0; ; ) {
      const { page } = await line.ask({ kind: 'page', contact: contact.id, at: { kind: 'position', position }, count: PAGE });
      for (const message of page.messages) found.set(message.id, message);
      totals.add(page.total);
      position += page.messages.length;
      if (page.messages.length === 0 || position >= page.total) break;
    }
    if (totals.size <= 1 || attempt === MOST_ATTEMPTS) return [...found.values()];
  }
}

function writtenOf(message: Message, name: string, taken: Taken): Written {
  const text = message.body.kind === 'text' ? message.body.text : t(message.body.kind === 'deleted' ? 'message.deleted' : 'message.newer');
  const { preview } = message;
  const about = preview ? `[${[preview.title, preview.description].filter(Boolean).join(' · ')}]` : '';
  const notes = [message.edited ? t('message.edited') : '', ...message.reactions.map((one) => one.emoji)];
  return {
    day: plainDay(words.locale, localDay(message.sent)),
    time: message.sent > 0 ? timeOfDay(words.locale, message.sent) : fullTime(words.locale, message.sent),
    who: message.mine ? t('you') : name,
    mine: message.mine,
    text: [text, about].filter(Boolean).join('\n'),
    note: notes.filter(Boolean).join(' '),
    file: message.attachment ? { name: message.attachment.name, ...taken } : null,
  };
}

/** The person's own day as midnight in Greenwich, as plain days are written. */
function localDay(at: number): number {
  const day = new Date(at);
  return Date.UTC(day.getFullYear(), day.getMonth(), day.getDate());
}

/** Where a file lies beside the page, or why it does not. */
type Taken = { path: string | null; missing: string };

const NOT_ASKED: Taken = { path: null, missing: '' };

/** The files of a conversation, as many as there is room for. */
class Files {
  readonly taken: Entry[] = [];
  private readonly line: Line;
  private bytes = 0;

  constructor(line: Line) {
    this.line = line;
  }

  /** Puts a file that is here whole among the others. */
  async take(attachment: Attachment | null): Promise<Taken> {
    if (attachment?.state !== 'complete') return NOT_ASKED;
    // The page has its room, too.
    if (!hasRoom(this.taken.length, this.bytes + PAGE_BYTES, attachment.size)) return { path: null, missing: t('export.no_room') };
    const content = await this.read(attachment);
    if (!content) return { path: null, missing: t('export.not_whole') };
    const name = `files/${plainName(this.taken.length + 1, attachment.name)}`;
    this.taken.push({ name, content });
    this.bytes += content.size;
    return { path: name, missing: '' };
  }

  /** Its bytes, or nothing when it is another one than was promised, or has gone meanwhile: the others go on. */
  private async read(attachment: Attachment): Promise<Blob | null> {
    const pieces: ArrayBuffer[] = [];
    try {
      for (let index = 0; index < attachment.total; index += 1) pieces.push(await this.line.chunk(attachment.id, index));
    } catch (thrown) {
      if (toldOf(thrown).code === 'unknown_attachment') return null;
      throw thrown;
    }
    return new Blob(pieces);
  }
}

/** Names are kept to themselves in texts by signs that no file needs. */
function plainly(text: string): string {
  return text.replace(/[\u2066-\u2069]/g, '');
}
