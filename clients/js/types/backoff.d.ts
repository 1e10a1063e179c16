/**
 * How long to wait before connecting again.
 *
 * @module backoff
 */
export type BackoffOptions = {
    /**
     * milliseconds before the first attempt; by default 1000
     */
    firstMs?: number;
    /**
     * longest wait in milliseconds; by default 30 000
     */
    maxMs?: number;
    /**
     * each wait is this many times the one before; by default 2
     */
    factor?: number;
    /**
     * share by which a wait is moved at random, so that clients that lost the same server come back spread out; by default 0.25
     */
    jitter?: number;
    /**
     * from 0 to 1; by default `Math.random`
     */
    random?: () => number;
};
export type Wait = {
    /**
     * the number of the attempt that comes after it, from 1
     */
    attempt: number;
    /**
     * its length in milliseconds
     */
    delayMs: number;
    /**
     * its end, as `Date.now()` counts
     */
    until: number;
    /**
     * ends it early
     */
    now: () => void;
};
export type ReconnectOptions = {
    backoff?: Backoff;
    /**
     * gives up: the returned promise rejects with its reason
     */
    signal?: AbortSignal;
    /**
     * is called before each wait
     */
    onWait?: (wait: Wait) => void;
    /**
     * whether to go on after this error; by default always
     */
    retry?: (error: any) => boolean;
};
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
export declare class Backoff {
    #private;
    /** @param {BackoffOptions} [options] */
    constructor({ firstMs, maxMs, factor, jitter, random }?: BackoffOptions);
    /** @returns {number} attempts since the last {@link reset} */
    get attempt(): number;
    /** Counts one more attempt. @returns {number} milliseconds to wait before it */
    next(): number;
    /** Call when a connection works again. */
    reset(): void;
}
/**
 * Calls `attempt` until it succeeds, waiting before each time, and longer each time.
 *
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {ReconnectOptions} [options]
 * @returns {Promise<T>} what the attempt that succeeded returned
 */
export declare function reconnect<T>(attempt: () => Promise<T>, { backoff, signal, onWait, retry }?: ReconnectOptions): Promise<T>;
