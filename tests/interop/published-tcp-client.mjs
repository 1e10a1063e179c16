// The published client for raw TCP, pomelo-node-tcp-client 0.1.5, helped from outside where it can't work on a current Node or
// with a current pomelo. Its files are unchanged; each repair below says what would happen without it.
import { createRequire } from 'node:module';
import { Socket } from 'node:net';

process.noDeprecation = true; // it makes buffers with `new Buffer`
const require = createRequire(import.meta.url);

// It writes unsigned bytes as signed ones, which Node refuses from 128 on: no non-ASCII text could be sent or received.
const bytearray = require('bytearray');
bytearray.writeByte = (buffer, value, offset = buffer.position ?? 0) => {
  buffer[offset] = value & 0xff;
  buffer.position = offset + 1;
};

const Pomelo = require('pomelo-node-tcp-client');
const protobuf = require('pomelo-node-tcp-client/src/libs/protobuf.js');

// It looks for `encoderProtos` where the server sends `client`, so it would take every body for JSON; and it hands the whole message
// to the decoder, flag and route included, instead of the body. Schemas of one server serve all clients of this process.
const initProtobuf = protobuf.init;
protobuf.init = protos => initProtobuf({ encoderProtos: protos?.client, decoderProtos: protos?.server });
const decodeProtobuf = protobuf.decode;
protobuf.decode = (route, message) => {
  const isPush = ((message[0] >> 1) & 0x07) === 3;
  const [bodyAt, name] = !isPush ? [message.position, route] : message[0] & 1 ? [3, codeToRoute[route]] : [2 + message[1], route];
  // a compressed route also shifts the JSON that it would read next
  return decodeProtobuf(name, message.subarray(bodyAt)) ?? (message[0] & 1 && isPush ? JSON.parse(message.subarray(bodyAt)) : null);
};
let codeToRoute = {};

const HEAD_BYTES = 4;
const TYPE_HEARTBEAT = 3;
const TYPE_DATA = 4;
const TYPE_KICK = 5;

export class PublishedTcpClient {
  name;
  packages = [];
  pushes = [];
  kick;
  closed = false;
  #pomelo = new Pomelo();
  #rest = Buffer.alloc(0);

  constructor(name) {
    this.name = name;
    this.#pomelo.consoleLogs = false;
    // It takes one chunk of the stream for one package: what follows in the same chunk would be lost, a part of one would throw.
    // After a kick it would loop for ever. So it gets whole packages one by one, and no kicks.
    const onData = this.#pomelo.onData;
    this.#pomelo.onData = chunk => this.#frame(chunk, bytes => onData.call(this.#pomelo, bytes));
    this.#pomelo.onClose = () => (this.closed = true);
  }

  /** @returns {Promise<object>} the server's handshake */
  connect(host, port) {
    return new Promise((resolve, reject) => {
      this.#pomelo.onError = reject;
      this.#pomelo.init(host, port, {}, reply => {
        if (reply.sys?.codeToRoute) codeToRoute = reply.sys.codeToRoute;
        resolve(reply);
      });
    });
  }

  /** A push without a listener makes it throw; it knows compressed routes by their number only. */
  listen(...routes) {
    for (const route of routes) {
      const listener = body => this.pushes.push({ route, body });
      this.#pomelo.on(route, listener);
      for (const [code, name] of Object.entries(codeToRoute)) if (name === route) this.#pomelo.on(code, listener);
    }
  }

  request(route, message) {
    return new Promise(resolve => this.#pomelo.request(route, message, resolve));
  }

  got(route) {
    return this.pushes.filter(p => p.route === route).map(p => p.body);
  }

  heartbeats() {
    return this.packages.filter(p => p.type === TYPE_HEARTBEAT).length;
  }

  data() {
    return this.packages.filter(p => p.type === TYPE_DATA).map(p => p.body);
  }

  /** Its own `disconnect` looks for a property that sockets don't have, and leaves them open. */
  disconnect() {
    if (this.#pomelo._socket instanceof Socket) this.#pomelo._socket.destroy();
    this.#pomelo.socketSend = () => {}; // its heartbeat timer goes on
  }

  #frame(chunk, deliver) {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.#rest.readUIntBE(1, 3);
      if (this.#rest.length < end) return;
      const bytes = Buffer.from(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
      const [type, body] = [bytes[0], bytes.subarray(HEAD_BYTES)];
      this.packages.push({ type, body });
      if (type === TYPE_KICK) this.kick = JSON.parse(body);
      else deliver(bytes);
    }
  }
}
