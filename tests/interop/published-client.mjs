// The published JavaScript client (pomelo-jsclient-websocket), loaded as a page would load it: each instance in a realm of its own
// that has window, WebSocket, localStorage, console and timers. Nothing in it is changed. All packages are recorded.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import vm from 'node:vm';
import { WebSocket } from 'ws';
import { plain } from './checks.mjs';

const require = createRequire(import.meta.url);
const { Package, Message } = require('pomelo-protocol');

const SOURCES = {
  EventEmitter: 'component-emitter/index.js',
  Protocol: 'pomelo-protocol/lib/protocol.js',
  protobuf: 'pomelo-protobuf/lib/client/protobuf.js',
  pomelo: 'pomelo-jsclient-websocket/lib/pomelo-client.js',
};
const folder = new URL('./node_modules/', import.meta.url);
const bundle = Object.entries(SOURCES).map(([name, path]) => {
  // the last release of the client calls decodeStr, which this release of protobuf calls decode
  const glue = name === 'protobuf' ? 'window.protobuf.decodeStr = window.protobuf.decode;' : '';
  const source = readFileSync(new URL(path, folder), 'utf8');
  return new vm.Script(`window.${name} = (function () { var module = { exports: {} }, exports = module.exports; (function () {\n${source}\n}).call(window); return module.exports; })(); ${glue}`, { filename: path });
});

const EVENTS = ['onChat', 'onAdd', 'onLeave', 'onKick', 'close', 'io-error', 'heartbeat timeout', 'error'];

export class PublishedClient {
  name;
  storage = new Map();
  sockets = [];
  #events = [];
  #window;

  /** @param headers what a browser would send along when it connects, such as cookies */
  constructor(name, headers = {}) {
    this.name = name;
    const client = this;
    class RecordedSocket extends WebSocket {
      packages = [];
      muted = false;

      constructor(url) {
        super(url, { headers });
        client.sockets.push(this);
        this.on('message', (data, isBinary) => this.#record('in', data, isBinary));
      }

      send(data) {
        if (this.muted) return;
        const bytes = Buffer.from(data);
        this.#record('out', bytes, true);
        super.send(bytes);
      }

      #record(direction, bytes, isBinary) {
        const decoded = isBinary ? [Package.decode(Buffer.from(bytes))].flat() : [{ type: 'text' }];
        for (const { type, body } of decoded) this.packages.push({ direction, type, body: Buffer.from(body ?? []) });
      }
    }
    const quiet = () => {};
    const sandbox = {
      WebSocket: RecordedSocket,
      localStorage: { getItem: key => this.storage.get(key) ?? null, setItem: (key, value) => this.storage.set(key, String(value)) },
      console: { log: quiet, info: quiet, warn: quiet, error: quiet },
      setTimeout, clearTimeout,
    };
    sandbox.window = sandbox;
    this.#window = vm.createContext(sandbox);
    for (const script of bundle) script.runInContext(this.#window);
    for (const event of EVENTS) this.#window.pomelo.on(event, value => this.#events.push({ event, value: event === 'io-error' || event === 'close' ? undefined : plain(value) }));
  }

  get socket() {
    return this.sockets.at(-1);
  }

  get closed() {
    return this.socket.readyState === WebSocket.CLOSED;
  }

  /** @param user what the application adds to the handshake */
  connect(host, port, user) {
    return new Promise(resolve => this.#window.pomelo.init({ host, port, user }, resolve));
  }

  /** Requests with a body that the client itself would not write. */
  requestText(route, text) {
    const scope = vm.runInContext('JSON', this.#window);
    const { stringify } = scope;
    scope.stringify = () => text;
    const answer = this.request(route, {});
    scope.stringify = stringify;
    return answer;
  }

  request(route, message) {
    return new Promise(resolve => this.#window.pomelo.request(route, message, answer => resolve(plain(answer))));
  }

  notify(route, message) {
    this.#window.pomelo.notify(route, message);
  }

  disconnect() {
    this.#window.pomelo.disconnect();
  }

  /** What came under this event, oldest first. */
  got(event) {
    return this.#events.filter(e => e.event === event).map(e => e.value);
  }

  /** The JSON of the first handshake package of one socket. */
  handshake(socket, direction) {
    const found = socket.packages.find(p => p.direction === direction && p.type === Package.TYPE_HANDSHAKE);
    return found && JSON.parse(found.body.toString());
  }

  /** The messages of one socket. */
  messages(socket, direction) {
    return socket.packages.filter(p => p.direction === direction && p.type === Package.TYPE_DATA).map(p => Message.decode(p.body));
  }

  /** @returns how many heartbeats one socket has seen. */
  heartbeats(socket, direction) {
    return socket.packages.filter(p => p.direction === direction && p.type === Package.TYPE_HEARTBEAT).length;
  }
}
