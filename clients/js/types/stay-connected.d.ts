import type { ReconnectOptions } from './backoff.js';
import type { PomeloClient } from './client.js';
import type { Closing } from './events.js';
export type StayOptions = {
    /**
     * is called each time that the connection is lost
     */
    onLost?: (closing: Closing) => void;
};
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
export declare function stayConnected(client: PomeloClient<any, any>, enter: () => Promise<unknown>, { onLost, signal, retry, ...options }?: StayOptions & ReconnectOptions): Promise<Closing>;
