// The chat example as a cluster of processes on free ports of this machine, operated by the pomelo tool.
import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endAll, freePorts, processesWith } from './processes.mjs';

const CONFIG = new URL('../../examples/chat/config/', import.meta.url);
const COPIED = ['clientProtos.json', 'serverProtos.json', 'dictionary.json'];
const TOOL_MS = 60_000;

export class ChatCluster {
  #programs;
  #host;
  #dir;
  #master;
  #masterPort;
  gatePort;
  pagePort;

  /**
   * @param {{chat: string, tool: string}} programs paths of the example's binary and of the pomelo tool
   * @param {{connectorPorts?: boolean, page?: boolean, host?: string}} [options] without `connectorPorts` no connector has a `port`;
   *   with `page` the gate serves it; `host` is that of all servers and of the master
   */
  static async prepare(programs, { connectorPorts = true, page = false, host } = {}) {
    const cluster = new ChatCluster();
    cluster.#programs = programs;
    cluster.#host = host;
    cluster.#dir = mkdtempSync(join(tmpdir(), 'pomelo-cluster-'));
    await cluster.#configure(connectorPorts, page);
    return cluster;
  }

  async #configure(connectorPorts, page) {
    const config = join(this.#dir, 'config');
    mkdirSync(config);
    for (const file of COPIED) writeFileSync(join(config, file), readFileSync(new URL(file, CONFIG)));
    const { development: servers } = JSON.parse(readFileSync(new URL('servers.json', CONFIG)));
    const entries = Object.values(servers).flat();
    const ports = await freePorts(2 * entries.length + 2);
    for (const entry of entries) {
      delete entry.pagePort;
      if (this.#host) entry.host = this.#host;
      for (const key of ['port', 'clientPort']) if (key in entry) entry[key] = ports.pop();
    }
    if (!connectorPorts) for (const entry of servers.connector) delete entry.port;
    if (page) this.pagePort = servers.gate[0].pagePort = ports.pop();
    this.gatePort = servers.gate[0].clientPort;
    this.#masterPort = ports.pop();
    writeFileSync(join(config, 'servers.json'), JSON.stringify({ development: servers }));
    const master = { id: 'master-server-1', host: this.#host ?? '127.0.0.1', port: this.#masterPort };
    writeFileSync(join(config, 'master.json'), JSON.stringify({ development: master }));
  }

  /** Runs the command `start`. */
  start() {
    const log = openSync(join(this.#dir, 'master.log'), 'a');
    const env = { ...process.env, POMELO_CONFIG: join(this.#dir, 'config'), POMELO_ENV: 'development' };
    const master = spawn(this.#programs.chat, ['start'], { env, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    const ended = new Promise(resolve => master.on('exit', (code, signal) => resolve(code ?? signal)).on('error', resolve));
    this.#master = { pid: master.pid, ended };
  }

  /** The exit code of what runs the command `start`, or the signal that ended it. */
  get ended() {
    return this.#master.ended;
  }

  /** Runs the tool against this cluster's master; a failure of it is a result as well. */
  tool(...args) {
    // It finds the master by the files of the directory that it runs in.
    const env = { ...process.env, POMELO_ENV: 'development' };
    delete env.POMELO_CONFIG;
    return new Promise(resolve =>
      execFile(this.#programs.tool, [...args, '--json'], { timeout: TOOL_MS, cwd: this.#dir, env }, (error, stdout, stderr) => resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr })),
    );
  }

  /** What `pomelo list` says, by id, also when something is wrong; nothing if the master doesn't answer. */
  async list() {
    const { stdout } = await this.tool('list');
    return new Map(stdout ? JSON.parse(stdout).map(server => [server.id, server]) : []);
  }

  /** Runs the tool, and kills it after a while, if it is still there. */
  async toolKilledAfter(ms, ...args) {
    const process_ = spawn(this.#programs.tool, [...args, '-P', String(this.#masterPort)], { stdio: 'ignore' });
    const ended = new Promise(resolve => process_.on('exit', (code, signal) => resolve(code ?? signal)).on('error', resolve));
    setTimeout(() => process_.kill('SIGKILL'), ms);
    return ended;
  }

  /** Sends a signal to the process of a server. */
  async signal(id, signal) {
    const { pid } = (await this.list()).get(id);
    process.kill(pid, signal);
    return pid;
  }

  killMaster() {
    process.kill(this.#master.pid, 'SIGKILL');
  }

  /** What all of them have said, for when something failed. */
  logs() {
    const logs = join(this.#dir, 'logs');
    const files = existsSync(logs) ? readdirSync(logs).map(file => join(logs, file)) : [];
    return [join(this.#dir, 'master.log'), ...files].map(file => `-- ${file.split('/').at(-1)}\n${readFileSync(file)}`).join('\n');
  }

  /** The processes that are of this cluster: they were given its directory. */
  processes() {
    return processesWith(`POMELO_CONFIG=${this.#dir}/`);
  }

  /** Ends whatever is left of it. */
  async end() {
    await endAll(() => this.processes(), this.#master?.pid);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
