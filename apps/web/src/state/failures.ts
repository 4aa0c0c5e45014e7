// What to say when something was not done: one text for each code of the contract.

import type { FailureCode } from '../lib/worker/contract';
import type { TextKey } from '../texts/catalog';

/** A failure as people are told it. */
export interface Told {
  key: TextKey;
  code: FailureCode;
  /** For the curious. */
  detail: string;
}

/** Returns what to say about anything that was thrown. */
export function toldOf(thrown: unknown): Told {
  const code = codeOf(thrown) ?? 'internal';
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return { key: `error.${code}`, code, detail };
}

/** Whether the detail of words that are no recovery phrase names the place of one, or how many there are, and does not only repeat the text. */
export function saysMore({ detail }: Told): boolean {
  return !detail.startsWith('these 24 words');
}

// By its shape and not its class: whoever speaks the contract may make its own.
function codeOf(thrown: unknown): FailureCode | null {
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return null;
  return thrown.code as FailureCode;
}
