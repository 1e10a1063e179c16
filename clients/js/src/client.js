/**
 * The client: requests, notifies and pushes on one connection to one frontend server.
 *
 * @module client
 */
import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { ClosedError } from './errors.js';
import { isEvent } from './events.js';
import { withDefaults } from './options.js';
import { MessageType, PackageType, ProtocolError, encodeMessage } from './protocol.js';
import { Requests } from './requests.js';
/**
 * @import { Agreement } from './agreement.js'
 * @import { CloseReason, TimeoutError } from './errors.js'
 * @import { AnyPushes, AnyRoutes, EventName, EventValue, MessageOf, NotifyArguments, RequestArguments, ResponseOf, Route } from './events.js'
 * @import { HandshakeError } from './handshake.js'
 * @import { ClientOptions } from './options.js'
 * @import { ProtobufError } from './protobuf.js'
 * @import { Message } from './protocol.js'
 */

/**
 * @typedef {object} RequestOptions
 * @property {number} [timeoutMs] milliseconds until the response must be here, 0 for as long as the connection lasts; by default the client's `requestTimeoutMs`
 * @property {AbortSignal} [signal] gives up: the returned promise rejects with its reason. The server handles the request all the same
 */

/**
 * One connection to one frontend server.
 *
 * After `close` the same object may connect again, with its listeners; that is a new session to the server.
 *
 * @template {{ [Name in keyof Routes]: Route }} [Routes=AnyRoutes] message and response of each route
 * @template {object} [Pushes=AnyPushes] the body of each push, by its route
 */
export class PomeloClient {
  #options;
  /** @type {Emitter} */
  #emitter = new Emitter();
  #requests = new Requests();
  /** @type {Connection | undefined} */
  #connection;

  /** @param {ClientOptions} [options] */
  constructor(options = {}) {
    this.#options = withDefaults(options);
  }

  /** @returns {boolean} whether requests can be made */
  get connected() {
    return this.#connection?.agreement !== undefined;
  }

  /**
   * Connects, and ends the handshake.
   *
   * @param {string} url `ws://host:port` or `wss://host:port`
   * @param {{ signal?: AbortSignal }} [options] `signal` gives up: the returned promise rejects with its reason
   * @returns {Promise<any>} what the server's handshake hook answered, if it has one
   * @throws {HandshakeError | ClosedError | TimeoutError}
   */
  async connect(url, { signal } = {}) {
    if (this.#connection) throw new Error('already connected: close first');
    signal?.throwIfAborted();
    this.#connection = new Connection(url, this.#options, signal, {
      message: (agreement, message) => this.#message(agreement, message),
      kick: kick => this.#emitter.emit('kick', kick),
      end: (reason, error) => this.#ended(reason, error),
    });
    return this.#connection.opened;
  }

  /** Closes for good; open requests are rejected. Does nothing when closed. */
  close() {
    this.#connection?.end('client');
  }

  /**
   * Sends a message and waits for the response.
   *
   * @template {Extract<keyof Routes, string>} Name
   * @param {Name} route `serverType.handlerName.method`
   * @param {RequestArguments<MessageOf<Routes[Name]>, RequestOptions>} rest the message, by default `{}`, and {@link RequestOptions}
   * @returns {Promise<ResponseOf<Routes[Name]>>} the response's body, whatever `code` it has
   * @throws {ClosedError | TimeoutError | ProtobufError}
   */
  request(route, ...rest) {
    const [message = {}, options = {}] = /** @type {[message?: any, options?: RequestOptions]} */ (rest);
    const { timeoutMs = this.#options.requestTimeoutMs, signal } = options;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const id = this.#requests.nextId();
      this.#send(MessageType.REQUEST, id, route, message);
      this.#requests.add(id, { route, resolve, reject }, { timeoutMs, signal });
    });
  }

  /**
   * Sends what needs no answer.
   *
   * @template {Extract<keyof Routes, string>} Name
   * @param {Name} route
   * @param {NotifyArguments<MessageOf<Routes[Name]>>} rest the message, by default `{}`
   * @throws {ClosedError | ProtobufError}
   */
  notify(route, ...rest) {
    const [message = {}] = /** @type {[message?: any]} */ (rest);
    this.#send(MessageType.NOTIFY, 0, route, message);
  }

  /**
   * Listens to pushes by their route, or to one of these events:
   *
   * - `push` `{route, body}`: every push, also those whose route is the name of an event
   * - `kick` `{reason}`: the server ends the connection; `close` follows
   * - `close` `{reason, error}`: see {@link CloseReason}
   * - `error` an `Error`: a message could not be read and was left out; the connection goes on
   *
   * @template {EventName<Pushes>} Name
   * @param {Name} name
   * @param {(value: EventValue<Pushes, Name>) => void} listener
   * @returns {() => void} takes the listener off again
   */
  on(name, listener) {
    return this.#emitter.on(name, listener);
  }

  /**
   * As {@link on}, for the next one only.
   *
   * @template {EventName<Pushes>} Name
   * @param {Name} name
   * @param {(value: EventValue<Pushes, Name>) => void} listener
   * @returns {() => void}
   */
  once(name, listener) {
    return this.#emitter.once(name, listener);
  }

  /**
   * Takes a listener off.
   *
   * @template {EventName<Pushes>} Name
   * @param {Name} name
   * @param {(value: EventValue<Pushes, Name>) => void} listener
   */
  off(name, listener) {
    this.#emitter.off(name, listener);
  }

  /** @param {Agreement} agreement @param {Message} message */
  #message(agreement, { type, id, route, body }) {
    if (type === MessageType.RESPONSE) this.#response(agreement, id, body);
    else if (type === MessageType.PUSH && route !== undefined) this.#push(agreement, route, body);
  }

  /** @param {Agreement} agreement @param {number} id @param {Uint8Array} body */
  #response(agreement, id, body) {
    const request = this.#requests.take(id);
    if (!request) return; // it timed out
    try {
      request.resolve(agreement.decode(request.route, body));
    } catch (error) {
      request.reject(error);
    }
  }

  /** @param {Agreement} agreement @param {string | number} routeOrCode @param {Uint8Array} bytes */
  #push(agreement, routeOrCode, bytes) {
    const route = agreement.expandRoute(routeOrCode);
    let body;
    try {
      if (route === undefined) throw new ProtocolError(`the dictionary has no code ${routeOrCode}`);
      body = agreement.decode(route, bytes);
    } catch (error) {
      this.#emitter.emit('error', error);
      return;
    }
    this.#emitter.emit('push', { route, body });
    if (!isEvent(route)) this.#emitter.emit(route, body);
  }

  /** @param {number} type @param {number} id @param {string} route @param {any} message */
  #send(type, id, route, message) {
    const agreement = this.#connection?.agreement;
    if (!agreement) throw new ClosedError('connection');
    const bytes = encodeMessage({ type, id, route: agreement.compressRoute(route), body: agreement.encode(route, message) });
    this.#connection?.send(PackageType.DATA, bytes);
  }

  /** @param {CloseReason} reason @param {unknown} error */
  #ended(reason, error) {
    this.#connection = undefined;
    this.#requests.rejectAll(new ClosedError(reason, error));
    this.#emitter.emit('close', { reason, error });
  }
}
