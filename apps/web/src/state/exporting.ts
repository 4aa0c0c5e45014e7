// A conversation as files for the person: a page to read, and the files that were sent, in one zip. It is readable by everybody who gets it.

import { fullTime, plainDay, timeOfDay } from '../lib/formats';
import { END, head, type Line as Written, lineOf } from '../lib/letter';
import type { Line } from '../lib/line';
import type { Attachment, Contact, Message } from '../lib/worker/contract';
import { type Entry, plainName, zip } from '../lib/zip';
import { directionOf } from '../texts/catalog';
import { t, words } from './words.svelte';

/** Messages that are asked for at a time. */
const PAGE = 200;

/** Says that this is the password, or fails as the worker does. */
export async function checkPassword(line: Line, password: string): Promise<void> {
  await line.ask({ kind: 'check_password', password });
}

/** Makes the zip file of a conversation. `told` hears how many messages are done, of how many. */
export async function exported(line: Line, contact: Contact, withFiles: boolean, told: (done: number, total: number) => void): Promise<Blob> {
  const name = contact.name || t('unnamed');
  const title = t('talk.with', { name });
  const page: string[] = [head(plainly(title), words.locale, directionOf(words.language))];
  const files: Entry[] = [];
  let before: Written | null = null;
  let position = 0;
  for (;;) {
    const { page: window } = await line.ask({ kind: 'page', contact: contact.id, at: { kind: 'position', position }, count: PAGE });
    for (const message of window.messages) {
      const path = withFiles ? await fileOf(line, message.attachment, files) : null;
      const written = writtenOf(message, name, path);
      page.push(lineOf(written, before));
      before = written;
    }
    position += window.messages.length;
    told(position, window.total);
    if (window.messages.length === 0 || position >= window.total) break;
  }
  page.push(END);
  return zip([{ name: 'conversation.html', content: new Blob(page, { type: 'text/html' }) }, ...files], new Date());
}

function writtenOf(message: Message, name: string, path: string | null): Written {
  const text = message.body.kind === 'text' ? message.body.text : t(message.body.kind === 'deleted' ? 'message.deleted' : 'message.newer');
  const notes = [message.edited ? t('message.edited') : '', ...message.reactions.map((one) => one.emoji)];
  return {
    day: plainDay(words.locale, localDay(message.sent)),
    time: message.sent > 0 ? timeOfDay(words.locale, message.sent) : fullTime(words.locale, message.sent),
    who: message.mine ? t('you') : name,
    mine: message.mine,
    text,
    note: notes.filter(Boolean).join(' '),
    file: message.attachment ? { name: message.attachment.name, path } : null,
  };
}

/** The person's own day as midnight in Greenwich, as plain days are written. */
function localDay(at: number): number {
  const day = new Date(at);
  return Date.UTC(day.getFullYear(), day.getMonth(), day.getDate());
}

/** Puts a file that is here whole among the others, and returns where. */
async function fileOf(line: Line, attachment: Attachment | null, files: Entry[]): Promise<string | null> {
  if (attachment?.state !== 'complete') return null;
  const pieces: ArrayBuffer[] = [];
  for (let index = 0; index < attachment.total; index += 1) pieces.push(await line.chunk(attachment.id, index));
  const name = `files/${plainName(files.length + 1, attachment.name)}`;
  files.push({ name, content: new Blob(pieces) });
  return name;
}

/** Names are kept to themselves in texts by signs that no file needs. */
function plainly(text: string): string {
  return text.replace(/[\u2066-\u2069]/g, '');
}
