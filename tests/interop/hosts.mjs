// Hosts of a test's own on this machine, and lines between them that can be cut: network namespaces behind a router, which is one, too.
import { execFileSync } from 'node:child_process';

const NET = '10.77.0';
const ROUTER = `${NET}.254`;
/** The rules that cut come before those that route. */
const CUT = 10;

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });

/** Why there can be no such hosts here; nothing if there can. */
export function whyNot() {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux';
  if (process.getuid() !== 0) return 'network namespaces need root';
  const name = `pomelo-${process.pid}-try`;
  try {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1');
    ip('-n', name, 'rule', 'add', 'pref', String(CUT), 'from', `${NET}.1`, 'to', `${NET}.2`, 'blackhole');
    return undefined;
  } catch (error) {
    return `network namespaces don't work here: ${String(error.stderr ?? error.message).trim()}`;
  } finally {
    try {
      ip('netns', 'del', name);
    } catch {
      // There was none.
    }
  }
}

/** Why no packets can be lost, and no lines be long, on such hosts; nothing if they can. */
export function whyNoLoss() {
  const hosts = new Hosts(`pomelo-${process.pid}-try`, []);
  try {
    hosts.create();
    hosts.lose(1);
    hosts.redirect(`${NET}.1`, 1, 1);
    return undefined;
  } catch (error) {
    return `iptables doesn't work here: ${String(error.stderr ?? error.message).trim()}`;
  } finally {
    hosts.remove();
  }
}

export class Hosts {
  #prefix;
  #addresses = new Map();
  #cuts = new Set();
  #isLossy = false;

  /** @param {string} prefix of the namespaces' names, which nobody else has @param {string[]} names of the hosts */
  constructor(prefix, names) {
    this.#prefix = prefix;
    names.forEach((host, n) => this.#addresses.set(host, `${NET}.${n + 1}`));
  }

  /** Makes them. Whoever knows prefix and names may use them then, from other processes, too. */
  create() {
    const router = this.namespace('router');
    ip('netns', 'add', router);
    ip('-n', router, 'link', 'set', 'lo', 'up');
    this.run('router', 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    for (const [host, address] of this.#addresses) {
      const [namespace, line] = [this.namespace(host), `to${address.split('.')[3]}`];
      ip('netns', 'add', namespace);
      ip('-n', router, 'link', 'add', line, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
      ip('-n', router, 'address', 'add', `${ROUTER}/32`, 'dev', line);
      ip('-n', router, 'link', 'set', line, 'up');
      ip('-n', router, 'route', 'add', `${address}/32`, 'dev', line);
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      ip('-n', namespace, 'address', 'add', `${address}/32`, 'dev', 'eth0');
      ip('-n', namespace, 'link', 'set', 'eth0', 'up');
      ip('-n', namespace, 'route', 'add', `${ROUTER}/32`, 'dev', 'eth0');
      ip('-n', namespace, 'route', 'add', 'default', 'via', ROUTER);
    }
  }

  address(host) {
    return this.#addresses.get(host);
  }

  namespace(host) {
    return `${this.#prefix}-${host}`;
  }

  /** The words that run a command on a host. */
  command(host, ...words) {
    return ['ip', 'netns', 'exec', this.namespace(host), ...words];
  }

  /** Runs a command on a host, to its end. */
  run(host, ...words) {
    const [program, ...args] = this.command(host, ...words);
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** From now on nothing that one of `some` sends reaches one of `others`, nor the other way round, and nobody is told. */
  cut(some, others) {
    for (const one of some) for (const other of others) if (one !== other) this.cutOneWay(one, other), this.cutOneWay(other, one);
  }

  /** The same in one direction only. */
  cutOneWay(from, to) {
    const words = ['from', this.address(from), 'to', this.address(to)].join(' ');
    if (this.#cuts.has(words)) return;
    this.#cuts.add(words);
    this.#rule('add', words);
  }

  /** From now on such a part of all packets between hosts gets lost, each by chance. */
  lose(part) {
    this.#iptables('-A', 'FORWARD', '-m', 'statistic', '--mode', 'random', '--probability', String(part), '-j', 'DROP');
    // What it lets pass is counted by a rule of its own.
    this.#iptables('-A', 'FORWARD', '-j', 'ACCEPT');
    this.#isLossy = true;
  }

  /** How many packets got lost since {@link lose}, and how many passed. */
  packets() {
    const [lost, passed] = this.#iptables('-nvxL', 'FORWARD').split('\n').slice(2).map(rule => Number(rule.trim().split(/\s+/)[0]));
    return { lost, passed };
  }

  /** What is sent to that port of a host, by another, goes to a port of the router instead. */
  redirect(address, port, routerPort) {
    this.#iptables('-t', 'nat', '-A', 'PREROUTING', '-p', 'tcp', '-d', address, '--dport', String(port), '-j', 'DNAT', '--to-destination', `${ROUTER}:${routerPort}`);
  }

  #iptables(...words) {
    return this.run('router', 'iptables', ...words);
  }

  /** Mends all that was cut, and loses nothing more. */
  heal() {
    for (const words of this.#cuts) this.#rule('del', words);
    this.#cuts.clear();
    if (this.#isLossy) this.#iptables('-F', 'FORWARD');
    this.#isLossy = false;
  }

  #rule(verb, words) {
    ip('-n', this.namespace('router'), 'rule', verb, 'pref', String(CUT), ...words.split(' '), 'blackhole');
  }

  /** Ends what still runs on them, and takes them away. */
  remove() {
    for (const host of ['router', ...this.#addresses.keys()]) {
      try {
        const pids = String(ip('netns', 'pids', this.namespace(host)));
        for (const pid of pids.split(/\s+/).filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
        ip('netns', 'del', this.namespace(host));
      } catch {
        // It was never made, or what ran there was faster.
      }
    }
  }
}
