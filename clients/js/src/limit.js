/**
 * A limit to a wait: a time, somebody's signal, or both.
 *
 * @module limit
 */
import { TimeoutError } from './errors.js';

/** Timers take no more; a longer time would be none at all. */
const LONGEST_TIMER_MS = 0x7fffffff;

/**
 * @param {{ timeoutMs: number, signal?: AbortSignal }} limits 0 milliseconds: no limit
 * @param {string} what is missing when the time is over, for the error
 * @param {(error: any) => void} end gets a {@link TimeoutError} or the signal's reason
 * @returns {() => void} takes the limit off
 */
export function limit({ timeoutMs, signal }, what, end) {
  const late = () => end(new TimeoutError(`${what} in ${timeoutMs} ms`));
  const timer = timeoutMs > 0 ? setTimeout(late, Math.min(timeoutMs, LONGEST_TIMER_MS)) : undefined;
  const abort = () => end(signal?.reason);
  signal?.addEventListener('abort', abort);
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  };
}
