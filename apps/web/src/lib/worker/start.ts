// Starts the worker. Under Trusted Types only the address of our own worker is one that may be run.

import address from './worker.ts?worker&url';

interface Policy {
  createScriptURL(wanted: string): string;
}

interface PolicyMaker {
  createPolicy(name: string, rules: Policy): Policy;
}

const maker = (globalThis as { trustedTypes?: PolicyMaker }).trustedTypes;

const policy = maker?.createPolicy('kith-worker', {
  createScriptURL: (wanted) => {
    if (wanted !== address) throw new TypeError('only the worker of Kith is started');
    return wanted;
  },
});

export function startWorker(): Worker {
  return new Worker(policy ? policy.createScriptURL(address) : address, { type: 'module', name: 'kith' });
}
