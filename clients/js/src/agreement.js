/**
 * What client and server agreed on in the handshake: short codes for routes, and how bodies are written.
 *
 * @module agreement
 */
import { Protobuf } from './protobuf.js';
/** @import { Codec } from './options.js' */
/** @import { Schemas } from './protobuf.js' */

export class Agreement {
  #routeToCode;
  #codeToRoute;
  #clientProtos;
  #serverProtos;
  #codec;

  /**
   * @param {object} agreed
   * @param {number} agreed.heartbeatMs 0: no heartbeats
   * @param {any} agreed.user whatever the server's handshake hook answered
   * @param {{ [route: string]: number }} agreed.routeToCode
   * @param {{ client?: Schemas, server?: Schemas }} agreed.protos `client` for what we send; `server` for pushes and, by the request's route, responses
   * @param {Codec} agreed.codec for routes without a schema
   */
  constructor({ heartbeatMs, user, routeToCode, protos, codec }) {
    this.heartbeatMs = heartbeatMs;
    this.user = user;
    this.#routeToCode = new Map(Object.entries(routeToCode));
    this.#codeToRoute = new Map(Object.entries(routeToCode).map(([route, code]) => [code, route]));
    this.#clientProtos = new Protobuf(protos.client);
    this.#serverProtos = new Protobuf(protos.server);
    this.#codec = codec;
  }

  /** @param {string} route @returns {string | number} its code, or itself if it has none */
  compressRoute(route) {
    return this.#routeToCode.get(route) ?? route;
  }

  /** @param {string | number} route a code or a route @returns {string | undefined} the route; nothing for a code that there isn't */
  expandRoute(route) {
    return typeof route === 'number' ? this.#codeToRoute.get(route) : route;
  }

  /** @param {string} route @param {any} message @returns {Uint8Array} bytes are a body as they are */
  encode(route, message) {
    if (message instanceof Uint8Array) return message;
    return this.#clientProtos.has(route) ? this.#clientProtos.encode(route, message) : this.#codec.encode(message);
  }

  /** @param {string} route @param {Uint8Array} body @returns {any} */
  decode(route, body) {
    return this.#serverProtos.has(route) ? this.#serverProtos.decode(route, body) : this.#codec.decode(body);
  }
}
