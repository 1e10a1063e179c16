/**
 * How long to wait before connecting again.
 *
 * @module backoff
 */
export class Backoff {
  #options;
  #attempt = 0;

  /**
   * @param {object} [options]
   * @param {number} [options.firstMs] wait before the first attempt
   * @param {number} [options.maxMs] longest wait
   * @param {number} [options.factor] each wait is this many times the one before
   * @param {number} [options.jitter] share by which a wait is moved at random, so that clients that lost the same server come back spread out
   * @param {() => number} [options.random] from 0 to 1
   */
  constructor({ firstMs = 1000, maxMs = 30_000, factor = 2, jitter = 0.25, random = Math.random } = {}) {
    this.#options = { firstMs, maxMs, factor, jitter, random };
  }

  /** @returns {number} attempts since the last {@link reset} */
  get attempt() {
    return this.#attempt;
  }

  /** Counts one more attempt. @returns {number} milliseconds to wait before it */
  next() {
    const { firstMs, maxMs, factor, jitter, random } = this.#options;
    const delayMs = Math.min(maxMs, firstMs * factor ** this.#attempt++);
    return Math.round(delayMs * (1 + jitter * (2 * random() - 1)));
  }

  /** Call when a connection works again. */
  reset() {
    this.#attempt = 0;
  }
}

/**
 * Calls `attempt` until it succeeds, waiting longer each time.
 *
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {object} [options]
 * @param {Backoff} [options.backoff]
 * @param {AbortSignal} [options.signal] gives up: the returned promise rejects with its reason
 * @param {(wait: {attempt: number, delayMs: number, until: number, now: () => void}) => void} [options.onWait]
 *   before each wait; `until` is a time of `Date.now()`, `now()` ends the wait early
 * @param {(error: any) => boolean} [options.retry] whether to go on after this error; by default always
 * @returns {Promise<T>}
 */
export async function reconnect(attempt, { backoff = new Backoff(), signal, onWait, retry = () => true } = {}) {
  for (;;) {
    await wait(backoff, signal, onWait);
    signal?.throwIfAborted();
    try {
      const result = await attempt();
      backoff.reset();
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      if (!retry(error)) throw error;
    }
  }
}

function wait(backoff, signal, onWait) {
  const delayMs = backoff.next();
  return new Promise(resolve => {
    const timer = setTimeout(now, delayMs);
    signal?.addEventListener('abort', now);
    function now() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', now);
      resolve();
    }
    if (signal?.aborted) now();
    else onWait?.({ attempt: backoff.attempt, delayMs, until: Date.now() + delayMs, now });
  });
}
