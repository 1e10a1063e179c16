// Users who talk all the time in several rooms, and what can be checked of all of them.
import { sleep } from './checks.mjs';

// What must happen within a time has twice that here: the machine may be busy. The figure seen is printed.
const ANSWER_MS = 2 * 1_000;
const GONE_MS = 2 * 6_000;
/** For what has no limit of its own. */
const SOON_MS = 20_000;
const CALM_MS = 1_500;

export class Crowd {
  #checks;

  /** @param {import('./checks.mjs').Checks} checks @param {import('./chat-user.mjs').ChatUser[]} users */
  constructor(checks, users) {
    this.#checks = checks;
    this.users = users;
  }

  async login(gatePort) {
    await this.#checks.within('logins', Promise.all(this.users.map(user => user.login(gatePort))), SOON_MS);
  }

  talk() {
    for (const user of this.users) user.talk();
  }

  close() {
    for (const user of this.users) user.close();
  }

  /** Those of them that a condition picks. */
  filter(condition) {
    return new Crowd(this.#checks, this.users.filter(condition));
  }

  /** From now on: the time, and what each has said before. */
  now() {
    return { at: Date.now(), said: new Map(this.users.map(user => [user, user.said])) };
  }

  #mates(user) {
    return this.users.filter(other => other.room === user.room);
  }

  /** Since then each request succeeded, and each message reached everybody in its room. */
  async wellSince(what, { said }) {
    const until = new Map(this.users.map(user => [user, user.said]));
    const requests = this.users.flatMap(user => user.requests.filter(({ n }) => n > said.get(user) && n <= until.get(user)).map(request => ({ user, request })));
    await this.#checks.until('all answers', () => requests.every(({ request }) => request.ms !== undefined), SOON_MS);
    const failed = requests.filter(({ request }) => request.code !== 200).map(({ user, request }) => `${user.name}: ${JSON.stringify(request)}`);
    this.#checks.equal(`${what}: every request succeeds`, [requests.length > 0, failed.slice(0, 3)], [true, []]);
    const missing = () => requests.flatMap(({ user, request: { n, code } }) => (code === 200 ? this.#mates(user).filter(mate => !mate.hasHeard(user.name, n)).map(mate => `${mate.name}: ${user.name} ${n}`) : []));
    await this.#checks.until('the messages', () => missing().length === 0, SOON_MS).catch(() => {});
    const list = missing();
    this.#checks.equal(`${what}: every message reaches everybody in its room`, [list.length, list.slice(0, 3)], [0, []]);
  }

  /** For a while all is well. */
  async calm(what) {
    const now = this.now();
    await sleep(CALM_MS);
    await this.wellSince(what, now);
  }

  /** Waits until everybody has heard everybody else in the room say something that was said from now on. */
  async chats(what) {
    const { at, said } = this.now();
    const speaks = speaker => speaker.requests.some(({ n, code }) => n > said.get(speaker) && code === 200 && this.#mates(speaker).every(mate => mate.hasHeard(speaker.name, n)));
    await this.#checks.until(what, () => this.users.every(speaks), SOON_MS);
    this.#checks.check(what, true);
    this.#checks.note(`after ${Date.now() - at} ms`);
  }

  /** Each request since then is answered, by success or an error, and none late. */
  async answeredSince(what, { at }) {
    const requests = this.users.flatMap(user => user.since(at));
    await this.#checks.until('all answers', () => requests.every(({ ms }) => ms !== undefined), SOON_MS);
    const longest = Math.max(...requests.map(({ ms }) => ms));
    const codes = {};
    for (const { code } of requests) codes[code] = (codes[code] ?? 0) + 1;
    this.#checks.check(`${what}: every request is answered soon`, requests.length > 0 && longest < ANSWER_MS && !codes.hang && !codes.closed, { longest, codes });
    this.#checks.note(`the longest took ${longest} ms; codes ${JSON.stringify(codes)}`);
  }

  connectedSince(what, { at }) {
    this.#checks.equal(`${what}: nobody loses a connection`, this.#seen('close', at), []);
  }

  /** Nobody in these rooms has seen anybody come or go since then. */
  undisturbedSince(what, { at }) {
    this.#checks.equal(`${what}: nobody seems to come or go`, [...this.#seen('onAdd', at), ...this.#seen('onLeave', at)], []);
  }

  /** Each sees those leave who are lost from its room, once, and nobody else. */
  seesLeaving(what, lost, now) {
    return this.#sees('onLeave', 'leave', what, lost, now);
  }

  /** Each sees those come back who were lost from its room, once, and nobody else. */
  seesComing(what, lost, now) {
    return this.#sees('onAdd', 'come back', what, lost, now);
  }

  async #sees(event, words, what, lost, { at }) {
    const pairs = this.users.flatMap(user => lost.#mates(user).map(mate => [user, mate]));
    const times = ([user, mate]) => user.seen(event, at).filter(event => event.user === mate.name);
    const waiting = () => pairs.filter(pair => times(pair).length === 0);
    await this.#checks.until(`all ${event}`, () => waiting().length === 0, GONE_MS).catch(() => {});
    this.#checks.equal(`${what}: everybody sees its users ${words} in time`, waiting().map(([user, mate]) => `${user.name}: ${mate.name}`).slice(0, 3), []);
    this.#checks.equal(`${what}: once, and nobody else`, this.#seen(event, at).length, pairs.length);
    this.#checks.note(`the last ${event} after ${Math.max(...pairs.flatMap(times).map(event => event.at - at))} ms`);
  }

  #seen(event, at) {
    return this.users.flatMap(user => user.seen(event, at).map(one => `${user.name}: ${event} ${one.user ?? one.reason}`));
  }
}
