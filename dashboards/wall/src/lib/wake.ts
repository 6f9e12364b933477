/** Keeps the screen of a wall from going dark, where the browser can. `none`: it cannot, and the page works all the same. */

export type WakeState = 'held' | 'lost' | 'none';

export class Wake {
  state: WakeState = 'none';
  #lock: WakeLockSentinel | null = null;

  /** Asks for the lock unless it is held; to be called now and then, a browser drops it when the page was hidden. */
  async keep(): Promise<void> {
    if (this.#lock && !this.#lock.released) return;
    if (!('wakeLock' in navigator) || document.visibilityState !== 'visible') {
      this.state = 'wakeLock' in navigator ? 'lost' : 'none';
      return;
    }
    try {
      this.#lock = await navigator.wakeLock.request('screen');
      this.state = 'held';
    } catch { // forbidden, or the battery is low: the system decides
      this.state = 'lost';
    }
  }

  async drop(): Promise<void> {
    await this.#lock?.release();
    this.#lock = null;
  }
}
