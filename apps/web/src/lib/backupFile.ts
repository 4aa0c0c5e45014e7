// Where a backup is kept: in a file that the person has chosen, which grows, where the browser can write files; else in one that is
// downloaded, whole each time.

import { download } from './download';

/** What the browser's own file dialogs give; not in every browser. */
interface Pickers {
  showSaveFilePicker?: (options: object) => Promise<FileSystemFileHandle>;
  showOpenFilePicker?: (options: object) => Promise<FileSystemFileHandle[]>;
}

const pickers = globalThis as Pickers;
const TYPES = [{ description: 'Kith', accept: { 'application/octet-stream': ['.kith'] } }];

/** Whether a backup that lies somewhere can be added to. */
export function canGrow(): boolean {
  return pickers.showSaveFilePicker !== undefined && pickers.showOpenFilePicker !== undefined;
}

/** A file's name without anything that tells whose it is. */
export function backupName(now: number): string {
  return `kith-backup-${new Date(now).toISOString().slice(0, 10)}.kith`;
}

/** Asks where a new backup shall lie. None when the person closed the dialog, `download` when the browser only downloads. */
export async function chooseNew(now: number): Promise<FileSystemFileHandle | 'download' | null> {
  if (!pickers.showSaveFilePicker) return 'download';
  return unlessClosed(pickers.showSaveFilePicker({ suggestedName: backupName(now), types: TYPES }));
}

/** Asks which backup shall be added to. */
export async function chooseOld(): Promise<FileSystemFileHandle | null> {
  const chosen = await unlessClosed(pickers.showOpenFilePicker?.({ types: TYPES, multiple: false }) ?? Promise.resolve([]));
  return chosen?.[0] ?? null;
}

/** Puts bytes behind the first `keep` ones of a file. Until the last one is written the file is as it was. */
export async function put(place: FileSystemFileHandle | 'download', keep: number, bytes: ArrayBuffer, now: number): Promise<void> {
  if (place === 'download') return download(new Blob([bytes], { type: 'application/octet-stream' }), backupName(now));
  const writer = await place.createWritable({ keepExistingData: keep > 0 });
  try {
    await writer.truncate(keep);
    await writer.write({ type: 'write', position: keep, data: bytes });
  } catch (error) {
    await writer.abort().catch(() => undefined);
    throw error;
  }
  await writer.close();
}

async function unlessClosed<Chosen>(asked: Promise<Chosen>): Promise<Chosen | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return null;
    throw error;
  }
}
