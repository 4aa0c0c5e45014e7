// The line to the worker as the screens know it: whatever speaks the contract. In the app that is worker/kith.ts.

import type { Kith } from './worker/kith';

/** Something that answers requests and tells what happens. */
export type Line = Pick<Kith, 'ask' | 'attach' | 'backUp' | 'chunk' | 'greet' | 'listen'>;
