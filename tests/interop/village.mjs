// All residents, and what can be said of them since some moment: who was lost, who was seen to come or go, whether rooms are complete.
import { sleep } from './checks.mjs';

const PROBE_MS = 250;
/** Links that were cut are tried again every 2 s: what comes of that isn't seen earlier. */
const SETTLE_MS = 4_000;
/** So many probes in a row must have been heard by all. */
const STREAK = 8;
/** A probe that takes longer was held up somewhere, where lines take no time. */
const HELD_UP_MS = 1_000;

export class Village {
  #probes = 0;
  #heldUpMs;
  /** What the last wait for it has seen in the end. */
  isComplete = false;

  /** @param {import('./resident.mjs').Resident[]} residents @param {{heldUpMs?: number}} [patience] `heldUpMs`: how long a probe may take */
  constructor(residents, { heldUpMs = HELD_UP_MS } = {}) {
    this.residents = residents;
    this.#heldUpMs = heldUpMs;
  }

  /** Has all who are not there arrive; whether all are there. */
  async arrive() {
    await Promise.allSettled(this.residents.filter(user => !user.isIn).map(user => user.arrive()));
    return this.residents.every(user => user.isIn);
  }

  /** Those whom a server has put out come back, since somebody presses the button; who fled to another connector returns. */
  async comeHome() {
    const away = this.residents.filter(user => user.kicked !== undefined || (user.isIn && !user.isHome));
    for (const user of away) user.leave();
    for (let attempt = 0; attempt < 40 && away.some(user => !user.isIn); attempt++) {
      await Promise.allSettled(away.filter(user => !user.isIn).map(user => user.arrive()));
      await sleep(PROBE_MS);
    }
  }

  talk() {
    for (const user of this.residents) user.talk();
  }

  goHome() {
    for (const user of this.residents) user.goHome();
  }

  /** From now on. */
  now() {
    return { at: Date.now(), oddities: new Map(this.residents.map(user => [user, user.oddities.length])) };
  }

  #mates(user) {
    return this.residents.filter(({ room }) => room === user.room);
  }

  #listAgrees(user) {
    const names = this.#mates(user).map(({ name }) => name);
    return user.isIn && user.list.length === names.length && names.every(name => user.list.includes(name));
  }

  /**
   * Waits until in every room each hears all, and each client's list is that of who is there, and it stays so for
   * {@link STREAK} probes, one every {@link PROBE_MS}. Gives after how many ms that began, or nothing if not within `ms`.
   */
  async complete(ms) {
    const began = Date.now();
    const probes = [];
    for (;;) {
      const msg = `probe ${++this.#probes}`;
      const probe = { msg, at: Date.now(), listsAgree: this.residents.every(user => this.#listAgrees(user)), isHeard: false };
      probes.push(probe);
      for (const user of this.residents) user.say(msg);
      await sleep(PROBE_MS);
      const isFresh = probe => Date.now() - probe.at <= this.#heldUpMs;
      for (const probe of probes) probe.isHeard ||= isFresh(probe) && this.#unheard(probe.msg) === 0;
      const old = probes.filter(probe => !isFresh(probe));
      const start = old.findLastIndex(({ isHeard, listsAgree }) => !listsAgree || !isHeard) + 1;
      const since = (old[start] ?? probe).at - began;
      this.isComplete = old.length - start >= STREAK;
      if (since > ms) return undefined;
      if (this.isComplete && Date.now() - began >= SETTLE_MS) return since;
    }
  }

  #unheard(msg) {
    return this.residents.flatMap(user => this.#mates(user).filter(mate => !mate.hasHeard(user.name, msg))).length;
  }

  #listError(user) {
    const names = this.#mates(user).map(({ name }) => name);
    const [missing, extra] = [names.filter(name => !user.list.includes(name)), user.list.filter(name => !names.includes(name))];
    return `${user.name} misses [${missing}], has [${extra}], and has seen ${user.moves.slice(-6).map(({ event, user, at }) => `${event} ${user} ${Date.now() - at} ms ago`)}`;
  }

  /** What is missing, in words. */
  incomplete() {
    const out = this.residents.filter(user => !user.isIn).length;
    const wrong = this.residents.filter(user => user.isIn && !this.#listAgrees(user));
    const last = this.residents.length > 0 ? this.#unheard(`probe ${this.#probes - 2}`) : 0;
    return `${out} are out, ${wrong.length} have a wrong list, ${last} probes unheard${wrong.slice(0, 2).map(user => `; ${this.#listError(user)}`).join('')}`;
  }

  /** Who lost a connection since then. */
  lost({ at }, which = () => true) {
    return this.residents.filter(user => which(user) && user.losses.some(loss => loss.at >= at));
  }

  /** How many were put out since then. */
  kicked({ at }) {
    return this.residents.filter(user => user.kicked !== undefined && user.losses.some(loss => loss.at >= at)).length;
  }

  /** How many onAdd and onLeave were seen since then, of users that `which` picks. */
  moves({ at }, which = () => true) {
    const names = new Set(this.residents.filter(which).map(({ name }) => name));
    return this.residents.flatMap(user => user.moves.filter(move => move.at >= at && names.has(move.user))).length;
  }

  /** Of whom somebody who kept the connection has not seen as many onAdd as onLeave since then. */
  unbalanced({ at }) {
    const count = (user, mate, event) => user.moves.filter(move => move.at >= at && move.event === event && move.user === mate.name).length;
    const stayed = this.residents.filter(user => !user.losses.some(loss => loss.at >= at));
    return stayed.flatMap(user => this.#mates(user).filter(mate => count(user, mate, 'onAdd') !== count(user, mate, 'onLeave')).map(mate => `${user.name}: ${mate.name}`));
  }

  /** onAdd of somebody who was there already, onLeave of somebody who wasn't, since then. */
  oddities({ oddities }) {
    return this.residents.flatMap(user => user.oddities.slice(oddities.get(user)));
  }

  /** How many messages were refused or not answered since then. */
  refused({ at }) {
    return this.residents.flatMap(user => user.said.filter(one => one.at >= at && one.code !== undefined && one.code !== 200)).length;
  }
}
