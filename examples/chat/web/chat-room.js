/**
 * One user's place in one room of the chat service: asks the gate for a connector, enters, sends, listens, and comes back
 * when the connection breaks. No DOM.
 *
 * Events:
 * - `state` `{state, attempt, until, cause}`: see {@link State}; `attempt` and `until` (a time of `Date.now()`) while `waiting`;
 *   `cause` is why we are not in, `reload` while it is only that the page is new
 * - `users` `string[]`: who is in the room, ourselves included; empty while we are not
 * - `message` `{from, target, text}`: to all where `target` is {@link EVERYONE}, else a whisper
 * - `added`, `left` `string`: somebody else came or went
 * - `error` `Error`: something came that could not be read
 * - `ended` {@link JoinError}: we are out and will not come back by ourselves
 *
 * @module chat-room
 */
import { Backoff, Emitter, GateError, PomeloClient, askGate, reconnect } from './pomelo.js';

/** The target that means all in the room. */
export const EVERYONE = '*';

/** @typedef {'out' | 'joining' | 'in' | 'waiting' | 'rejoining'} State `waiting` and `rejoining`: the connection was lost */

/** After a broken line the server may take this long to notice that the old session is gone. */
const DUPLICATE_MS = 60_000;

/** Why we are not, or no longer, in the room. */
export class JoinError extends Error {
  name = 'JoinError';

  /**
   * @param {'unreachable' | 'noServer' | 'duplicate' | 'refused' | 'kick'} kind
   * @param {{reason?: string, cause?: Error}} [details] `reason` is the server's, for a kick
   */
  constructor(kind, { reason = '', cause } = {}) {
    super(kind, { cause });
    this.kind = kind;
    this.reason = reason;
  }
}

/** A message that the server did not take. */
export class SendError extends Error {
  name = 'SendError';
}

export class ChatRoom {
  #gateUrl;
  #pageHost;
  #clientOptions;
  #backoffOptions;
  #emitter = new Emitter();
  #state = 'out';
  #client;
  #users = new Set();
  #stay;
  #retryNow = () => {};

  /**
   * @param {object} options
   * @param {string} options.gateUrl `ws://host:port`
   * @param {string} [options.pageHost] stands in for a connector's host that means "this machine"
   * @param {object} [options.client] options of every {@link PomeloClient}
   * @param {object} [options.backoff] options of {@link Backoff}
   */
  constructor({ gateUrl, pageHost = '', client = {}, backoff = {} }) {
    this.#gateUrl = gateUrl;
    this.#pageHost = pageHost;
    this.#clientOptions = client;
    this.#backoffOptions = backoff;
  }

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  /** Our name, and the room's, while not `out`. */
  name = '';
  room = '';

  /** @param {string} event @param {(value: any) => void} listener */
  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  /** @param {string} name @param {string} room @throws {JoinError} and stays out */
  async join(name, room) {
    this.leave();
    const stay = (this.#stay = new AbortController());
    this.name = name;
    this.room = room;
    this.#enterState('joining');
    try {
      await this.#enter(stay.signal);
    } catch (error) {
      if (!stay.signal.aborted) this.#out();
      throw error;
    }
  }

  /**
   * Comes back to where another page, which is gone, was under this name: the server may still hold its session for a moment.
   * Goes on trying, as after a lost connection.
   *
   * @param {string} name @param {string} room
   */
  async comeBack(name, room) {
    this.leave();
    const { signal } = (this.#stay = new AbortController());
    this.name = name;
    this.room = room;
    this.#enterState('rejoining', { cause: 'reload' });
    try {
      await this.#enter(signal);
    } catch (error) {
      if (!signal.aborted) await this.#return(error.kind);
    }
  }

  /** Leaves, or stops trying to come back. */
  leave() {
    if (this.#state !== 'out') this.#out();
  }

  /** Ends the wait before the next attempt. */
  retryNow() {
    this.#retryNow();
  }

  /** @param {string} text @param {string} target {@link EVERYONE} or a user's name @throws {SendError | Error} */
  async send(text, target) {
    if (this.#state !== 'in') throw new SendError('not in the room');
    const answer = await this.#client.request('chat.chatHandler.send', { content: text, target, from: this.name, rid: this.room });
    if (answer?.code !== undefined && answer.code !== 200) throw new SendError(`code ${answer.code}`);
    // the server sends a whisper to its target only
    if (target !== EVERYONE && target !== this.name) this.#emitter.emit('message', { from: this.name, target, text });
  }

  async #enter(signal) {
    const url = await this.#askGate(signal);
    const client = this.#newClient(signal);
    const pushes = this.#listen(client);
    let kick;
    client.on('kick', ({ reason }) => (kick = new JoinError('kick', { reason })));
    try {
      await client.connect(url);
      const answer = await client.request('connector.entryHandler.enter', { username: this.name, rid: this.room });
      if (!Array.isArray(answer?.users)) throw new JoinError(answer?.error ? 'duplicate' : 'refused');
      this.#entered(client, answer.users);
      pushes.release();
      client.on('close', ({ reason, error }) => (kick ? this.#end(kick) : this.#lost(reason, error)));
    } catch (error) {
      client.close();
      throw kick ?? (error instanceof JoinError ? error : new JoinError('unreachable', { cause: error }));
    }
  }

  /** Which connector to take. */
  async #askGate(signal) {
    try {
      return await askGate(this.#gateUrl, { uid: this.name }, { client: this.#clientOptions, localHost: this.#pageHost || undefined, signal });
    } catch (error) {
      throw new JoinError(error instanceof GateError ? 'noServer' : 'unreachable', { cause: error });
    }
  }

  #newClient(signal) {
    signal.throwIfAborted();
    const client = new PomeloClient(this.#clientOptions);
    const close = () => client.close();
    signal.addEventListener('abort', close);
    client.once('close', () => signal.removeEventListener('abort', close));
    return client;
  }

  /** Pushes may overtake the answer to `enter`, whose list of users is older than they are: they wait for it. */
  #listen(client) {
    let early = [];
    const later = handle => value => (early ? early.push(() => handle(value)) : handle(value));
    client.on('error', error => this.#emitter.emit('error', error));
    client.on('onChat', later(({ from, target, msg }) => this.#emitter.emit('message', { from, target, text: String(msg) })));
    client.on('onAdd', later(({ user }) => this.#added(user)));
    client.on('onLeave', later(({ user }) => this.#left(user)));
    client.on('onUsers', later(({ users }) => this.#compare(users)));
    return {
      release: () => {
        for (const handle of early) handle();
        early = undefined;
      },
    };
  }

  #entered(client, users) {
    this.#client = client;
    this.#users = new Set(users);
    this.#enterState('in');
    this.#emitUsers();
  }

  #added(user) {
    if (this.#users.has(user)) return; // pomelo may show a newcomer to itself
    this.#users.add(user);
    this.#emitUsers();
    this.#emitter.emit('added', user);
  }

  #left(user) {
    if (!this.#users.delete(user)) return;
    this.#emitUsers();
    this.#emitter.emit('left', user);
  }

  /** The server tells all who are here, since it could not reach us for a while. */
  #compare(users) {
    for (const user of users) this.#added(user);
    for (const user of [...this.#users].filter(user => !users.includes(user))) this.#left(user);
  }

  #lost(cause) {
    if (cause === 'client') return;
    this.#clear();
    this.#return(cause);
  }

  async #return(cause) {
    const { signal } = this.#stay;
    const lostAt = Date.now();
    try {
      await reconnect(() => (this.#enterState('rejoining', { cause }), this.#enter(signal)), {
        signal,
        backoff: new Backoff(this.#backoffOptions),
        onWait: ({ attempt, until, now }) => {
          this.#retryNow = now;
          this.#enterState('waiting', { attempt, until, cause });
        },
        retry: error => {
          cause = error.kind;
          return cause !== 'kick' && !(cause === 'duplicate' && Date.now() - lostAt > DUPLICATE_MS);
        },
      });
    } catch (error) {
      if (!signal.aborted) this.#end(error);
    }
  }

  #end(error) {
    this.#out();
    this.#emitter.emit('ended', error);
  }

  #out() {
    this.#stay.abort();
    this.#clear();
    this.#enterState('out');
  }

  #clear() {
    this.#client = undefined;
    this.#users.clear();
    this.#emitUsers();
  }

  #emitUsers() {
    this.#emitter.emit('users', [...this.#users]);
  }

  #enterState(state, details = {}) {
    this.#state = state;
    this.#emitter.emit('state', { state, ...details });
  }
}
