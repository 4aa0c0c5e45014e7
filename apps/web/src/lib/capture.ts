// What cameras and microphones have in common: why a browser gives none, and what is called by what they make.

/** Why a browser gives no camera or no microphone. */
export type Refused = 'denied' | 'none';

/** What it means that a browser has refused. */
export function refusalOf(thrown: unknown): Refused {
  return thrown instanceof DOMException && (thrown.name === 'NotAllowedError' || thrown.name === 'SecurityError') ? 'denied' : 'none';
}

/** A name that tells two files apart and nobody when or where they were made. */
export function quietName(what: 'picture' | 'voice', ending: string): string {
  const number = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
  return `${what}-${number.toString(16).padStart(4, '0')}.${ending}`;
}
