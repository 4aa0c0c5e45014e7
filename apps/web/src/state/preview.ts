// What a message says in one line, for lists and quotes.

import { isVoiceNote } from '../lib/recording';
import type { LastMessage, Message, MessageBody } from '../lib/worker/contract';
import { t } from './words.svelte';

/** A body in one line. */
export function bodyLine(body: MessageBody, mine: boolean): string {
  switch (body.kind) {
    case 'text':
      return body.text.replace(/\s+/g, ' ').trim();
    case 'deleted':
      return mine ? t('message.deleted.you') : t('message.deleted');
    case 'newer_version':
      return t('message.newer');
  }
}

/** A message in one line: its words, else the name of its file. */
export function messageLine(message: Message): string {
  return bodyLine(message.body, message.mine) || fileLine(message.attachment?.name ?? '');
}

/** The newest message of a conversation in one line. */
export function lastLine(last: LastMessage): string {
  return bodyLine(last.body, last.mine) || fileLine(last.file ?? '');
}

function fileLine(name: string): string {
  return isVoiceNote(name) ? t('voice.note') : name;
}
