// Stands between a page and its servers, so that a test can break the line: cut it, freeze it, refuse new ones, put in packages.
// The gate's answer is rewritten to name a proxy of the connector it names.
import { createRequire } from 'node:module';
import { WebSocket, WebSocketServer } from 'ws';

const require = createRequire(import.meta.url);
const { Package, Message } = require('pomelo-protocol');

export class FrontendProxy {
  #server;
  #target;
  #links = new Set();
  #connectors = new Map();
  #refusing = false;
  #frozen = false;

  /** @returns {Promise<FrontendProxy>} a proxy of the gate on a free port of this machine */
  static async start(host, port) {
    const proxy = new FrontendProxy();
    proxy.#target = `ws://${host.includes(':') ? `[${host}]` : host}:${port}`;
    proxy.#server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
    proxy.#server.on('connection', near => proxy.#link(near));
    await new Promise((resolve, reject) => proxy.#server.once('listening', resolve).once('error', reject));
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  /** Breaks all connections without a word of goodbye. */
  cut() {
    for (const { near, far } of this.#links) {
      near.terminate();
      far.terminate();
    }
    for (const proxy of this.#all) proxy.cut();
  }

  /** Breaks all connections towards the clients; the servers don't notice. */
  cutNear() {
    for (const { near } of this.#links) {
      near.removeAllListeners('close');
      near.terminate();
    }
    for (const proxy of this.#all) proxy.cutNear();
  }

  /** While on, new connections are broken at once. */
  refuse(on) {
    this.#refusing = on;
    for (const proxy of this.#all) proxy.refuse(on);
  }

  /** While on, nothing passes, and no end says that it is gone. */
  freeze(on) {
    this.#frozen = on;
    for (const proxy of this.#all) proxy.freeze(on);
  }

  /** Sends bytes to every client as if the server had. */
  inject(bytes) {
    for (const { near } of this.#links) near.send(bytes);
    for (const proxy of this.#all) proxy.inject(bytes);
  }

  close() {
    this.cut();
    this.#server.close();
    for (const proxy of this.#all) proxy.close();
  }

  get #all() {
    return [...this.#connectors.values()];
  }

  #link(near) {
    if (this.#refusing) return near.terminate();
    const far = new WebSocket(this.#target, { perMessageDeflate: false });
    const link = { near, far };
    this.#links.add(link);
    const early = [];
    near.on('message', data => {
      if (this.#frozen) return;
      if (far.readyState === WebSocket.OPEN) far.send(data);
      else early.push(data);
    });
    far.on('open', () => early.forEach(data => far.send(data)));
    far.on('message', async data => {
      const bytes = await this.#rewrite(data);
      if (!this.#frozen) near.send(bytes);
    });
    const end = () => {
      if (this.#frozen) return;
      this.#links.delete(link);
      near.close();
      far.close();
    };
    for (const socket of [near, far]) socket.on('close', end).on('error', end);
  }

  async #rewrite(data) {
    const { type, body } = [Package.decode(data)].flat()[0];
    if (type !== Package.TYPE_DATA) return data;
    const message = Message.decode(body);
    if (message.type !== Message.TYPE_RESPONSE) return data;
    const entry = parse(message.body);
    if (!entry?.host || !entry.port) return data;
    const name = `${entry.host}:${entry.port}`;
    if (!this.#connectors.has(name)) this.#connectors.set(name, await FrontendProxy.start(entry.host, entry.port));
    const answer = { ...entry, host: '127.0.0.1', port: this.#connectors.get(name).port };
    return Package.encode(Package.TYPE_DATA, Message.encode(message.id, message.type, 0, undefined, Buffer.from(JSON.stringify(answer))));
  }
}

function parse(bytes) {
  try {
    return JSON.parse(bytes);
  } catch {
    return undefined;
  }
}
