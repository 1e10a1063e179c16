// A user of the chat service who stays: comes back by itself when its connection ends, as the page does, and notes all that it sees.
import { WebSocket } from 'ws';
import { PomeloClient, reconnect, Backoff } from '../../clients/js/src/index.js';

const TALK_MS = 500;
/** The page waits longer; a test hasn't the time. */
const BACKOFF = { firstMs: 300, maxMs: 1_500 };

export class Resident {
  #gateUrl;
  #client;
  #host;
  #timer;
  #home = new AbortController();
  #heard = new Set();
  /** Names in the room, as the client's list has them. */
  list = [];
  /** `{event, user, at}` of each onAdd and onLeave. */
  moves = [];
  /** `{reason, at}` of each connection that ended without its doing. */
  losses = [];
  /** onAdd of somebody who is there, onLeave of somebody who isn't. */
  oddities = [];
  /** `{at, code}` of each message that it said; `code` is that of an error or `closed`, and missing while none has come. */
  said = [];
  /** The reason, once the server has put it out. */
  kicked;

  /** The gate sends it to the host `home`, as long as the connector there is up. */
  constructor(name, room, gateUrl, home) {
    Object.assign(this, { name, room, home });
    this.#gateUrl = gateUrl;
  }

  /** Whether it is connected with the connector of its name. */
  get isHome() {
    return this.isIn && this.#host === this.home;
  }

  get isIn() {
    return this.#client?.connected ?? false;
  }

  /** Asks the gate, connects and enters; the connection is kept from then on. */
  async arrive() {
    const entry = await this.#askGate();
    const client = this.#newClient();
    const early = [];
    let see = push => early.push(push);
    for (const event of ['onAdd', 'onLeave']) client.on(event, ({ user }) => see({ event, user, at: Date.now() }));
    client.on('onChat', ({ msg, from }) => this.#heard.add(`${from} ${msg}`));
    client.on('onUsers', ({ users }) => (this.list = users));
    let kicked;
    client.on('kick', ({ reason }) => (kicked = reason || 'no reason'));
    try {
      await client.connect(`ws://${entry.host}:${entry.port}`);
      const { users, code } = await client.request('connector.entryHandler.enter', { username: this.name, rid: this.room });
      if (!users) throw new Error(`${this.name} is not let in: ${code}`);
      // Pushes may overtake the answer, whose list is older than they are.
      this.list = users;
      early.forEach(move => this.#take(move));
      see = move => this.#see(move);
      [this.#client, this.#host] = [client, entry.host];
      client.on('close', ({ reason }) => this.#lost(kicked ?? reason, kicked !== undefined));
    } catch (error) {
      client.close();
      throw error;
    }
  }

  async #askGate() {
    const gate = this.#newClient();
    try {
      await gate.connect(this.#gateUrl);
      const entry = await gate.request('gate.gateHandler.queryEntry', { uid: this.name });
      if (entry.code !== 200) throw new Error(`the gate says ${JSON.stringify(entry)}`);
      return entry;
    } finally {
      gate.close();
    }
  }

  #newClient() {
    return new PomeloClient({ WebSocket, connectTimeoutMs: 2_000, requestTimeoutMs: 5_000 });
  }

  #lost(reason, isKick) {
    if (reason === 'client') return;
    this.losses.push({ reason, at: Date.now() });
    this.list = [];
    if (isKick) return void (this.kicked = reason);
    reconnect(() => this.arrive(), { signal: this.#home.signal, backoff: new Backoff(BACKOFF) }).catch(() => {}); // it went home
  }

  #see(move) {
    const { event, user } = move;
    this.moves.push(move);
    if (this.list.includes(user) === (event === 'onAdd')) this.oddities.push(`${this.name}: ${event} ${user}`);
    this.#take(move);
  }

  #take({ event, user }) {
    this.list = this.list.filter(name => name !== user);
    if (event === 'onAdd') this.list.push(user);
  }

  /** Talks all the time. */
  talk() {
    this.#timer = setInterval(() => this.say(`talk ${this.said.length}`), TALK_MS);
  }

  /** Says something to the room; without a connection nothing. */
  async say(msg) {
    if (!this.isIn) return;
    const one = { at: Date.now() };
    this.said.push(one);
    try {
      const { code = 200 } = await this.#client.request('chat.chatHandler.send', { content: msg, target: '*' });
      one.code = code;
    } catch {
      one.code = 'closed';
    }
  }

  /** Ends the connection, and doesn't come back by itself. */
  leave() {
    this.kicked = undefined;
    this.#client?.close();
  }

  hasHeard(from, msg) {
    return this.#heard.has(`${from} ${msg}`);
  }

  goHome() {
    this.#home.abort();
    clearInterval(this.#timer);
    this.#client?.close();
  }
}
