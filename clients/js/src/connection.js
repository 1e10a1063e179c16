/**
 * A connection: one websocket from its handshake to its end, with heartbeats.
 *
 * @module connection
 */
import { ClosedError } from './errors.js';
import { Handshake } from './handshake.js';
import { Heartbeat } from './heartbeat.js';
import { limit } from './limit.js';
import { PackageType, ProtocolError, decodeJson, decodeMessage, decodePackages, encodeJson, encodePackage } from './protocol.js';
/**
 * @import { Agreement } from './agreement.js'
 * @import { CloseReason } from './errors.js'
 * @import { Kick } from './events.js'
 * @import { FilledOptions, Socket } from './options.js'
 * @import { Message } from './protocol.js'
 */

/**
 * Who is told what comes.
 *
 * @typedef {object} Receiver
 * @property {(agreement: Agreement, message: Message) => void} message
 * @property {(kick: Kick) => void} kick the end follows
 * @property {(reason: CloseReason, error: unknown) => void} end comes once, and nothing after it
 */

/** The websocket code of a server that clients should come back to. */
const SERVICE_RESTART = 1012;

export class Connection {
  #socket;
  #handshake;
  #receiver;
  /** @type {{ resolve: (user: any) => void, reject: (error: any) => void, takeLimitOff: () => void } | undefined} */
  #opening;
  /** @type {Agreement | undefined} */
  #agreement;
  /** @type {Heartbeat | undefined} */
  #heartbeat;
  #ended = false;

  /**
   * @param {string} url
   * @param {FilledOptions} options
   * @param {AbortSignal | undefined} signal gives up the handshake
   * @param {Receiver} receiver
   */
  constructor(url, options, signal, receiver) {
    this.#receiver = receiver;
    this.#handshake = new Handshake(url, options);
    this.#socket = this.#open(url, options.WebSocket);
    /** @type {Promise<any>} settles when the handshake is done: what the server's hook answered */
    this.opened = new Promise((resolve, reject) => {
      const limits = { timeoutMs: options.connectTimeoutMs, signal };
      const giveUp = (/** @type {any} */ error) => this.end(signal?.aborted ? 'client' : 'handshake', error);
      this.#opening = { resolve, reject, takeLimitOff: limit(limits, `no handshake with ${url}`, giveUp) };
    });
  }

  /** @returns {Agreement | undefined} nothing before the handshake is done and after the end */
  get agreement() {
    return this.#agreement;
  }

  /**
   * One package per frame: pomelo closes on two.
   *
   * @param {number} type
   * @param {Uint8Array} [body]
   */
  send(type, body) {
    this.#socket.send(encodePackage(type, body));
  }

  /**
   * The one way in which a connection ends. Doesn't wait for the websocket's closing handshake: a dead peer never answers it.
   *
   * @param {CloseReason} reason
   * @param {unknown} [error]
   */
  end(reason, error) {
    if (this.#ended) return;
    this.#ended = true;
    this.#agreement = undefined;
    this.#heartbeat?.stop();
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {}; // ws throws where nobody listens
    socket.close();
    this.#opening?.takeLimitOff();
    const ownWill = reason === 'handshake' || reason === 'client';
    this.#opening?.reject(ownWill && error !== undefined ? error : new ClosedError(reason, error));
    this.#receiver.end(reason, error);
  }

  /** @param {string} url @param {FilledOptions['WebSocket']} WebSocket @returns {Socket} */
  #open(url, WebSocket) {
    if (!WebSocket) throw new TypeError("there is no WebSocket here: give the option WebSocket, such as that of npm's ws");
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.send(PackageType.HANDSHAKE, encodeJson(this.#handshake.request()));
    socket.onmessage = event => this.#frame(event.data);
    socket.onclose = event =>
      this.end(event.code === SERVICE_RESTART ? 'restart' : 'connection', new Error(`websocket code ${event.code}`));
    socket.onerror = () => {}; // onclose follows and tells as much
    return socket;
  }

  /** @param {unknown} data */
  #frame(data) {
    try {
      if (!(data instanceof ArrayBuffer)) throw new ProtocolError('a frame is not binary');
      for (const { type, body } of decodePackages(new Uint8Array(data))) {
        this.#heartbeat?.seen();
        this.#package(type, body);
        if (this.#ended) return; // by what it said
      }
    } catch (error) {
      this.end('protocol', error);
    }
  }

  /** @param {number} type @param {Uint8Array} body */
  #package(type, body) {
    switch (type) {
      case PackageType.HANDSHAKE:
        return this.#accept(decodeJson(body));
      case PackageType.HEARTBEAT:
        return this.#heartbeat?.received();
      case PackageType.DATA:
        return this.#message(decodeMessage(body));
      case PackageType.KICK:
        this.#receiver.kick(kickOf(body));
        return this.end('kick');
      default:
        return undefined;
    }
  }

  /** @param {any} reply to the handshake */
  #accept(reply) {
    if (!this.#opening) return;
    let agreement;
    try {
      agreement = this.#handshake.accept(reply);
    } catch (error) {
      this.end('handshake', error);
      return;
    }
    const { resolve, takeLimitOff } = this.#opening;
    takeLimitOff();
    this.#opening = undefined;
    this.#agreement = agreement;
    const beat = () => this.send(PackageType.HEARTBEAT);
    this.#heartbeat = new Heartbeat(agreement.heartbeatMs, { beat, dead: () => this.end('heartbeat') });
    this.send(PackageType.HANDSHAKE_ACK);
    resolve(agreement.user);
  }

  /** @param {Message} message */
  #message(message) {
    if (this.#agreement) this.#receiver.message(this.#agreement, message);
  }
}

/** @param {Uint8Array} body @returns {Kick} */
function kickOf(body) {
  try {
    return { reason: String(decodeJson(body)?.reason ?? '') };
  } catch {
    return { reason: '' };
  }
}
