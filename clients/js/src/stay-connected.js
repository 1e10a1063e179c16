/**
 * Staying connected: entering again whenever the connection is lost.
 *
 * @module stay-connected
 */
import { reconnect } from './backoff.js';
/**
 * @import { ReconnectOptions } from './backoff.js'
 * @import { PomeloClient } from './client.js'
 * @import { Closing } from './events.js'
 */

/**
 * @typedef {object} StayOptions
 * @property {(closing: Closing) => void} [onLost] is called each time that the connection is lost
 */

/**
 * Enters, and enters again each time that the connection is lost. Ends with a kick, with `client.close()` while connected, and
 * at any time with the signal, which also closes the client.
 *
 * @param {PomeloClient<any, any>} client
 * @param {() => Promise<unknown>} enter connects the client, and does what each new session needs
 * @param {StayOptions & ReconnectOptions} [options]
 * @returns {Promise<Closing>} why it is over
 * @throws what the first `enter` throws, or one that `retry` doesn't try again; the signal's reason
 */
export async function stayConnected(client, enter, { onLost, signal, retry = () => true, ...options } = {}) {
  signal?.throwIfAborted();
  /** @type {Closing | undefined} */
  let closing;
  const off = client.on('close', value => (closing = value));
  const close = () => client.close();
  signal?.addEventListener('abort', close);

  const attempt = async () => {
    client.close(); // an attempt that failed halfway
    closing = undefined;
    await enter();
  };
  const mayTryAgain = (/** @type {unknown} */ error) => !isFinal(closing) && retry(error);
  try {
    await attempt();
    for (;;) {
      if (client.connected) await new Promise(resolve => client.once('close', resolve));
      signal?.throwIfAborted();
      if (!closing) throw new Error('enter has not connected the client');
      if (isFinal(closing)) return closing;
      onLost?.(closing);
      await reconnect(attempt, { ...options, signal, retry: mayTryAgain });
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isFinal(closing)) return closing;
    throw error;
  } finally {
    off();
    signal?.removeEventListener('abort', close);
    client.close();
  }
}

/** @param {Closing | undefined} closing @returns {closing is Closing} whether nobody is to come back from it */
const isFinal = closing => closing?.reason === 'kick' || closing?.reason === 'client';
