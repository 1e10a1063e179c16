// An etcd of a script's own, on loopback and free ports, with its data in a directory for the time, which is killed, suspended and started again.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from './checks.mjs';
import { freePorts } from './processes.mjs';

const LISTENS_MS = 20_000;

export class EtcdServer {
  #child;
  #dir;
  #port;
  #peerPort;

  static async start() {
    const server = new EtcdServer();
    [server.#port, server.#peerPort] = await freePorts(2);
    server.#dir = mkdtempSync(join(tmpdir(), 'pomelo-etcd-'));
    await server.run();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts the process, and waits until it listens. */
  async run() {
    const peer = `http://127.0.0.1:${this.#peerPort}`;
    const own = ['--data-dir', this.#dir, '--listen-client-urls', this.url, '--advertise-client-urls', this.url];
    const peers = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`];
    let failure;
    this.#child = spawn(process.env.POMELO_ETCD ?? 'etcd', [...own, ...peers], { stdio: 'ignore' });
    this.#child.once('error', error => (failure = error));
    for (const end = Date.now() + LISTENS_MS; !(await listens(this.#port)); await sleep(20)) {
      if (failure) throw new Error(`etcd can’t be started (apt-get install etcd-server): ${failure.message}`);
      if (Date.now() > end) throw new Error('etcd never listens');
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

  /** Ends it for good. */
  async end() {
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function listens(port) {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true))).once('error', () => resolve(false));
  });
}
