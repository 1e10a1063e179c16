// The chat example with a host for each of its servers, with a master on another one or without, over tcp or NATS; see hosts.mjs.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hosts } from './hosts.mjs';

const CONFIG = new URL('../../examples/chat/config/', import.meta.url);
const COPIED = ['clientProtos.json', 'serverProtos.json', 'dictionary.json'];
const { development: SERVERS } = JSON.parse(readFileSync(new URL('servers.json', CONFIG)));
const MASTER = 'master-server-1';
const MASTER_PORT = 3005;
const BUS = 'bus';
const NATS_PORT = 4222;
const NATS_LOGIN = { user: 'pomelo', password: 'scattered' };
const PASSWORD = 'not admin';
const TOOL_MS = 5_000;
/** What the logs of a run take is far less. */
const LOG_BYTES = 16 << 20;

/** The servers by type, then by id. */
export const idsOf = type => SERVERS[type].map(({ id }) => id);
const IDS = Object.keys(SERVERS).flatMap(idsOf);
/** A host for each server, for the master and for NATS, if there is one; `clients` is where users are, and nobody is on `stray`. */
export const HOSTS = [...IDS, MASTER, BUS, 'clients', 'stray'];

export class ScatteredChat {
  #programs;
  #hosts;
  #hasMaster;
  #isOverNats;
  #dir;
  #processes = new Map();

  /** @param {{chat: string, tool: string}} programs @param {Hosts} hosts that exist @param {boolean} hasMaster @param {boolean} [isOverNats] as the program is */
  constructor(programs, hosts, hasMaster, isOverNats = false) {
    this.#programs = programs;
    this.#hosts = hosts;
    this.#hasMaster = hasMaster;
    this.#isOverNats = isOverNats;
    this.#dir = mkdtempSync(join(tmpdir(), 'pomelo-scattered-'));
    this.#configure();
  }

  get hosts() {
    return this.#hosts;
  }

  get hasMaster() {
    return this.#hasMaster;
  }

  get ids() {
    return IDS;
  }

  get gateUrl() {
    const [{ id, clientPort }] = SERVERS.gate;
    return `ws://${this.#hosts.address(id)}:${clientPort}`;
  }

  /** What can be dialed, as `{address, port}`: all that servers listen on, and the master. */
  get services() {
    const at = host => port => ({ address: this.#hosts.address(host), port });
    const servers = Object.values(SERVERS).flat().flatMap(({ id, port, clientPort }) => [port, clientPort].filter(Boolean).map(at(id)));
    return [...servers, at(MASTER)(MASTER_PORT), at(BUS)(NATS_PORT)];
  }

  #configure() {
    const config = join(this.#dir, 'config');
    mkdirSync(config);
    for (const file of COPIED) writeFileSync(join(config, file), readFileSync(new URL(file, CONFIG)));
    const write = (file, value) => writeFileSync(join(config, file), JSON.stringify(value));
    const link = port => (this.#isOverNats || !port ? {} : { port });
    const entry = ({ pagePort, port, ...entry }) => ({ ...entry, ...link(port), host: this.#hosts.address(entry.id) });
    write('servers.json', { development: Object.fromEntries(Object.entries(SERVERS).map(([type, list]) => [type, list.map(entry)])) });
    write('master.json', { development: { id: MASTER, host: this.#hosts.address(MASTER), port: MASTER_PORT } });
    write('adminServer.json', Object.keys(SERVERS).map(type => ({ type, token: `token of ${type}` })));
    write('adminUser.json', [{ id: 'user-1', username: 'admin', password: PASSWORD, level: 1 }]);
    this.#mountLogs();
  }

  /** A disk of the logs' own, which a test can fill. It goes with the namespace of mounts that this process is in. */
  #mountLogs() {
    mkdirSync(this.#logs);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${LOG_BYTES}`, 'none', this.#logs]);
  }

  get #logs() {
    return join(this.#dir, 'logs');
  }

  start() {
    if (this.#isOverNats) this.#spawn(BUS, BUS, 'nats-server', ['-a', this.#hosts.address(BUS), '-p', String(NATS_PORT), '--user', NATS_LOGIN.user, '--pass', NATS_LOGIN.password]);
    if (this.#hasMaster) this.#spawn(MASTER, MASTER, this.#programs.chat, ['start', '--id', MASTER]);
    for (const id of IDS) this.startServer(id);
  }

  /** Starts a server, on its own host unless another is named; `env` is for this one. Its log is named like `as`. */
  startServer(id, { host = id, env = {}, as = id } = {}) {
    return this.#spawn(as, host, this.#programs.chat, ['--server-id', id], env);
  }

  get #natsUrl() {
    const { user, password } = NATS_LOGIN;
    return `nats://${user}:${password}@${this.#hosts.address(BUS)}:${NATS_PORT}`;
  }

  #spawn(name, host, program, args, env = {}) {
    const log = openSync(this.#log(name), 'a');
    const variables = { POMELO_CONFIG: join(this.#dir, 'config'), POMELO_ENV: 'development', POMELO_CLUSTER_SECRET: 'scattered', RUST_LOG: 'info,async_nats=warn', NO_COLOR: '1', NATS_URL: this.#natsUrl, ...env };
    const [ip, ...words] = this.#hosts.command(host, program, ...args);
    // What writes to a file at its end as O_APPEND does goes on at the end when another has filled the disk.
    const child = spawn(ip, words, { env: { ...process.env, ...variables }, cwd: this.#dir, stdio: ['ignore', log, log] });
    closeSync(log);
    const ended = new Promise(resolve => child.on('exit', (code, signal) => resolve(code ?? signal)).on('error', resolve));
    const one = { pid: child.pid, ended, isOver: false };
    ended.then(() => (one.isOver = true));
    this.#processes.set(name, one);
    return one;
  }

  #log(name) {
    return join(this.#logs, `${name}.log`);
  }

  /** The process of that name: `pid`, `ended` (a promise of its code or signal), `isOver`. */
  process(name) {
    return this.#processes.get(name);
  }

  signal(name, signal) {
    process.kill(this.#processes.get(name).pid, signal);
  }

  /** What a process has said. */
  log(name) {
    return readFileSync(this.#log(name), 'utf8');
  }

  /** What all processes have said, for when something failed. */
  logs() {
    return readdirSync(this.#logs).filter(file => file.endsWith('.log')).map(file => `-- ${file}\n${readFileSync(join(this.#logs, file))}`).join('\n');
  }

  /** Runs the tool beside the master; a failure is a result as well. */
  tool(...args) {
    const where = ['-h', this.#hosts.address(MASTER), '-P', String(MASTER_PORT), '--json'];
    const [program, ...words] = this.#hosts.command(MASTER, this.#programs.tool, ...args, ...where);
    const env = { ...process.env, POMELO_PASSWORD: PASSWORD };
    return new Promise(resolve =>
      execFile(program, words, { env, timeout: TOOL_MS }, (error, stdout, stderr) => resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr })),
    );
  }

  /** The state of each server as `pomelo list` says it, by id, also when something is wrong; nothing if the master doesn't answer. */
  async list() {
    const { stdout } = await this.tool('list');
    return new Map(stdout ? JSON.parse(stdout).map(({ id, state }) => [id, state]) : []);
  }

  /** Leaves no byte free where the logs are. */
  fillDisk() {
    const filler = join(this.#logs, 'filler');
    const { bavail, bsize } = statfsSync(this.#logs);
    writeFileSync(filler, Buffer.alloc(bavail * bsize));
    // The last page of a log may have room for some more lines.
    for (let n = 0; statfsSync(this.#logs).bavail > 0; n++) writeFileSync(`${filler}.${n}`, Buffer.alloc(bsize));
  }

  freeDisk() {
    for (const file of readdirSync(this.#logs).filter(file => file.startsWith('filler'))) truncateSync(join(this.#logs, file), 0);
  }

  /** Ends whatever is left of it. */
  async end() {
    const left = [...this.#processes.values()].filter(({ isOver }) => !isOver);
    for (const { pid } of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It was faster.
      }
    }
    await Promise.all(left.map(({ ended }) => ended));
    execFileSync('umount', ['-l', this.#logs]);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
