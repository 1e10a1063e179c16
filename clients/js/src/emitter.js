/**
 * Named events with listeners.
 *
 * @module emitter
 */
export class Emitter {
  #listeners = new Map();

  /**
   * @param {string} name
   * @param {(value: any) => void} listener
   * @returns {() => void} takes the listener off again
   */
  on(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
    return () => this.off(name, listener);
  }

  /** As {@link on}, for the next event only. */
  once(name, listener) {
    const off = this.on(name, value => {
      off();
      listener(value);
    });
    return off;
  }

  /** @param {string} name @param {(value: any) => void} listener */
  off(name, listener) {
    this.#listeners.get(name)?.delete(listener);
  }

  /** What a listener throws reaches the page's error handler and neither the other listeners nor the caller. */
  emit(name, value) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
