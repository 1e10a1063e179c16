// The chat over NATS with etcd as a cluster of processes whose users talk all the time, while NATS and etcd are killed, away for long, and suspended:
// nobody is lost.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChatCluster } from './chat-cluster.mjs';
import { Crowd } from './chat-crowd.mjs';
import { ChatUser } from './chat-user.mjs';
import { Checks, sleep, tag } from './checks.mjs';
import { EtcdServer } from './etcd-server.mjs';
import { nameAt, nameWhere, pick } from './names.mjs';
import { NatsServer } from './nats-server.mjs';

/** For what has no limit of its own. */
const SOON_MS = 20_000;
const CLIENT_MS = 60_000;
/** Longer than a TTL of etcd. */
const TTL_S = 5;
const BELIEVED_MS = (TTL_S + 2) * 1_000;
const CHATS = 3;
const CONNECTORS = 3;
const SERVERS = 1 + 1 + CONNECTORS + CHATS; // and the master, and the gate

const programs = { chat: process.argv[2], tool: process.argv[3] };
if (!Object.values(programs).every(program => program && existsSync(program))) {
  console.error('usage: node engines.mjs <the chat over NATS with etcd> <the pomelo tool>');
  process.exit(2);
}
for (const name of Object.keys(programs)) programs[name] = resolve(programs[name]);

const checks = new Checks();
const run = tag();
let nats;
let etcd;
let cluster;
let crowd;

const allUp = () =>
  checks.until(`${SERVERS} servers to be up`, async () => {
    const list = await cluster.list();
    return list.size === SERVERS && [...list.values()].every(({ state }) => state === 'up') && list;
  }, SOON_MS);

/** A user at each connector in a room of each chat server. */
function users() {
  const numbers = count => [...Array(count).keys()];
  return numbers(CHATS).flatMap(chat => {
    const room = nameWhere(`room-${run}-${chat}`, name => pick(name, CHATS) === chat);
    return numbers(CONNECTORS).map(connector => new ChatUser(nameAt(`u-${run}-${chat}${connector}`, connector, CONNECTORS), room));
  });
}

/** Which process each server is, how often it began anew, and how many clients and members it has. */
async function whatIsThere() {
  const servers = [...(await allUp()).values()].filter(({ id }) => !id.startsWith('master'));
  const facts = await Promise.all(
    servers.map(async ({ id, pid }) => {
      const { stdout } = await cluster.tool('show', id);
      const report = JSON.parse(stdout);
      // A number that JSON.parse would round.
      const incarnation = /"incarnation": *(\d+)/.exec(stdout)[1];
      return [id, { pid, incarnation, sessions: report.sessions, connections: report.connections, channels: report.channels, members: report.channelMembers }];
    }),
  );
  return Object.fromEntries(facts);
}

/** Does something to NATS, and brings it back: nobody notices more than that some requests fail. */
async function survives(what, away, back) {
  const now = crowd.now();
  const before = await whatIsThere();
  await away();
  checks.check(`${what}: who asks meanwhile is told that it fails`, crowd.users.some(user => user.since(now.at).some(({ code }) => code === 500)));
  await back();
  const backAt = Date.now();
  await crowd.chats(`${what}: all rooms chat again`);
  checks.note(`${Date.now() - backAt} ms after NATS was back`);
  const requests = crowd.users.flatMap(user => user.since(now.at)).filter(({ at }) => at < backAt);
  await checks.until('all answers', () => requests.every(({ ms }) => ms !== undefined), SOON_MS);
  const codes = {};
  for (const { code } of requests) codes[code] = (codes[code] ?? 0) + 1;
  checks.equal(`${what}: every request is answered, by success or an error`, Object.keys(codes).filter(code => !['200', '500'].includes(code)), []);
  checks.note(`codes ${JSON.stringify(codes)}, the longest took ${Math.max(...requests.map(({ ms }) => ms))} ms`);
  crowd.connectedSince(what, now);
  crowd.undisturbedSince(what, now);
  checks.equal(`${what}: the same processes as before, the same incarnations, connections and members`, await whatIsThere(), before);
  await crowd.calm(`${what}, after that`);
}

/** Does something to etcd, and brings it back: nobody notices anything at all. */
async function isUnnoticed(what, away, back, awayMs) {
  const now = crowd.now();
  const before = await whatIsThere();
  await away();
  await sleep(awayMs);
  await back();
  // For as long as what is wrong could be believed.
  await sleep(BELIEVED_MS);
  await crowd.wellSince(what, now);
  crowd.connectedSince(what, now);
  crowd.undisturbedSince(what, now);
  checks.equal(`${what}: the same processes as before, the same incarnations, connections and members`, await whatIsThere(), before);
}

async function outagesOfEtcd() {
  const kill = () => etcd.kill();
  const start = () => etcd.run();
  await isUnnoticed('etcd is killed and started again', kill, start, 2_000);
  await isUnnoticed('etcd is away for 30 s', kill, start, 30_000);
  await isUnnoticed('etcd is suspended for 8 s, longer than a TTL', () => etcd.signal('SIGSTOP'), () => etcd.signal('SIGCONT'), 8_000);
}

async function outagesOfNats() {
  const kill = () => nats.kill();
  const start = () => nats.run();
  await survives('NATS is killed and started again', async () => (await kill(), await sleep(2_000)), start);
  await survives('NATS is away for 30 s', async () => (await kill(), await sleep(30_000)), start);
  const suspend = async () => (nats.signal('SIGSTOP'), await sleep(8_000));
  await survives('NATS is suspended for 8 s', suspend, () => nats.signal('SIGCONT'));
}

/** Runs another of these scripts against the gate. */
function script(name, ...more) {
  const file = fileURLToPath(new URL(name, import.meta.url));
  const args = [file, '127.0.0.1', String(cluster.gatePort), ...more];
  return new Promise(resolve => execFile(process.execPath, args, { timeout: CLIENT_MS }, (error, stdout, stderr) => resolve({ code: error ? (error.code ?? error.signal) : 0, said: stdout + stderr })));
}

async function cleanUp() {
  crowd?.close();
  if (checks.failed) console.log(cluster?.logs());
  await cluster?.end();
  await nats?.kill();
  await etcd?.end();
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => cleanUp().finally(() => process.exit(1)));
await checks.run(360_000, async () => {
  nats = await NatsServer.start();
  etcd = await EtcdServer.start();
  Object.assign(process.env, { NATS_URL: nats.url, ETCD_URL: etcd.url, ETCD_TTL: String(TTL_S) });
  cluster = await ChatCluster.prepare(programs);
  cluster.start();
  await allUp();
  const { code, said } = await script('browser-client.mjs', '--strict');
  checks.equal('the published client passes', code, 0);
  if (code !== 0) console.log(said);
  crowd = new Crowd(checks, users());
  await crowd.login(cluster.gatePort);
  crowd.talk();
  await crowd.calm('at first');
  await outagesOfEtcd();
  await outagesOfNats();
  checks.equal('all the time: nothing comes twice or out of order', crowd.users.flatMap(user => user.disorder).slice(0, 3), []);
  checks.note(`${crowd.users.flatMap(user => user.requests).length} requests`);
  crowd.close();
  checks.equal('pomelo stop is done', (await cluster.tool('stop')).code, 0);
  checks.equal('start ends with 0', await checks.within('the end of start', cluster.ended, SOON_MS), 0);
}, cleanUp);
