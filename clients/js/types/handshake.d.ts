/**
 * The handshake: client and server say who they are, and agree on heartbeats, codes for routes and schemas for bodies. The latter two
 * are large and seldom change, hence the versions: a server leaves out what the client says it has.
 *
 * @module handshake
 */
import { Agreement } from './agreement.js';
import type { FilledOptions } from './options.js';
/** @import { FilledOptions, Storage } from './options.js' */
/** The server refused the handshake: 501 means that it wants another client type or version. */
export declare class HandshakeError extends Error {
    code: number;
    user: any;
    name: string;
    /** @param {number} code @param {any} user whatever the server said beside it */
    constructor(code: number, user: any);
}
/** One handshake with one server. */
export declare class Handshake {
    #private;
    /**
     * @param {string} url what the cache is kept for
     * @param {Pick<FilledOptions, 'type' | 'version' | 'user' | 'storage' | 'codec'>} options
     */
    constructor(url: string, options: Pick<FilledOptions, 'type' | 'version' | 'user' | 'storage' | 'codec'>);
    /** @returns {object} the first package, as JSON */
    request(): object;
    /** @param {any} reply the server's package, as JSON @returns {Agreement} @throws {HandshakeError} */
    accept(reply: any): Agreement;
}
