// What gives this page away: a home server, or a program on the person's own machine.

/** Where home servers say what they are. */
const WELL_KNOWN = '/.well-known/kith';

/** Whether the page comes from a home server. Only an answer that there is none counts: without a network it is taken for one. */
export async function isHomeServer(): Promise<boolean> {
  try {
    return (await fetch(WELL_KNOWN, { credentials: 'omit', cache: 'no-store' })).status !== 404;
  } catch {
    return true;
  }
}
