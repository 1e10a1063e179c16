/**
 * The heartbeats of a connection.
 *
 * @module heartbeat
 */

/**
 * Keeps a connection alive and notices when it is dead: answers the server's heartbeat one interval later,
 * and gives up when nothing at all has come for two intervals.
 */
export class Heartbeat {
  #intervalMs;
  #beat;
  #dead;
  #lastSeen = Date.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #beatTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #deadTimer;

  /**
   * @param {number} intervalMs 0: do nothing, ever
   * @param {{ beat: () => void, dead: () => void }} actions send a heartbeat; the connection is dead
   */
  constructor(intervalMs, { beat, dead }) {
    this.#intervalMs = intervalMs;
    this.#beat = beat;
    this.#dead = dead;
    this.#watch();
  }

  /** Something came from the server. */
  seen() {
    this.#lastSeen = Date.now();
  }

  /** A heartbeat came. Timers set here, and not in a timer, also run on time in a background tab. */
  received() {
    if (this.#intervalMs === 0) return;
    this.#watch();
    this.#beatTimer ??= setTimeout(() => {
      this.#beatTimer = undefined;
      this.#beat();
    }, this.#intervalMs);
  }

  /** No more timers. */
  stop() {
    this.#intervalMs = 0;
    clearTimeout(this.#beatTimer);
    clearTimeout(this.#deadTimer);
  }

  #watch() {
    clearTimeout(this.#deadTimer);
    if (this.#intervalMs === 0) return;
    const leftMs = this.#lastSeen + 2 * this.#intervalMs - Date.now();
    const look = () => (Date.now() < this.#lastSeen + 2 * this.#intervalMs ? this.#watch() : this.#dead());
    this.#deadTimer = setTimeout(look, Math.max(leftMs, 1));
  }
}
