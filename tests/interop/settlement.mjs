// A settlement: residents of every connector in rooms of every chat server of a scattered chat, and what scenarios do and say of them.
import { Checks, sleep, tag } from './checks.mjs';
import { nameAt, nameWhere, pick } from './names.mjs';
import { Resident } from './resident.mjs';
import { idsOf } from './scattered-chat.mjs';
import { Village } from './village.mjs';

const [CONNECTORS, CHATS] = [idsOf('connector'), idsOf('chat')];
const ROOMS = 8;
const START_MS = 30_000;
/** For what nothing is promised. */
const SOON_MS = 20_000;

export class Settlement {
  #name;
  checks = new Checks();
  /** A part of all names of this run. */
  run = tag();
  rooms = ROOMS;
  /** A user of each connector in each room. */
  users = ROOMS * CONNECTORS.length;

  /**
   * @param {import('./scattered-chat.mjs').ScatteredChat} world that isn't started yet
   * @param {string} name of the world, for what is printed
   * @param {ConstructorParameters<typeof Village>[1]} [patience] of the village
   */
  constructor(world, name, patience) {
    this.world = world;
    this.hosts = world.hosts;
    this.#name = name;
    this.village = new Village(this.#settlers(), patience);
  }

  #settlers() {
    const rooms = Array.from({ length: ROOMS }, (_, r) => nameWhere(`room-${this.run}-${r}`, name => pick(name, CHATS.length) === r % CHATS.length));
    const name = (r, connector) => nameAt(`u-${this.run}-${r}`, connector, CONNECTORS.length);
    const settler = (room, r) => (id, connector) => Object.assign(new Resident(name(r, connector), room, this.world.gateUrl, this.hosts.address(id)), { connector: id, chat: CHATS[r % CHATS.length] });
    return rooms.flatMap((room, r) => CONNECTORS.map(settler(room, r)));
  }

  /** Starts the servers, then runs the scenarios one after the other, or those of `only`; ends the process. */
  async play(scenarios, only, limitMs) {
    await this.checks.run(limitMs, async () => {
      await this.#settle();
      for (const [name, scenario] of Object.entries(scenarios)) {
        if (only.length > 0 && !only.includes(name)) continue;
        await scenario().catch(error => this.checks.check(`${name} ${this.#name}`, false, error));
        await this.#mend();
      }
    }, () => this.#end());
  }

  async #settle() {
    this.world.start();
    await this.checks.until('logins', () => this.village.arrive(), START_MS);
    this.village.talk();
    await this.checks.until('the rooms to be complete', async () => (await this.village.complete(SOON_MS)) !== undefined, SOON_MS);
  }

  /** What a scenario has broken must not be held against the next one. */
  async #mend() {
    this.hosts.heal();
    for (const id of this.world.ids) if (this.world.process(id).isOver) this.world.startServer(id);
    await this.village.comeHome();
    if (!this.village.isComplete && (await this.village.complete(SOON_MS)) === undefined) this.checks.note(`${this.#name}: never complete again: ${this.village.incomplete()}`);
  }

  async #end() {
    this.village.goHome();
    if (this.checks.failed && process.env.LOGS) console.log(this.world.logs());
    await this.world.end();
  }

  /** One line a scenario: what it is, whether all held, and the figures. */
  verdict(letter, what, figures, conditions) {
    const broken = Object.entries(conditions).filter(([, holds]) => !holds).map(([condition]) => condition);
    this.checks.check(`${letter} ${this.#name}: ${what}: ${figures}`, broken.length === 0, `it does not hold that ${broken.join('; ')}`);
  }

  /** How long it takes from now until all are complete; the figure for a verdict, and whether it was in time. */
  async completion(ms) {
    const took = await this.village.complete(ms);
    return { text: took === undefined ? `NOT complete ${ms / 1000} s later (${this.village.incomplete()})` : `complete ${(took / 1000).toFixed(1)} s later`, inTime: took !== undefined };
  }

  /** How often a server has given up a life of its own, so far; see their logs. */
  livesLost() {
    return this.world.ids.reduce((sum, id) => sum + (this.world.log(id).match(/begins anew/g) ?? []).length, 0);
  }

  /** From now on. */
  sinceNow() {
    return { ...this.village.now(), livesLost: this.livesLost() };
  }

  async cutFor(ms, some, others) {
    this.hosts.cut(some, others);
    await sleep(ms);
    this.hosts.heal();
  }
}
