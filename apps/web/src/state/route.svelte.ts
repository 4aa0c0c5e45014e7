// Which screen is shown. Each is an entry of the browser's history, so that the phone's own back gesture is the way back; the address
// stays the same, and an entry holds numbers only, never a name or a text.

/** A screen. */
export type Place =
  | { at: 'list' }
  | { at: 'conversation'; contact: number; around?: string }
  | { at: 'contact'; contact: number }
  | { at: 'verify'; contact: number }
  | { at: 'meet'; side: 'give' | 'take'; again?: number }
  | { at: 'settings' }
  | { at: 'devices' }
  | { at: 'link' }
  | { at: 'backup' }
  | { at: 'phrase' };

interface Entry {
  place: Place;
  /** How many of our own entries are before this one. */
  depth: number;
}

/** Where one comes from, if one came from nowhere. */
export function above(place: Place): Place {
  switch (place.at) {
    case 'contact':
      return { at: 'conversation', contact: place.contact };
    case 'verify':
      return { at: 'contact', contact: place.contact };
    case 'devices':
    case 'backup':
      return { at: 'settings' };
    case 'link':
      return { at: 'devices' };
    case 'phrase':
      return { at: 'backup' };
    default:
      return { at: 'list' };
  }
}

/** The way through the screens. */
export class Route {
  /** What is shown. */
  place = $state.raw<Place>({ at: 'list' });
  private depth = 0;

  /** Takes up where a reload left it, and listens to the browser's back. Returns what stops that. */
  start(): () => void {
    const come = (event: PopStateEvent) => {
      // Back closes what lies on top of a screen before it leaves the screen.
      if (closeTop()) history.pushState(this.entry(), '');
      else this.take(event.state);
    };
    this.take(history.state);
    addEventListener('popstate', come);
    return () => removeEventListener('popstate', come);
  }

  /** Goes to a screen; the way back leads here. */
  go(place: Place): void {
    if (same(place, this.place)) return;
    this.depth += 1;
    this.place = place;
    history.pushState(this.entry(), '');
  }

  /** Shows another screen in place of this one. */
  replace(place: Place): void {
    this.place = place;
    history.replaceState(this.entry(), '');
  }

  /** Goes back to where one came from. */
  back(): void {
    if (this.depth > 0) history.back();
    else this.replace(above(this.place));
  }

  /** Leaves everything behind: Kith was locked. */
  reset(): void {
    this.replace({ at: 'list' });
  }

  private take(state: unknown): void {
    const entry = state as Partial<Entry> | null;
    this.place = entry?.place ?? { at: 'list' };
    this.depth = entry?.depth ?? 0;
  }

  private entry(): Entry {
    return { place: this.place, depth: this.depth };
  }
}

/** Closes the dialog that is on top, as Escape does. Returns whether there was one. */
function closeTop(): boolean {
  const top = [...document.querySelectorAll('dialog')].findLast((dialog) => dialog.open);
  if (!top) return false;
  // Older browsers close it without asking it.
  const close = (top.requestClose as (() => void) | undefined) ?? top.close;
  close.call(top);
  return true;
}

function same(one: Place, other: Place): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
