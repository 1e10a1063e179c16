// A server that says what a test tells it to, for what the chat service never does: nested protobuf, refused handshakes, nonsense.
import { createRequire } from 'node:module';
import { WebSocketServer } from 'ws';

const require = createRequire(import.meta.url);
const { Package, Message } = require('pomelo-protocol');

export class ScriptedServer {
  #server;
  handshakes = [];
  acks = 0;
  heartbeats = 0;
  messages = [];
  socket;

  /** @param {(handshake: object) => object} answer to a handshake; nothing: none */
  static async start(answer) {
    const scripted = new ScriptedServer();
    scripted.#server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    scripted.#server.on('connection', socket => {
      scripted.socket = socket;
      socket.on('message', data => scripted.#package(Package.decode(data), answer));
    });
    await new Promise(resolve => scripted.#server.once('listening', resolve));
    return scripted;
  }

  get url() {
    return `ws://127.0.0.1:${this.#server.address().port}`;
  }

  send(...packages) {
    this.socket.send(Buffer.concat(packages));
  }

  close() {
    this.socket?.terminate();
    this.#server.close();
  }

  #package({ type, body }, answer) {
    if (type === Package.TYPE_HANDSHAKE_ACK) this.acks++;
    if (type === Package.TYPE_HEARTBEAT) this.heartbeats++;
    if (type === Package.TYPE_DATA) this.messages.push(Message.decode(body));
    if (type !== Package.TYPE_HANDSHAKE) return;
    const request = JSON.parse(body);
    this.handshakes.push(request);
    const reply = answer(request);
    if (reply) this.send(Package.encode(Package.TYPE_HANDSHAKE, Buffer.from(JSON.stringify(reply))));
  }
}

export const heartbeat = () => Package.encode(Package.TYPE_HEARTBEAT);
export const kick = body => Package.encode(Package.TYPE_KICK, Buffer.from(body));
export const push = (route, body) => data(0, Message.TYPE_PUSH, route, body);
export const response = (id, body) => data(id, Message.TYPE_RESPONSE, undefined, body);

function data(id, type, route, body) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  return Package.encode(Package.TYPE_DATA, Message.encode(id, type, typeof route === 'number' ? 1 : 0, route, bytes));
}
