/**
 * The options of a client, with their defaults.
 *
 * @module options
 */
import { decodeJson, encodeJson } from './protocol.js';

/**
 * `localStorage` is one.
 *
 * @typedef {object} Storage
 * @property {(key: string) => string | null} getItem
 * @property {(key: string, value: string) => void} setItem
 */

/**
 * How bodies are written where no schema of the server says so.
 *
 * @typedef {object} Codec
 * @property {(message: any) => Uint8Array} encode
 * @property {(body: Uint8Array) => any} decode
 */

/**
 * What a client needs of a websocket: that of browsers and of Node 22 and that of npm's ws have it.
 *
 * @typedef {object} Socket
 * @property {string} binaryType
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 * @property {(bytes: any) => void} send
 * @property {() => void} close
 */

/**
 * @typedef {object} ClientOptions
 * @property {new (url: string) => Socket} [WebSocket] by default the global one, which Node 20 lacks
 * @property {Storage} [storage] keeps dictionary and schemas, so that servers needn't send them again; by default none
 * @property {string} [type] what a server may check clients by, with `version`; by default `js-websocket`
 * @property {string} [version] by default `0.0.1`
 * @property {any} [user] what the server's handshake hook gets; by default `{}`
 * @property {number} [connectTimeoutMs] milliseconds until the handshake is done; by default 10 000, 0 for no limit
 * @property {number} [requestTimeoutMs] milliseconds until a request is answered; by default 10 000, 0 for as long as the connection lasts
 * @property {Codec} [codec] by default JSON
 */

/** @typedef {Omit<Required<ClientOptions>, 'storage' | 'WebSocket'> & Pick<ClientOptions, 'storage' | 'WebSocket'>} FilledOptions */

/** @type {Codec} */
const JSON_CODEC = { encode: encodeJson, decode: decodeJson };

/** @type {Omit<FilledOptions, 'storage' | 'WebSocket'>} */
export const DEFAULTS = {
  type: 'js-websocket',
  version: '0.0.1',
  user: {},
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  codec: JSON_CODEC,
};

/** @param {ClientOptions} options those that are `undefined` are as if they weren't there @returns {FilledOptions} */
export function withDefaults(options) {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { WebSocket: globalThis.WebSocket, ...DEFAULTS, ...given };
}
