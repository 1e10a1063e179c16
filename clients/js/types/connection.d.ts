import type { Agreement } from './agreement.js';
import type { CloseReason } from './errors.js';
import type { Kick } from './events.js';
import type { FilledOptions } from './options.js';
import type { Message } from './protocol.js';
export type Receiver = {
    message: (agreement: Agreement, message: Message) => void;
    /**
     * the end follows
     */
    kick: (kick: Kick) => void;
    /**
     * comes once, and nothing after it
     */
    end: (reason: CloseReason, error: unknown) => void;
};
export declare class Connection {
    #private;
    /** @type {Promise<any>} settles when the handshake is done: what the server's hook answered */
    opened: Promise<any>;
    /**
     * @param {string} url
     * @param {FilledOptions} options
     * @param {AbortSignal | undefined} signal gives up the handshake
     * @param {Receiver} receiver
     */
    constructor(url: string, options: FilledOptions, signal: AbortSignal | undefined, receiver: Receiver);
    /** @returns {Agreement | undefined} nothing before the handshake is done and after the end */
    get agreement(): Agreement | undefined;
    /**
     * One package per frame: pomelo closes on two.
     *
     * @param {number} type
     * @param {Uint8Array} [body]
     */
    send(type: number, body?: Uint8Array): void;
    /**
     * The one way in which a connection ends. Doesn't wait for the websocket's closing handshake: a dead peer never answers it.
     *
     * @param {CloseReason} reason
     * @param {unknown} [error]
     */
    end(reason: CloseReason, error?: unknown): void;
}
