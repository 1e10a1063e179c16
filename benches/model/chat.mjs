// The chat example as processes on free ports, so many connectors and chat servers, and what the system says that they use.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../tests/interop/processes.mjs';

const CONFIG = new URL('../../examples/chat/config/', import.meta.url);
const COPIED = ['clientProtos.json', 'serverProtos.json', 'dictionary.json'];
const PAGE_BYTES = 4096;
const START_MS = 60_000;
/** Links are made, lists are exchanged, threads are started: until nothing of that is measured. */
const SETTLE_MS = 5_000;

export class Chat {
  #dir = mkdtempSync(join(tmpdir(), 'pomelo-model-'));
  #servers = [];
  #children = new Map();

  /** Starts them, and waits until they have come to rest. */
  async start(program, { connectors, chats }) {
    await this.#configure(connectors, chats);
    for (const { id } of this.#servers) this.#spawn(program, id);
    for (const { clientPort } of this.#servers) if (clientPort) await listening(clientPort);
    await sleep(SETTLE_MS);
  }

  async #configure(connectors, chats) {
    const config = join(this.#dir, 'config');
    mkdirSync(config);
    for (const file of COPIED) cpSync(new URL(file, CONFIG), join(config, file));
    const ports = await freePorts(1 + 2 * connectors + chats);
    const numbered = (type, count, more) => Array.from({ length: count }, (_, n) => ({ id: `${type}-server-${n + 1}`, host: '127.0.0.1', ...more() }));
    const types = {
      gate: numbered('gate', 1, () => ({ clientPort: ports.pop(), frontend: true })),
      connector: numbered('connector', connectors, () => ({ port: ports.pop(), clientPort: ports.pop(), frontend: true })),
      chat: numbered('chat', chats, () => ({ port: ports.pop() })),
    };
    writeFileSync(join(config, 'servers.json'), JSON.stringify({ development: types }));
    writeFileSync(join(config, 'master.json'), JSON.stringify({ development: { id: 'master-server-1', host: '127.0.0.1', port: 1 } }));
    this.#servers = Object.entries(types).flatMap(([type, list]) => list.map(entry => ({ type, ...entry })));
  }

  #spawn(program, id) {
    const env = { ...process.env, POMELO_CONFIG: join(this.#dir, 'config'), POMELO_ENV: 'development', RUST_LOG: 'error' };
    this.#children.set(id, spawn(program, ['--server-id', id], { env, cwd: this.#dir, stdio: 'ignore' }));
  }

  get gate() {
    return `127.0.0.1:${this.#servers[0].clientPort}`;
  }

  #pids(type) {
    return this.#servers.filter(server => server.type === type).map(({ id }) => this.#children.get(id).pid);
  }

  /** What they have used until now: `cpuNs` and `bytes` by type, `kernel` for sockets, and what links have carried. */
  sample() {
    const of = measure => Object.fromEntries(['gate', 'connector', 'chat'].map(type => [type, sum(this.#pids(type), measure)]));
    return { at: performance.now(), cpuNs: of(cpuNs), bytes: of(residentBytes), kernel: kernel(), link: this.#link() };
  }

  /** Bytes that chat servers have sent to connectors and taken from them, over all links, as their sockets count them. */
  #link() {
    const ports = new Set(this.#servers.map(({ port }) => port).filter(Boolean));
    const own = new Set(this.#pids('chat'));
    const blocks = execFileSync('ss', ['-tinpH', 'state', 'established'], { encoding: 'utf8', maxBuffer: 1 << 28 }).split('\n');
    const link = { sent: 0, received: 0 };
    for (let n = 0; n + 1 < blocks.length; n += 2) {
      const [pid, local, peer] = [Number(/pid=(\d+)/.exec(blocks[n])?.[1]), ...[...blocks[n].matchAll(/:(\d+)\s/g)].map(([, port]) => Number(port))];
      if (!own.has(pid) || !(ports.has(local) || ports.has(peer))) continue;
      link.sent += Number(/bytes_acked:(\d+)/.exec(blocks[n + 1])?.[1] ?? 0);
      link.received += Number(/bytes_received:(\d+)/.exec(blocks[n + 1])?.[1] ?? 0);
    }
    return link;
  }

  async end() {
    const ended = [...this.#children.values()].map(child => new Promise(resolve => (child.exitCode ?? child.signalCode) !== null ? resolve() : child.once('exit', resolve)));
    for (const child of this.#children.values()) child.kill('SIGKILL');
    await Promise.all(ended);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

async function listening(port) {
  const isOpen = () => new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
  for (const end = Date.now() + START_MS; !(await isOpen()); await sleep(100)) if (Date.now() > end) throw new Error(`nothing listens on ${port}`);
}

const sum = (list, of) => list.reduce((total, one) => total + of(one), 0);

/** The scheduler's own count, which is exact; /proc/PID/stat has ticks of 10 ms. */
function cpuNs(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  return sum(threads, thread => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]));
}

function residentBytes(pid) {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
}

/** The kinds of objects that the system makes for a connection that is open and waited for. */
const KINDS = ['TCP', 'TCPv6', 'sock_inode_cache', 'filp', 'eventpoll_epi', 'ep_head', 'skbuff_head_cache', 'skbuff_small_head'];

/** What the system holds for all its connections, and how many these are: others may open some meanwhile, so the ratio counts. */
function kernel() {
  const objects = new Map(readFileSync('/proc/slabinfo', 'utf8').split('\n').slice(2).map(line => line.split(/\s+/)).map(([kind, active, , size]) => [kind, { active: Number(active), size: Number(size) }]));
  const of = kind => objects.get(kind) ?? { active: 0, size: 0 };
  // Each socket has a directory entry, but so has each file.
  const entries = of('sock_inode_cache').active * of('dentry').size;
  const sockets = Number(/^sockets: used (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))[1]);
  return { bytes: entries + sum(KINDS, kind => of(kind).active * of(kind).size), sockets };
}
