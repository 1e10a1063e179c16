// A user of the chat service who talks all the time, and keeps a record of what was answered and what was heard.
import { WebSocket } from 'ws';
import { PomeloClient, TimeoutError } from '../../clients/js/src/index.js';
import { PackageType, encodePackage } from '../../clients/js/src/protocol.js';

const TALK_MS = 250;
const HANG_MS = 15_000;
const LIFELINE_MS = 1_000;

const beat = encodePackage(PackageType.HEARTBEAT);

/** A websocket on which a client never misses a heartbeat: for servers that are suspended, not dead. */
class PatientSocket extends WebSocket {
  constructor(url) {
    super(url);
    const timer = setInterval(() => this.onmessage?.({ data: beat.buffer }), LIFELINE_MS);
    this.on('close', () => clearInterval(timer));
  }
}

export class ChatUser {
  #client;
  #timer;
  #said = 0;
  #life = 0;
  /** Of each speaker the highest number heard in this life of its own, and all. */
  #heard = new Map();
  /** Requests of all lives, in order: `{n, at, ms, code}`; `code` is 200, an error's, `hang` or `closed`; without `ms` it is open. */
  requests = [];
  /** What came twice, or not in order. */
  disorder = [];
  /** `{event, user, at}` of each onAdd and onLeave, `{event, reason, at}` of each close. */
  events = [];
  /** When the last push of any kind came. */
  lastPush = 0;

  /** @param {{patient?: boolean}} [options] `patient`: it doesn't give up a server that is silent */
  constructor(name, room, { patient = false } = {}) {
    Object.assign(this, { name, room, patient });
  }

  get connected() {
    return this.#client?.connected ?? false;
  }

  /** Asks the gate for a connector, and enters the room there. */
  async login(gatePort) {
    const gate = new PomeloClient({ WebSocket });
    await gate.connect(`ws://127.0.0.1:${gatePort}`);
    const entry = await gate.request('gate.gateHandler.queryEntry', { uid: this.name });
    gate.close();
    if (entry.code !== 200) throw new Error(`${this.name}: the gate says ${JSON.stringify(entry)}`);
    const client = new PomeloClient({ WebSocket: this.patient ? PatientSocket : WebSocket });
    client.on('push', () => (this.lastPush = Date.now()));
    client.on('onChat', message => this.#hear(message));
    client.on('onAdd', ({ user }) => this.events.push({ event: 'onAdd', user, at: Date.now() }));
    client.on('onLeave', ({ user }) => this.events.push({ event: 'onLeave', user, at: Date.now() }));
    client.on('close', ({ reason }) => this.events.push({ event: 'close', reason, at: Date.now() }));
    await client.connect(`ws://${entry.host}:${entry.port}`);
    this.port = entry.port;
    this.#life++;
    this.#heard = new Map();
    this.#client = client;
    const { users, code } = await client.request('connector.entryHandler.enter', { username: this.name, rid: this.room });
    if (!users) {
      client.close();
      throw new Error(`${this.name} is not let in: ${code}`);
    }
    return users;
  }

  talk() {
    this.#timer ??= setInterval(() => this.connected && this.say(), TALK_MS);
  }

  /** Says the next number to the room. */
  async say() {
    const [n, at] = [++this.#said, Date.now()];
    const request = { n, at, ms: undefined, code: undefined };
    this.requests.push(request);
    try {
      const { code = 200 } = await this.#client.request('chat.chatHandler.send', { content: `${this.#life} ${n}`, target: '*' }, { timeoutMs: HANG_MS });
      request.code = code;
    } catch (error) {
      request.code = error instanceof TimeoutError ? 'hang' : 'closed';
    }
    request.ms = Date.now() - at;
  }

  #hear({ msg, from }) {
    const [life, n] = msg.split(' ').map(Number);
    const heard = this.#heard.get(from) ?? { last: 0, all: new Set() };
    this.#heard.set(from, heard);
    if (n <= heard.last) this.disorder.push({ to: this.name, from, life, n, after: heard.last });
    heard.last = Math.max(n, heard.last);
    heard.all.add(n);
  }

  /** Whether it has heard that number of a user, in this life of its own. */
  hasHeard(from, n) {
    return this.#heard.get(from)?.all.has(n) ?? false;
  }

  /** How many numbers it has said. */
  get said() {
    return this.#said;
  }

  /** What it saw of such an event since a time. */
  seen(event, at) {
    return this.events.filter(one => one.event === event && one.at >= at);
  }

  /** What was asked since a time. */
  since(at) {
    return this.requests.filter(request => request.at >= at);
  }

  close() {
    clearInterval(this.#timer);
    this.#client?.close();
  }
}
