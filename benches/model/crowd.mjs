// Crowds of examples/bots at a chat: who they are, when all are in, what they said.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process may have some 20,000 files where nobody may raise that, so a crowd is several processes. */
const MOST_IN_ONE = 16_000;
const LOGINS = 12;
/** Longer than any run: they talk until they are told to stop. */
const LONG_S = 3_600;

export class Crowd {
  #parts = [];

  /** @param {string} program @param {string} gate @param {{users: number, roomSize: number, rate: number, toSelf?: boolean}} what `rate`: messages a second in each room */
  constructor(program, gate, { users, roomSize, rate, toSelf = false }) {
    const count = Math.ceil(users / MOST_IN_ONE);
    const each = users / count;
    if (!Number.isInteger(each / roomSize)) throw new Error(`${users} users in ${count} processes don't fill rooms of ${roomSize}`);
    for (let n = 0; n < count; n++) {
      const words = ['--users', each, '--rooms', each / roomSize, '--talkers', 1, '--rate', rate, '--seconds', LONG_S, '--logins', LOGINS, '--name', `c${n}x`];
      this.#parts.push(new Part(program, [...words, '--to', toSelf ? 'self' : 'room', '--gate', gate, '--json'].map(String)));
    }
  }

  /** Waits until all parts talk, which is once they have logged in; an error if one has ended, or after so long. */
  async allTalk(ms) {
    let timer;
    const limit = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`not all are in after ${ms} ms`)), ms)));
    await Promise.race([Promise.all(this.#parts.map(({ talks }) => talks)), limit]).finally(() => clearTimeout(timer));
  }

  /** Ends their talking, and gives what they report then, in sum. */
  async report() {
    for (const part of this.#parts) part.stop();
    const reports = await Promise.all(this.#parts.map(({ reported }) => reported));
    const total = key => reports.reduce((sum, report) => sum + report[key], 0);
    return { isWell: reports.every(({ isWell }) => isWell), sent: total('sent'), delivered: total('delivered'), errors: reports.flatMap(({ errors }) => errors), lost: total('lost_connections'), missing: total('missing'), loginSeconds: Math.max(...reports.map(report => report.login_seconds)) };
  }

  end() {
    for (const part of this.#parts) part.end();
  }
}

class Part {
  #child;

  constructor(program, words) {
    this.#child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    this.#child.stdout.on('data', data => (output += data));
    let last = '';
    this.reported = new Promise((resolve, reject) =>
      this.#child.on('close', code => {
        try {
          resolve({ ...JSON.parse(output), isWell: code === 0 });
        } catch {
          reject(new Error(`bots ended with ${code}: ${last}`));
        }
      }),
    );
    this.talks = new Promise((resolve, reject) => {
      createInterface({ input: this.#child.stderr }).on('line', line => {
        last = line;
        if (line.startsWith('talking')) resolve();
      });
      this.reported.then(report => reject(new Error(`bots have ended: ${JSON.stringify(report)}`)), reject);
    });
    // Whoever awaits one of them hears of it; the other is the same news.
    this.talks.catch(() => {});
    this.reported.catch(() => {});
  }

  stop() {
    this.#child.kill('SIGINT');
  }

  end() {
    this.#child.kill('SIGKILL');
  }
}
