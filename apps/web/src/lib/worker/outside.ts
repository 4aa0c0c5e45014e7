// What can be seen of the storage without the engine, which takes longest to come: whether there is anything to be unlocked.

import type { State } from './contract';

/** Where kith-vault keeps the few small files without which nobody is here (`folder/browser.rs`). */
const FOLDER = 'kith';
const PAPERS = 'papers';

/** Whether somebody is here, to be unlocked, or nobody; null where a browser does not let us look. The engine has the last word. */
export async function seenFromOutside(): Promise<Extract<State, { kind: 'nobody' | 'locked' }> | null> {
  try {
    const storage = await navigator.storage.getDirectory();
    const folder = await storage.getDirectoryHandle(FOLDER);
    const papers = await (await folder.getFileHandle(PAPERS)).getFile();
    return { kind: papers.size > 0 ? 'locked' : 'nobody' };
  } catch (error) {
    // Nothing was ever kept. A browser that keeps nothing at all has not said that.
    return error instanceof DOMException && error.name === 'NotFoundError' ? { kind: 'nobody' } : null;
  }
}
