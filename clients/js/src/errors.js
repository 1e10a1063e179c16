/**
 * Errors of a connection and of what waits on it.
 *
 * @module errors
 */

/**
 * Why a connection is over, as `reason` of the `close` event and of {@link ClosedError}:
 * `client` we closed it, `kick` the server did and said why, `heartbeat` nothing came for too long,
 * `handshake` it was refused or took too long, `protocol` the server sent nonsense, `connection` it broke or the server closed it,
 * `restart` the server stops, or has lost what it knew of us. After all but `client` and `kick` a client may connect again.
 *
 * @typedef {'client' | 'kick' | 'heartbeat' | 'handshake' | 'protocol' | 'connection' | 'restart'} CloseReason
 */

/** The connection is over, so there will be no answer. */
export class ClosedError extends Error {
  name = 'ClosedError';

  /**
   * @param {CloseReason} reason
   * @param {unknown} [cause]
   */
  constructor(reason, cause) {
    super(`the connection is closed (${reason})`, cause === undefined ? undefined : { cause });
    /** @type {CloseReason} */
    this.reason = reason;
  }
}

/** No answer came in time. The connection may still be good. */
export class TimeoutError extends Error {
  name = 'TimeoutError';
}
