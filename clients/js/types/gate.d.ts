import type { ClientOptions } from './options.js';
/** @import { ClientOptions } from './options.js' */
/** The gate has no connector for us. */
export declare class GateError extends Error {
    answer: any;
    name: string;
    /** @param {any} answer the gate's */
    constructor(answer: any);
}
export type GateOptions = {
    /**
     * of the connection to the gate
     */
    client?: ClientOptions;
    /**
     * by default `gate.gateHandler.queryEntry`
     */
    route?: string;
    /**
     * what to take for a connector's host that means "this machine", such as 127.0.0.1; by default the gate's host
     */
    localHost?: string;
    /**
     * gives up: the returned promise rejects with its reason
     */
    signal?: AbortSignal;
};
/**
 * @typedef {object} GateOptions
 * @property {ClientOptions} [client] of the connection to the gate
 * @property {string} [route] by default `gate.gateHandler.queryEntry`
 * @property {string} [localHost] what to take for a connector's host that means "this machine", such as 127.0.0.1; by default the gate's host
 * @property {AbortSignal} [signal] gives up: the returned promise rejects with its reason
 */
/**
 * Asks a gate for a connector, on a connection of its own.
 *
 * @param {string} gateUrl `ws://host:port` or `wss://host:port`
 * @param {any} message such as `{ uid: 'ann' }`; the gate answers `{ code: 200, host, port }`
 * @param {GateOptions} [options]
 * @returns {Promise<string>} the connector's url, of the gate's scheme
 * @throws {GateError | import('./errors.js').ClosedError | import('./errors.js').TimeoutError | import('./handshake.js').HandshakeError}
 */
export declare function askGate(gateUrl: string, message: any, { client: options, route, localHost, signal }?: GateOptions): Promise<string>;
/** @param {string} host @returns {boolean} whether it is an address of the machine that says it */
export declare function isLoopback(host: string): boolean;
