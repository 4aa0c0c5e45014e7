// For how long no device of the contact has confirmed what the home server took: whoever wrote it may want to ask in another way. More is not
// known: they may be away, have lost their device, or have forgotten or blocked whoever wrote it, or a server holds something back.

import type { Message } from './worker/contract';

const DAY = 24 * 60 * 60 * 1000;
/** Days for which one tick says enough: most people are online within a week. */
const PATIENCE = 7;

/** Returns for how many days a message has waited to be confirmed; nothing while that is no news. */
export function daysUnconfirmed(message: Pick<Message, 'mine' | 'state' | 'sent'>, now: number): number | null {
  if (!message.mine || message.state !== 'accepted') return null;
  const days = Math.floor((now - message.sent) / DAY);
  return days >= PATIENCE ? days : null;
}
