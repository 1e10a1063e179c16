// A NATS server of a script's own, on loopback and a free port, which is killed, suspended and started again.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { sleep } from './checks.mjs';
import { freePort } from './processes.mjs';

const LISTENS_MS = 20_000;

export class NatsServer {
  #child;
  #port;

  static async start() {
    const server = new NatsServer();
    server.#port = await freePort();
    await server.run();
    return server;
  }

  get url() {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Starts the process, and waits until it listens. */
  async run() {
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
    let failure;
    this.#child = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(this.#port)], { env, stdio: 'ignore' });
    this.#child.once('error', error => (failure = error));
    for (const end = Date.now() + LISTENS_MS; !(await listens(this.#port)); await sleep(20)) {
      if (failure) throw new Error(`nats-server can’t be started (apt-get install nats-server): ${failure.message}`);
      if (Date.now() > end) throw new Error('nats-server never listens');
    }
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** Ends the process at once, wherever it is. */
  async kill() {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

function listens(port) {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true))).once('error', () => resolve(false));
  });
}
