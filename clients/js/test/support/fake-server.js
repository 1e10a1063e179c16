// A server in memory: the class of the sockets that clients open to it, and what they sent.
import {
  MessageType,
  PackageType,
  decodeJson,
  decodeMessage,
  decodePackages,
  encodeJson,
  encodeMessage,
  encodePackage,
} from '../../src/protocol.js';

const noAnswer = Symbol('no answer');

export class FakeServer {
  /** What comes back on a route: `(message, url) => response`. Where there is nothing, no response comes. */
  handlers = {};
  /** The reply to a handshake; nothing for none. */
  reply = () => ({ code: 200, sys: { heartbeat: 0 } });
  handshakes = [];
  messages = [];
  sockets = [];

  constructor({ handlers = {}, reply } = {}) {
    this.handlers = handlers;
    if (reply) this.reply = reply;
    const server = this;
    this.WebSocket = class {
      closed = false;

      constructor(url) {
        this.url = url;
        server.sockets.push(this);
        queueMicrotask(() => (server.refuses ? this.drop() : this.onopen?.()));
      }

      send(bytes) {
        if (this.closed) throw new Error('sent on a closed socket');
        for (const { type, body } of decodePackages(bytes)) server.#package(this, type, body);
      }

      close() {
        this.closed = true;
      }

      /** Gives packages to the client, in one frame. */
      receive(...packages) {
        this.onmessage?.({ data: Uint8Array.from(packages.flatMap(bytes => [...bytes])).buffer });
      }

      /** The connection breaks. */
      drop(code = 1006) {
        this.closed = true;
        this.onclose?.({ code });
      }
    };
  }

  /** The latest connection. */
  get socket() {
    return this.sockets.at(-1);
  }

  #package(socket, type, body) {
    if (type === PackageType.HANDSHAKE) {
      this.handshakes.push(decodeJson(body));
      const reply = this.reply(this.handshakes.at(-1));
      if (reply) queueMicrotask(() => socket.receive(encodePackage(PackageType.HANDSHAKE, encodeJson(reply))));
    }
    if (type !== PackageType.DATA) return;
    const message = decodeMessage(body);
    this.messages.push(message);
    const handler = this.handlers[message.route];
    const answer = handler ? handler(decodeJson(message.body), socket.url) : noAnswer;
    if (answer !== noAnswer) queueMicrotask(() => socket.receive(response(message.id, answer)));
  }
}

export const response = (id, body) => data(MessageType.RESPONSE, id, undefined, body);
export const push = (route, body) => data(MessageType.PUSH, 0, route, body);
export const kick = reason => encodePackage(PackageType.KICK, encodeJson({ reason }));

/** Bytes are a body as they are. */
function data(type, id, route, body) {
  const bytes = body instanceof Uint8Array ? body : encodeJson(body);
  return encodePackage(PackageType.DATA, encodeMessage({ type, id, route, body: bytes }));
}
