// Starts the worker, and the service worker that keeps the app on this device. Under Trusted Types only these two addresses are ones that
// may be run.

import address from './worker.ts?worker&url';

/** Where the build puts the service worker: at the top, because it answers for everything below its own place. */
const SERVICE = '/service-worker.js';

interface Policy {
  createScriptURL(wanted: string): string;
}

interface PolicyMaker {
  createPolicy(name: string, rules: Policy): Policy;
}

const maker = (globalThis as { trustedTypes?: PolicyMaker }).trustedTypes;

const policy = maker?.createPolicy('kith-worker', {
  createScriptURL: (wanted) => {
    if (wanted !== address && wanted !== SERVICE) throw new TypeError('only the programs of Kith are started');
    return wanted;
  },
});

export function startWorker(): Worker {
  return new Worker(allowed(address), { type: 'module', name: 'kith' });
}

/** Registers the service worker; nothing of it comes from the browser's cache. */
export function startService(service: ServiceWorkerContainer): Promise<ServiceWorkerRegistration> {
  return service.register(allowed(SERVICE), { scope: '/', updateViaCache: 'none' });
}

function allowed(wanted: string): string {
  return policy ? policy.createScriptURL(wanted) : wanted;
}
