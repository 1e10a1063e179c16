/**
 * How long to wait before connecting again.
 *
 * @module backoff
 */

/**
 * @typedef {object} BackoffOptions
 * @property {number} [firstMs] milliseconds before the first attempt; by default 1000
 * @property {number} [maxMs] longest wait in milliseconds; by default 30 000
 * @property {number} [factor] each wait is this many times the one before; by default 2
 * @property {number} [jitter] share by which a wait is moved at random, so that clients that lost the same server come back spread out; by default 0.25
 * @property {() => number} [random] from 0 to 1; by default `Math.random`
 */

/**
 * @typedef {object} Wait
 * @property {number} attempt the number of the attempt that comes after it, from 1
 * @property {number} delayMs its length in milliseconds
 * @property {number} until its end, as `Date.now()` counts
 * @property {() => void} now ends it early
 */

/**
 * @typedef {object} ReconnectOptions
 * @property {Backoff} [backoff]
 * @property {AbortSignal} [signal] gives up: the returned promise rejects with its reason
 * @property {(wait: Wait) => void} [onWait] is called before each wait
 * @property {(error: any) => boolean} [retry] whether to go on after this error; by default always
 */

/** Waits that grow with each attempt. */
export class Backoff {
  #options;
  #attempt = 0;

  /** @param {BackoffOptions} [options] */
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
 * Calls `attempt` until it succeeds, waiting before each time, and longer each time.
 *
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {ReconnectOptions} [options]
 * @returns {Promise<T>} what the attempt that succeeded returned
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

/**
 * @param {Backoff} backoff
 * @param {AbortSignal} [signal]
 * @param {(wait: Wait) => void} [onWait]
 * @returns {Promise<void>}
 */
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
