/**
 * What client and server agree on before anything else: how often to send heartbeats, short codes for routes, schemas for bodies.
 * The latter two are large and seldom change, hence the versions: a server leaves out what the client says it has.
 *
 * @module handshake
 */
import { Protobuf } from './protobuf.js';

/**
 * @typedef {{getItem(key: string): string | null, setItem(key: string, value: string): void}} Storage `localStorage` is one
 *
 * @typedef {object} Agreement
 * @property {number} heartbeatMs 0: no heartbeats
 * @property {{[route: string]: number}} routeToCode
 * @property {{[code: string]: string}} codeToRoute
 * @property {Protobuf} clientProtos for what we send
 * @property {Protobuf} serverProtos for pushes and, by the request's route, responses
 * @property {any} user whatever the server's handshake hook answered
 */

/** The server refused the handshake: 501 means that it wants another client type or version. */
export class HandshakeError extends Error {
  name = 'HandshakeError';

  /** @param {number} code @param {any} user */
  constructor(code, user) {
    super(`the server refused the handshake with code ${code}`);
    this.code = code;
    this.user = user;
  }
}

/** One handshake with one server. */
export class Handshake {
  #cache;
  #known;

  /** @param {string} url what the cache is kept for @param {Storage} [storage] */
  constructor(url, storage) {
    this.#cache = new Cache(url, storage);
    this.#known = { dictionary: this.#cache.read('dictionary'), protos: this.#cache.read('protos') };
  }

  /** @param {{type: string, version: string, user: any}} client @returns {object} the first package, as JSON */
  request({ type, version, user }) {
    const { dictionary, protos } = this.#known;
    const sys = { type, version, rsa: {} };
    if (dictionary) sys.dictVersion = dictionary.version;
    if (protos) sys.protoVersion = protos.version;
    return { sys, user };
  }

  /** @param {any} reply the server's package, as JSON @returns {Agreement} @throws {HandshakeError} */
  accept(reply) {
    if (reply?.code !== 200) throw new HandshakeError(reply?.code ?? 500, reply?.user);
    const sys = reply.sys ?? {};
    const dictionary = this.#dictionary(sys);
    const protos = this.#protos(sys);
    return {
      heartbeatMs: (sys.heartbeat ?? 0) * 1000,
      ...dictionary,
      clientProtos: new Protobuf(protos.client),
      serverProtos: new Protobuf(protos.server),
      user: reply.user,
    };
  }

  #dictionary(sys) {
    const fresh = sys.routeToCode ?? sys.dict;
    if (fresh && sys.dictVersion) this.#cache.write('dictionary', { version: sys.dictVersion, routeToCode: fresh });
    const routeToCode = fresh ?? (sys.useDict ? this.#known.dictionary?.routeToCode : undefined) ?? {};
    const codeToRoute = Object.fromEntries(Object.entries(routeToCode).map(([route, code]) => [code, route]));
    return { routeToCode, codeToRoute };
  }

  #protos(sys) {
    const fresh = sys.protos;
    if (fresh?.version) this.#cache.write('protos', fresh);
    return fresh ?? (sys.useProto ? this.#known.protos : undefined) ?? {};
  }
}

/** Everything here is optional: a storage may be missing, full, forbidden or hold nonsense. */
class Cache {
  #prefix;
  #storage;

  constructor(url, storage) {
    this.#prefix = `pomelo ${url} `;
    this.#storage = storage;
  }

  read(name) {
    try {
      const value = JSON.parse(this.#storage?.getItem(this.#prefix + name) ?? 'null');
      return value?.version ? value : undefined;
    } catch {
      return undefined;
    }
  }

  write(name, value) {
    try {
      this.#storage?.setItem(this.#prefix + name, JSON.stringify(value));
    } catch {
      // the next handshake carries it again
    }
  }
}
