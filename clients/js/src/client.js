/**
 * A client for pomelo's binary protocol over websocket. No dependencies, no DOM: it runs in browsers and in Node.
 *
 * ```js
 * import { PomeloClient } from './client.js';
 *
 * const client = new PomeloClient({ storage: localStorage });      // in Node 20 add: WebSocket (of the package ws)
 * client.on('onChat', message => console.log(message.from, message.msg));
 * client.on('kick', ({ reason }) => console.log('kicked', reason));
 * client.on('close', ({ reason }) => console.log('closed', reason));
 * await client.connect('ws://127.0.0.1:3050');
 * const { users } = await client.request('connector.entryHandler.enter', { username: 'ann', rid: 'garden' });
 * client.notify('chat.chatHandler.typing', {});
 * client.close();
 * ```
 *
 * A client is one connection. After `close` the same object may connect again, with its listeners; that is a new session
 * to the server. See `backoff.js` for when to do so.
 *
 * @module client
 */
import { Emitter } from './emitter.js';
import { Handshake } from './handshake.js';
import { Heartbeat } from './heartbeat.js';
import {
  MessageType, PackageType, ProtocolError,
  decodeJson, decodeMessage, decodePackages, encodeJson, encodeMessage, encodePackage,
} from './protocol.js';

export { Backoff, reconnect } from './backoff.js';
export { HandshakeError } from './handshake.js';
export { ProtobufError } from './protobuf.js';
export { ProtocolError } from './protocol.js';

/**
 * Why a connection is over, as `reason` of the `close` event and of {@link ClosedError}:
 * `client` we closed it, `kick` the server did and said why, `heartbeat` nothing came for too long,
 * `handshake` it was refused or took too long, `protocol` the server sent nonsense, `connection` it broke or the server closed it,
 * `restart` the server stops, or has lost what it knew of us. After all but `client` and `kick` a client may connect again.
 *
 * @typedef {'client' | 'kick' | 'heartbeat' | 'handshake' | 'protocol' | 'connection' | 'restart'} CloseReason
 */

/** The connection is over, so there will be no answer. */
export class ClosedError extends Error {
  name = 'ClosedError';

  /** @param {CloseReason} reason @param {Error} [cause] */
  constructor(reason, cause) {
    super(`the connection is closed (${reason})`, cause && { cause });
    this.reason = reason;
  }
}

/** No answer came in time. The connection may still be good. */
export class TimeoutError extends Error {
  name = 'TimeoutError';
}

const EVENTS = new Set(['push', 'kick', 'close', 'error']);
const MAX_REQUEST_ID = 0x7fffffff;
/** The websocket code of a server that clients should come back to. */
const SERVICE_RESTART = 1012;

/** One connection to one frontend server. */
export class PomeloClient {
  #options;
  #emitter = new Emitter();
  #socket;
  #opening;
  #agreement;
  #heartbeat;
  #pending = new Map();
  #lastId = 0;

  /**
   * @param {object} [options]
   * @param {typeof globalThis.WebSocket} [options.WebSocket]
   * @param {import('./handshake.js').Storage} [options.storage] keeps dictionary and schemas, so that servers needn't send them again
   * @param {string} [options.type] and `version`: what a server may check clients by
   * @param {string} [options.version]
   * @param {any} [options.user] what the server's handshake hook gets
   * @param {number} [options.connectTimeoutMs]
   * @param {number} [options.requestTimeoutMs]
   */
  constructor(options = {}) {
    this.#options = {
      WebSocket: globalThis.WebSocket, type: 'js-websocket', version: '0.0.1', user: {}, connectTimeoutMs: 10_000, requestTimeoutMs: 10_000, ...options,
    };
  }

  /** @returns {boolean} whether requests can be made */
  get connected() {
    return this.#agreement !== undefined;
  }

  /**
   * @param {string} url `ws://host:port` or `wss://host:port`
   * @returns {Promise<any>} what the server's handshake hook answered, if it has one
   * @throws {import('./handshake.js').HandshakeError | ClosedError}
   */
  connect(url) {
    if (this.#socket) return Promise.reject(new Error('already connected: close first'));
    return new Promise((resolve, reject) => {
      const socket = new this.#options.WebSocket(url);
      const handshake = new Handshake(url, this.#options.storage);
      this.#socket = socket;
      this.#opening = { handshake, resolve, reject, timer: setTimeout(() => this.#end('handshake', new TimeoutError(`no handshake with ${url}`)), this.#options.connectTimeoutMs) };
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => this.#send(PackageType.HANDSHAKE, encodeJson(handshake.request(this.#options)));
      socket.onmessage = event => this.#frame(event.data);
      socket.onclose = event => this.#end(event.code === SERVICE_RESTART ? 'restart' : 'connection', new Error(`websocket code ${event.code}`));
      socket.onerror = () => {}; // onclose follows and tells as much
    });
  }

  /** Closes for good; open requests are rejected. Does nothing when closed. */
  close() {
    this.#end('client');
  }

  /**
   * @param {string} route `serverType.handlerName.method`
   * @param {object} [message]
   * @param {{timeoutMs?: number}} [options] 0: wait as long as the connection lasts
   * @returns {Promise<any>} the response's body, whatever `code` it has
   * @throws {ClosedError | TimeoutError | import('./protobuf.js').ProtobufError}
   */
  request(route, message = {}, { timeoutMs = this.#options.requestTimeoutMs } = {}) {
    return new Promise((resolve, reject) => {
      const id = this.#nextId();
      this.#sendMessage(MessageType.REQUEST, id, route, message);
      const timer = timeoutMs ? setTimeout(() => this.#settle(id)?.reject(new TimeoutError(`no answer to ${route} in ${timeoutMs} ms`)), timeoutMs) : undefined;
      this.#pending.set(id, { route, resolve, reject, timer });
    });
  }

  /**
   * Sends what needs no answer.
   *
   * @param {string} route
   * @param {object} [message]
   * @throws {ClosedError | import('./protobuf.js').ProtobufError}
   */
  notify(route, message = {}) {
    this.#sendMessage(MessageType.NOTIFY, 0, route, message);
  }

  /**
   * Listens to pushes by their route, or to one of these events:
   *
   * - `push` `{route, body}`: every push, also those whose route is the name of an event
   * - `kick` `{reason}`: the server ends the connection; `close` follows
   * - `close` `{reason, error}`: see {@link CloseReason}
   * - `error` an `Error`: a message could not be read and was left out; the connection goes on
   *
   * @param {string} name
   * @param {(value: any) => void} listener
   * @returns {() => void} takes the listener off again
   */
  on(name, listener) {
    return this.#emitter.on(name, listener);
  }

  /** As {@link on}, for the next one only. */
  once(name, listener) {
    return this.#emitter.once(name, listener);
  }

  /** @param {string} name @param {(value: any) => void} listener */
  off(name, listener) {
    this.#emitter.off(name, listener);
  }

  #frame(data) {
    try {
      if (!(data instanceof ArrayBuffer)) throw new ProtocolError('a frame is not binary');
      const socket = this.#socket;
      for (const { type, body } of decodePackages(new Uint8Array(data))) {
        this.#heartbeat?.seen();
        this.#package(type, body);
        if (this.#socket !== socket) return; // closed by what it said
      }
    } catch (error) {
      this.#end('protocol', error);
    }
  }

  #package(type, body) {
    switch (type) {
      case PackageType.HANDSHAKE:
        return this.#handshake(decodeJson(body));
      case PackageType.HEARTBEAT:
        return this.#heartbeat?.received();
      case PackageType.DATA:
        return this.#message(decodeMessage(body));
      case PackageType.KICK:
        this.#emitter.emit('kick', kickOf(body));
        return this.#end('kick');
      default:
        return undefined;
    }
  }

  #handshake(reply) {
    if (!this.#opening) return;
    const { handshake, resolve, timer } = this.#opening;
    let agreement;
    try {
      agreement = handshake.accept(reply);
    } catch (error) {
      this.#end('handshake', error);
      return;
    }
    clearTimeout(timer);
    this.#opening = undefined;
    this.#agreement = agreement;
    this.#heartbeat = new Heartbeat(agreement.heartbeatMs, { beat: () => this.#send(PackageType.HEARTBEAT), dead: () => this.#end('heartbeat') });
    this.#send(PackageType.HANDSHAKE_ACK);
    resolve(agreement.user);
  }

  #message({ type, id, route, body }) {
    if (!this.#agreement) return;
    if (type === MessageType.RESPONSE) this.#response(id, body);
    else if (type === MessageType.PUSH) this.#push(route, body);
  }

  #response(id, body) {
    const request = this.#settle(id);
    if (!request) return; // it timed out
    try {
      request.resolve(this.#decode(request.route, body));
    } catch (error) {
      request.reject(error);
    }
  }

  #push(routeOrCode, bytes) {
    let route = routeOrCode;
    let body;
    try {
      if (typeof route === 'number') route = this.#agreement.codeToRoute[route];
      if (route === undefined) throw new ProtocolError(`the dictionary has no code ${routeOrCode}`);
      body = this.#decode(route, bytes);
    } catch (error) {
      this.#emitter.emit('error', error);
      return;
    }
    this.#emitter.emit('push', { route, body });
    if (!EVENTS.has(route)) this.#emitter.emit(route, body);
  }

  #decode(route, body) {
    const { serverProtos } = this.#agreement;
    return serverProtos.has(route) ? serverProtos.decode(route, body) : decodeJson(body);
  }

  #sendMessage(type, id, route, message) {
    if (!this.#agreement) throw new ClosedError('connection');
    const { clientProtos, routeToCode } = this.#agreement;
    const body = clientProtos.has(route) ? clientProtos.encode(route, message) : encodeJson(message);
    const code = Object.hasOwn(routeToCode, route) ? routeToCode[route] : route;
    this.#send(PackageType.DATA, encodeMessage({ type, id, route: code, body }));
  }

  /** One package per frame: pomelo closes on two. */
  #send(type, body) {
    this.#socket?.send(encodePackage(type, body));
  }

  #nextId() {
    do this.#lastId = (this.#lastId % MAX_REQUEST_ID) + 1;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }

  #settle(id) {
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(request?.timer);
    return request;
  }

  /** The one way in which a connection ends. Doesn't wait for the websocket's closing handshake: a dead peer never answers it. */
  #end(reason, error) {
    const socket = this.#socket;
    if (!socket) return;
    const opening = this.#opening;
    this.#socket = this.#opening = this.#agreement = undefined;
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    clearTimeout(opening?.timer);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {}; // ws throws where nobody listens
    socket.close();

    const closed = new ClosedError(reason, error);
    for (const id of [...this.#pending.keys()]) this.#settle(id).reject(closed);
    opening?.reject(reason === 'handshake' && error ? error : closed);
    this.#emitter.emit('close', { reason, error });
  }
}

function kickOf(body) {
  try {
    return { reason: String(decodeJson(body)?.reason ?? '') };
  } catch {
    return { reason: '' };
  }
}
