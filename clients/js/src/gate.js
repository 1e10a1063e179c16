/**
 * Asking a gate: the server that tells each client which connector to take.
 *
 * @module gate
 */
import { PomeloClient } from './client.js';
/** @import { ClientOptions } from './options.js' */

/** The gate has no connector for us. */
export class GateError extends Error {
  name = 'GateError';

  /** @param {any} answer the gate's */
  constructor(answer) {
    super(`the gate named no connector (code ${answer?.code})`);
    this.answer = answer;
  }
}

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
export async function askGate(gateUrl, message, { client: options, route = 'gate.gateHandler.queryEntry', localHost, signal } = {}) {
  const gate = new PomeloClient(options);
  try {
    await gate.connect(gateUrl, { signal });
    const answer = await gate.request(route, message, { signal });
    if ((answer?.code ?? 200) !== 200 || !answer?.host || !answer.port) throw new GateError(answer);
    const { protocol, hostname } = new URL(gateUrl);
    return urlOf(protocol, isLoopback(answer.host) ? (localHost ?? hostname) : answer.host, answer.port);
  } finally {
    gate.close();
  }
}

/** @param {string} host @returns {boolean} whether it is an address of the machine that says it */
export function isLoopback(host) {
  const bare = String(host)
    .replace(/^\[|\]$/g, '')
    .toLowerCase();
  return bare === 'localhost' || bare === '::1' || bare === '0.0.0.0' || bare === '::' || /^127\.\d+\.\d+\.\d+$/.test(bare);
}

/** @param {string} protocol with its colon @param {string} host @param {number | string} port */
function urlOf(protocol, host, port) {
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return `${protocol}//${bracketed}:${port}`;
}
