// One run of checks: says each, counts them, waits for conditions with limits, and ends the process with a meaningful code.
import { isDeepStrictEqual } from 'node:util';

const STEP_MS = 8_000;

/** Ends the run: what follows would make no sense. */
class Stop extends Error {}

export class Checks {
  #passed = 0;
  #failed = 0;

  check(name, ok, detail) {
    if (ok) this.#passed++;
    else this.#failed++;
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}${ok || detail === undefined ? '' : `: ${show(detail)}`}`);
  }

  equal(name, got, wanted) {
    this.check(name, isDeepStrictEqual(plain(got), plain(wanted)), { got, wanted });
  }

  async rejects(name, promise, matches = () => true) {
    const error = await this.within(name, promise.then(value => ({ notAnError: value }), e => e));
    this.check(name, error instanceof Error && matches(error), error);
  }

  /** Whether a check has failed. */
  get failed() {
    return this.#failed > 0;
  }

  note(text) {
    console.log(`     ${text}`);
  }

  /** Waits until `condition` gives something true, and returns that. */
  async until(what, condition, ms = STEP_MS) {
    const end = Date.now() + ms;
    for (;;) {
      const value = await condition();
      if (value) return value;
      if (Date.now() > end) throw new Stop(`waited ${ms} ms for ${what}`);
      await sleep(10);
    }
  }

  within(what, promise, ms = STEP_MS) {
    let timer;
    const limit = new Promise((_, reject) => (timer = setTimeout(() => reject(new Stop(`waited ${ms} ms for ${what}`)), ms)));
    return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
  }

  /** Runs `main`, then `cleanUp`, prints the sum and exits: 0 all passed, 1 something failed. */
  async run(limitMs, main, cleanUp = () => {}) {
    const fail = error => this.check(error instanceof Stop ? error.message : 'no exception', false, error instanceof Stop ? undefined : (error?.stack ?? error));
    const finish = async () => {
      setTimeout(() => process.exit(1), 5_000); // should cleaning up hang
      await Promise.resolve(cleanUp()).catch(fail);
      console.log(`${this.#passed} passed, ${this.#failed} failed`);
      process.exit(this.#failed === 0 && this.#passed > 0 ? 0 : 1);
    };
    setTimeout(() => (fail(new Stop(`the whole run takes less than ${limitMs} ms`)), finish()), limitMs);
    process.on('uncaughtException', error => (fail(error), finish()));
    process.on('unhandledRejection', error => (fail(error), finish()));
    await main().catch(fail);
    await finish();
  }
}

/** The command line: gate host, gate port, what else the script asks for, and --strict. Exits with 2 where it isn't understood. */
export function arguments_(script, ...more) {
  const strict = process.argv.includes('--strict');
  const [host, port, ...rest] = process.argv.slice(2).filter(argument => argument !== '--strict');
  const required = more.filter(name => !name.startsWith('['));
  if (!host || !/^\d+$/.test(port ?? '') || rest.length < required.length) {
    console.error(`usage: node ${script} <gate host> <gate port> ${more.map(name => (name.startsWith('[') ? name : `<${name}>`)).join(' ')}`.trim());
    process.exit(2);
  }
  return { host, port: Number(port), rest, strict };
}

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/** A short tag, so that runs against one server don't meet. */
export const tag = () => Math.random().toString(36).slice(2, 8);

/** Without what a value's realm or class adds. */
export const plain = value => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

const show = value => (typeof value === 'string' ? value : value instanceof Error ? (value.stack ?? String(value)) : JSON.stringify(value));
