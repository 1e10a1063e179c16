// Our Rust client (the example client) against the published server side: a chat service on npm's pomelo 2.2.7, as processes on free ports.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Checks, sleep } from './checks.mjs';
import { freePorts } from './processes.mjs';

const SERVICE = fileURLToPath(new URL('published-server/', import.meta.url));
/** Processes of Node on a busy machine take their time. */
const START_MS = 60_000;
const ROOM = 'garden';
const TEXT = 'hello 你好 é';

const [program] = process.argv.slice(2);
if (!program || !existsSync(join(SERVICE, 'node_modules'))) {
  console.error('usage: (cd published-server && npm ci --ignore-scripts), then node published-server.mjs <client example>');
  process.exit(2);
}

const checks = new Checks();
const started = [];

/** A process, and the lines that it has written. */
class Process {
  lines = [];
  #child;

  constructor(command, arguments_, options = {}) {
    this.#child = spawn(command, arguments_, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
    this.ended = new Promise(resolve => this.#child.once('exit', resolve));
    let rest = '';
    this.#child.stdout.setEncoding('utf8').on('data', text => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      this.lines.push(...lines);
    });
    started.push(this);
  }

  /** Waits until it has written such a line. */
  wrote(line, ms) {
    return checks.until(`"${line}"`, () => this.lines.some(written => written.includes(line)), ms);
  }

  end(signal) {
    this.#child.kill(signal);
    return this.ended;
  }
}

const opens = port => new Promise(resolve => {
  const socket = connect(port, '127.0.0.1', () => resolve(socket.destroy() && true)).once('error', () => resolve(false));
});

/** The published servers, in a folder of their own, since pomelo reads its ports from there. */
class PublishedServers {
  #folder = mkdtempSync(join(tmpdir(), 'published-server-'));
  #servers;
  #connector;

  async start() {
    const [master, gate, connector, connectorRpc, chatRpc] = await freePorts(5);
    this.gate = `ws://127.0.0.1:${gate}`;
    this.#servers = {
      gate: [{ id: 'gate-1', host: '127.0.0.1', clientPort: gate, frontend: true }],
      connector: [{ id: 'connector-1', host: '127.0.0.1', port: connectorRpc, clientPort: connector, frontend: true }],
      chat: [{ id: 'chat-1', host: '127.0.0.1', port: chatRpc }],
    };
    cpSync(SERVICE, this.#folder, { recursive: true, filter: path => !path.includes('node_modules') });
    symlinkSync(join(SERVICE, 'node_modules'), join(this.#folder, 'node_modules'));
    const write = (name, value) => writeFileSync(join(this.#folder, 'config', name), JSON.stringify({ production: value }));
    write('master.json', { id: 'master-1', host: '127.0.0.1', port: master });
    write('servers.json', this.#servers);
    this.#run({ serverType: 'master', id: 'master-1', mode: 'stand-alone' });
    await this.#listens(master);
    for (const type of ['chat', 'gate']) this.#runOnly(type);
    this.startConnector();
    for (const port of [chatRpc, gate, connectorRpc]) await this.#listens(port);
    await this.connectorListens();
    await sleep(2_000); // until they know each other
  }

  startConnector() {
    this.#connector = this.#runOnly('connector');
  }

  killConnector() {
    return this.#connector.end('SIGKILL');
  }

  connectorListens() {
    return this.#listens(this.#servers.connector[0].clientPort);
  }

  remove() {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #runOnly(serverType) {
    return this.#run({ serverType, ...this.#servers[serverType][0] });
  }

  #run(server) {
    const arguments_ = Object.entries({ env: 'production', ...server }).map(([key, value]) => `${key}=${value}`);
    return new Process(process.execPath, [join(this.#folder, 'app.js'), ...arguments_], { cwd: this.#folder, env: { ...process.env, NODE_NO_WARNINGS: '1' } });
  }

  #listens(port) {
    return checks.until(`port ${port}`, () => opens(port), START_MS);
  }
}

const servers = new PublishedServers();
const enter = (name, text) => new Process(program, [servers.gate, name, ROOM, text]);

async function main() {
  await servers.start();
  const ann = enter('ann', TEXT);
  await ann.wrote(`ann: ${TEXT}`, START_MS);
  checks.equal('a client enters through the gate, and hears itself by protobuf and dictionary', ann.lines, [`in ${ROOM}: ann`, `ann: ${TEXT}`]);

  const bob = enter('bob', 'second');
  await ann.wrote('bob: second', START_MS);
  await bob.wrote(`in ${ROOM}: ann, bob`, START_MS);
  checks.check('another one is heard by both', true);

  await sleep(6_000);
  const lost = [...ann.lines, ...bob.lines].filter(line => line.startsWith('lost'));
  checks.equal('heartbeats each second keep both there', lost, []);

  await servers.killConnector();
  await ann.wrote('lost: ', START_MS);
  ann.lines.length = 0;
  servers.startConnector();
  await servers.connectorListens();
  await ann.wrote(`in ${ROOM}: `, START_MS);
  const carl = enter('carl', 'third');
  await ann.wrote('carl: third', START_MS);
  await carl.wrote('carl: third', START_MS);
  checks.check('after a crash of the connector they come back by themselves', true);

  const codes = await Promise.all([ann, bob, carl].map(client => client.end('SIGINT')));
  checks.equal('they end in order', codes, [0, 0, 0]);
}

await checks.run(240_000, main, async () => {
  await Promise.all(started.map(each => each.end('SIGKILL')));
  servers.remove();
});
