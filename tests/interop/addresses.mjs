// The chat example as processes on one machine by each of the names and addresses that the machine has: all servers are linked without a
// secret, and the published client chats. In a network namespace of its own, with an address of its own of each family, where that can be.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChatCluster } from './chat-cluster.mjs';
import { Checks } from './checks.mjs';
import { whyNot } from './hosts.mjs';

const SERVERS = 1 + 1 + 3 + 3; // the master, the gate, connectors, chats
const SOON_MS = 30_000;
const CLIENT_MS = 60_000;
const LAN = ['10.78.0.1', 'fd78::1'];
/** A name that has both addresses. */
const NAME = 'game.example';
const INSIDE = 'POMELO_ADDRESSES_INSIDE';

const programs = { chat: process.argv[2], tool: process.argv[3] };
// Another client may be named, which is called with the gate's host and port.
const client = process.argv[4] ?? join(dirname(fileURLToPath(import.meta.url)), 'browser-client.mjs');
if (!Object.values(programs).every(program => program && existsSync(program)) || !existsSync(client)) {
  console.error('usage: node addresses.mjs <the chat example> <the pomelo tool> [<a client>]');
  process.exit(2);
}
for (const name of Object.keys(programs)) programs[name] = resolve(programs[name]);

/** Runs this script in a namespace that has nothing but loopback and the addresses of a network of its own. */
async function runInside() {
  const name = `pomelo-addresses-${process.pid}`;
  const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const etc = `/etc/netns/${name}`;
  try {
    // What is there lies over /etc for who runs in the namespace.
    mkdirSync(etc, { recursive: true });
    writeFileSync(join(etc, 'hosts'), `127.0.0.1 localhost\n::1 localhost\n${LAN.map(address => `${address} ${NAME}\n`).join('')}`);
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('-n', name, 'link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'other');
    for (const device of ['lan', 'other']) ip('-n', name, 'link', 'set', device, 'up');
    ip('-n', name, 'address', 'add', `${LAN[0]}/24`, 'dev', 'lan');
    ip('-n', name, 'address', 'add', `${LAN[1]}/64`, 'dev', 'lan', 'nodad');
    const words = ['netns', 'exec', name, process.execPath, ...process.argv.slice(1)];
    const inside = spawn('ip', words, { env: { ...process.env, [INSIDE]: '1' }, stdio: 'inherit' });
    return await new Promise(done => inside.on('exit', code => done(code ?? 1)));
  } finally {
    rmSync(etc, { recursive: true, force: true });
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  }
}

/** The addresses of this machine, one of each family, that aren't loopback. */
function ownAddresses() {
  const all = Object.values(networkInterfaces()).flat().filter(({ internal, scopeid }) => !internal && !scopeid);
  return ['IPv4', 'IPv6'].flatMap(family => all.find(address => address.family === family)?.address ?? []);
}

const inUrl = host => (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host);
const clusters = [];
const checks = new Checks();

async function chatsBy(host) {
  const cluster = await ChatCluster.prepare(programs, { host });
  clusters.push(cluster);
  cluster.start();
  const isUp = list => list.size === SERVERS && [...list.values()].every(({ state, missingLinks }) => state === 'up' && !missingLinks?.length);
  await checks.until(`${host}: all servers to be up and linked`, async () => isUp(await cluster.list()), SOON_MS);
  checks.check(`${host}: pomelo list, without a word about where, shows all up and linked`, true);
  const words = [client, inUrl(host), String(cluster.gatePort), '--strict'];
  const said = [];
  const talking = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [talking.stdout, talking.stderr]) stream.on('data', data => said.push(String(data)));
  const code = await checks.within(`${host}: the published client`, new Promise(done => talking.on('exit', done)), CLIENT_MS);
  checks.check(`${host}: the published client chats`, code === 0, said.join(''));
  checks.equal(`${host}: pomelo stop is done`, (await cluster.tool('stop')).code, 0);
  checks.equal(`${host}: start ends with 0`, await checks.within('the end of start', cluster.ended, SOON_MS), 0);
}

async function cleanUp() {
  for (const cluster of clusters) {
    if (checks.failed) console.log(cluster.logs());
    await cluster.end();
  }
}

const isInside = process.env[INSIDE] !== undefined;
const why = isInside ? undefined : whyNot();
if (!isInside && !why) process.exit(await runInside());
if (why) checks.note(`on this machine's own addresses: ${why}`);

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => cleanUp().finally(() => process.exit(1)));
await checks.run(420_000, async () => {
  const hosts = isInside ? [...LAN, NAME] : ownAddresses();
  for (const host of ['localhost', '[::1]', ...hosts]) await chatsBy(host);
}, cleanUp);
