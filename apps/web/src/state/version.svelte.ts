// A newer version of Kith: that it is ready, and the change to it, at which nothing that was typed is lost.

import { followBuilds } from '../lib/builds';

export class Version {
  /** A newer version lies ready. */
  ready = $state(false);
  /** The change to it is under way. */
  changing = $state(false);
  /** This page is of a version that is gone from this device. */
  private isOld = false;
  private goOn: () => boolean = () => false;

  private readonly keep: () => Promise<void>;
  private readonly isBusy: () => boolean;

  /** `keep` stores what was typed; `isBusy` says that something stands on the screen which nothing stores. */
  constructor(keep: () => Promise<void>, isBusy: () => boolean) {
    this.keep = keep;
    this.isBusy = isBusy;
  }

  /** Begins to look for newer versions. A browser that keeps nothing says so by failing, and Kith works without. */
  async follow(): Promise<void> {
    this.goOn = await followBuilds({ ready: () => (this.ready = true), replaced: () => void this.replaced() });
  }

  /** Changes to the newer version. Fails when what was typed cannot be kept; then nothing has changed. */
  async change(): Promise<void> {
    this.changing = true;
    try {
      await this.keep();
      // The page is loaded anew when the newer version has taken over; one that has already is only waiting for that.
      if (this.isOld || !this.goOn()) location.reload();
    } catch (thrown) {
      this.changing = false;
      throw thrown;
    }
  }

  private async replaced(): Promise<void> {
    this.isOld = true;
    if (this.changing) {
      location.reload();
      return;
    }
    // Another tab has changed. What stands on this screen goes first; whoever works on something chooses the time.
    this.ready = true;
    if (!this.isBusy()) await this.change().catch(() => undefined);
  }
}
