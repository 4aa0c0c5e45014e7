// Starts the worker. Under Trusted Types only the address of our own worker is one that may be run.

import address from './worker.ts?worker&url';

const policy = globalThis.trustedTypes?.createPolicy('kith-worker', {
  createScriptURL: (wanted) => {
    if (wanted !== address) throw new TypeError('only the worker of Kith is started');
    return wanted;
  },
});

export function startWorker(): Worker {
  const url = policy ? (policy.createScriptURL(address) as unknown as string) : address;
  return new Worker(url, { type: 'module', name: 'kith' });
}
