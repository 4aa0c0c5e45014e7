// What nobody needs to begin with, and wants without a network, too: it comes when somebody is there and the browser has nothing else to do.

import { readsCodes } from './scan';
import type { Language } from '../texts/catalog';

/** Has the emoji of a language kept on this device, and what reads codes where the browser does not: as the build calls their files. */
export async function keepLater(language: Language): Promise<void> {
  const service = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;
  // Where it costs, it comes when it is wanted.
  if (!service || !import.meta.env.PROD || savesData()) return;
  const { active } = await service.ready;
  await idle();
  const codes = (await readsCodes()) ? [] : ['codes'];
  active?.postMessage({ keep: ['emoji-groups', `emoji-${language}`, ...codes] });
}

function savesData(): boolean {
  return (navigator as { connection?: { saveData?: boolean } }).connection?.saveData === true;
}

/** Until the browser has nothing to do; one that does not tell gets a moment. */
function idle(): Promise<unknown> {
  return new Promise((done) => ('requestIdleCallback' in globalThis ? requestIdleCallback(done) : setTimeout(done, PAUSE_MS)));
}

const PAUSE_MS = 5000;
