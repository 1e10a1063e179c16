/**
 * The handshake: client and server say who they are, and agree on heartbeats, codes for routes and schemas for bodies. The latter two
 * are large and seldom change, hence the versions: a server leaves out what the client says it has.
 *
 * @module handshake
 */
import { Agreement } from './agreement.js';
/** @import { FilledOptions, Storage } from './options.js' */

/** The server refused the handshake: 501 means that it wants another client type or version. */
export class HandshakeError extends Error {
  name = 'HandshakeError';

  /** @param {number} code @param {any} user whatever the server said beside it */
  constructor(code, user) {
    super(`the server refused the handshake with code ${code}`);
    this.code = code;
    this.user = user;
  }
}

/** One handshake with one server. */
export class Handshake {
  #options;
  #cache;
  #known;

  /**
   * @param {string} url what the cache is kept for
   * @param {Pick<FilledOptions, 'type' | 'version' | 'user' | 'storage' | 'codec'>} options
   */
  constructor(url, options) {
    this.#options = options;
    this.#cache = new Cache(url, options.storage);
    this.#known = { dictionary: this.#cache.read('dictionary'), protos: this.#cache.read('protos') };
  }

  /** @returns {object} the first package, as JSON */
  request() {
    const { type, version, user } = this.#options;
    const { dictionary, protos } = this.#known;
    return { sys: { type, version, rsa: {}, dictVersion: dictionary?.version, protoVersion: protos?.version }, user };
  }

  /** @param {any} reply the server's package, as JSON @returns {Agreement} @throws {HandshakeError} */
  accept(reply) {
    if (reply?.code !== 200) throw new HandshakeError(reply?.code ?? 500, reply?.user);
    const sys = reply.sys ?? {};
    return new Agreement({
      heartbeatMs: (sys.heartbeat ?? 0) * 1000,
      user: reply.user,
      routeToCode: this.#dictionary(sys),
      protos: this.#protos(sys),
      codec: this.#options.codec,
    });
  }

  /** @param {any} sys */
  #dictionary(sys) {
    const fresh = sys.routeToCode ?? sys.dict;
    if (fresh && sys.dictVersion) this.#cache.write('dictionary', { version: sys.dictVersion, routeToCode: fresh });
    return fresh ?? (sys.useDict ? this.#known.dictionary?.routeToCode : undefined) ?? {};
  }

  /** @param {any} sys */
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

  /** @param {string} url @param {Storage} [storage] */
  constructor(url, storage) {
    this.#prefix = `pomelo ${url} `;
    this.#storage = storage;
  }

  /** @param {string} name @returns {any} */
  read(name) {
    try {
      const value = JSON.parse(this.#storage?.getItem(this.#prefix + name) ?? 'null');
      return value?.version ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** @param {string} name @param {any} value */
  write(name, value) {
    try {
      this.#storage?.setItem(this.#prefix + name, JSON.stringify(value));
    } catch {
      // the next handshake carries it again
    }
  }
}
