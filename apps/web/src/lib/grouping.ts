// How messages stand together: a new day gets a separator, and one writer's messages within five minutes make a group.

import type { Message } from './worker/contract';
import { daysAgo } from './formats';

/** How long a group may last, in milliseconds. */
const GROUP_MS = 5 * 60 * 1000;

/** What a message needs to know of its neighbours. */
export interface Place {
  /** Whether a day begins here. */
  newDay: boolean;
  /** Whether it is the first of its group. */
  first: boolean;
  /** Whether it is the last of its group, which shows time and ticks. */
  last: boolean;
}

type Told = Pick<Message, 'mine' | 'sent'>;

/** Says how a message stands between its neighbours; a neighbour that is not there, or not loaded, ends the group. */
export function placeOf(before: Told | undefined, message: Told, after: Told | undefined): Place {
  return {
    newDay: !before || daysAgo(before.sent, message.sent) !== 0,
    first: !before || !together(before, message),
    last: !after || !together(message, after),
  };
}

function together(earlier: Told, later: Told): boolean {
  return (
    earlier.mine === later.mine &&
    Math.abs(later.sent - earlier.sent) < GROUP_MS &&
    daysAgo(earlier.sent, later.sent) === 0
  );
}
