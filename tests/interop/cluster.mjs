// The chat example as a cluster of processes, under failures: servers are killed, suspended, added and restarted while users talk.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ChatCluster } from './chat-cluster.mjs';
import { Crowd } from './chat-crowd.mjs';
import { ChatUser } from './chat-user.mjs';
import { Checks, sleep, tag } from './checks.mjs';
import { nameAt, nameWhere, pick } from './names.mjs';
import { freePort } from './processes.mjs';

/** A list is complete so soon after a master has died and come back; twice that, since the machine may be busy. */
const RECOVERY_MS = 2 * 15_000;
/** For what has no limit of its own. */
const SOON_MS = 20_000;
const SUSPENDED_MS = 20_000;
const CHATS = 3;
const CONNECTORS = 3;
const SERVERS = 1 + 1 + CONNECTORS + CHATS; // and the master, and the gate
const ROOMS_PER_CHAT = 2;
const USERS_PER_ROOM_AND_CONNECTOR = 2;

const programs = { chat: process.argv[2], tool: process.argv[3] };
if (!Object.values(programs).every(program => program && existsSync(program))) {
  console.error('usage: node cluster.mjs <the chat example> <the pomelo tool>');
  process.exit(2);
}
for (const name of Object.keys(programs)) programs[name] = resolve(programs[name]);

const checks = new Checks();
const run = tag();
const clusters = [];
let crowd = new Crowd(checks, []);

async function start(options) {
  const cluster = await ChatCluster.prepare(programs, options);
  clusters.push(cluster);
  const began = Date.now();
  cluster.start();
  await allUp(cluster, SERVERS);
  checks.note(`all up after ${Date.now() - began} ms`);
  return cluster;
}

const allUp = (cluster, count, ms = SOON_MS) =>
  checks.until(`${count} servers to be up`, async () => {
    const list = await cluster.list();
    return list.size === count && [...list.values()].every(({ state }) => state === 'up') && list;
  }, ms);

/** Stops the application; the tool may be killed on the way. */
async function stop(cluster, what, { killTool = false } = {}) {
  if (killTool) checks.note(`the tool was killed: ${await cluster.toolKilledAfter(150, 'stop')}`);
  else checks.equal(`${what}: pomelo stop is done`, (await cluster.tool('stop')).code, 0);
  checks.equal(`${what}: start ends with 0`, await checks.within('the end of start', cluster.ended, SOON_MS), 0);
  checks.equal(`${what}: no process is left`, cluster.processes(), []);
}

/** An order to the master that must succeed. */
async function order(cluster, ...words) {
  const began = Date.now();
  const { code, stdout, stderr } = await cluster.tool(...words);
  checks.equal(`pomelo ${words.slice(0, 3).join(' ')}: done`, code, 0);
  checks.note(code === 0 ? `took ${Date.now() - began} ms` : stdout + stderr);
}

/** Users of all connectors in rooms of all chat servers. */
function users() {
  const users = [];
  for (let chat = 0; chat < CHATS; chat++) {
    for (let r = 0; r < ROOMS_PER_CHAT; r++) {
      // The first room will move to the chat server that is added.
      const moves = r === 0;
      const room = nameWhere(`room-${run}-${chat}${r}`, name => pick(name, CHATS) === chat && (pick(name, CHATS + 1) === CHATS) === moves);
      for (let connector = 0; connector < CONNECTORS; connector++) {
        for (let u = 0; u < USERS_PER_ROOM_AND_CONNECTOR; u++) {
          const name = nameAt(`u-${run}-${chat}${r}${connector}${u}`, connector, CONNECTORS);
          // The first connector will be suspended.
          users.push(Object.assign(new ChatUser(name, room, { patient: connector === 0 }), { chat, connector }));
        }
      }
    }
  }
  return users;
}

async function withoutPorts() {
  const what = 'connectors without a port';
  const cluster = await start({ connectorPorts: false });
  crowd = new Crowd(checks, [0, 1, 2].map(connector => new ChatUser(nameAt(`p-${run}`, connector, CONNECTORS), `ports-${run}`)));
  await crowd.login(cluster.gatePort);
  checks.equal(`${what}: the gate sends users to all of them`, new Set(crowd.users.map(user => user.port)).size, CONNECTORS);
  crowd.talk();
  await crowd.calm(what);
  const [first, ...others] = crowd.users;
  const now = crowd.now();
  await cluster.signal('connector-server-1', 'SIGKILL');
  await new Crowd(checks, others).seesLeaving(`${what}: one is killed`, new Crowd(checks, [first]), now);
  await allUp(cluster, SERVERS);
  await checks.until('a login', () => first.login(cluster.gatePort).catch(() => false), SOON_MS);
  await crowd.chats(`${what}: one is killed: its user comes back when it does`);
  crowd.close();
  await stop(cluster, what);
}

async function killChat(cluster) {
  const what = 'a chat server is killed';
  const [theirs, others] = [crowd.filter(user => user.chat === 1), crowd.filter(user => user.chat !== 1)];
  const now = crowd.now();
  const pid = await cluster.signal('chat-server-2', 'SIGKILL');
  await checks.until('its rooms to notice', () => theirs.users.every(user => user.since(now.at).some(({ code }) => code === 500)), SOON_MS);
  const list = await allUp(cluster, SERVERS);
  checks.note(`up after ${Date.now() - now.at} ms`);
  checks.check(`${what}: another process takes its place`, list.get('chat-server-2').pid !== pid);
  await theirs.chats(`${what}: its rooms chat again`);
  await theirs.answeredSince(what, now);
  await others.wellSince(`${what}, the other rooms`, now);
  others.undisturbedSince(`${what}, the other rooms`, now);
  crowd.connectedSince(what, now);
  checks.equal(`${what}: nobody leaves`, crowd.users.flatMap(user => user.seen('onLeave', now.at)), []);
}

async function killMaster(cluster) {
  const before = await cluster.list();
  const now = crowd.now();
  cluster.killMaster();
  await cluster.ended;
  await crowd.calm('the master is killed');
  const began = Date.now();
  cluster.start();
  const list = await allUp(cluster, before.size, RECOVERY_MS);
  checks.note(`the list is complete after ${Date.now() - began} ms`);
  const pids = list => [...list].filter(([id]) => !id.startsWith('master')).map(([id, { pid }]) => [id, pid]);
  checks.equal('the master comes back: its list is complete, with the same processes', pids(list), pids(before));
  await crowd.wellSince('the master dies and comes back', now);
  crowd.undisturbedSince('the master dies and comes back', now);
  crowd.connectedSince('the master dies and comes back', now);
}

/** Commands to add a server that must fail, and change nothing. */
async function failedAdds(cluster) {
  const what = 'a server that can’t be added';
  const before = await cluster.list();
  const now = crowd.now();
  const port = await freePort();
  const entry = (id, type, host, port) => [`id=${id}`, `serverType=${type}`, `host=${host}`, `port=${port}`];
  const wrong = {
    'its port is a connector’s': entry('chat-server-4', 'chat', '127.0.0.1', before.get('connector-server-1').port),
    'there is no such type': entry('chat-server-4', 'chatt', '127.0.0.1', port),
    'there is no such host': entry('chat-server-4', 'chat', 'no-such-host.invalid', port),
    'one of a cluster has the port of a connector': ['clusterCount=1', 'serverType=chat', 'host=127.0.0.1', `port=${before.get('connector-server-1').port}++`],
  };
  for (const [why, words] of Object.entries(wrong)) {
    const { code, stdout } = await cluster.tool('add', ...words);
    checks.check(`${what}, since ${why}: the command fails and says why`, code === 1 && JSON.parse(stdout).every(({ ok, message }) => !ok && message), { code, stdout });
    checks.equal(`${what}, since ${why}: the list is as before`, [...(await cluster.list()).keys()], [...before.keys()]);
  }
  await sleep(1_000);
  await crowd.wellSince(what, now);
  crowd.undisturbedSince(what, now);
}

async function addChat(cluster) {
  const what = 'a chat server is added';
  const now = crowd.now();
  await order(cluster, 'add', 'id=chat-server-4', 'serverType=chat', 'host=127.0.0.1', `port=${await freePort()}`, 'auto-restart=true');
  await allUp(cluster, SERVERS + 1);
  await crowd.chats(`${what}: all rooms chat`);
  const moved = crowd.users.filter(user => pick(user.room, CHATS + 1) === CHATS);
  const report = JSON.parse((await cluster.tool('show', 'chat-server-4')).stdout);
  const sends = report.routes.find(({ route }) => route === 'chat.chatHandler.send');
  checks.check(`${what}: it serves its share of the rooms`, report.channelMembers === moved.length && sends.requests > sends.errors, report);
  await crowd.answeredSince(what, now);
  crowd.connectedSince(what, now);
}

async function killConnector(cluster) {
  const what = 'a connector is killed';
  const [lost, left] = [crowd.filter(user => user.connector === 2), crowd.filter(user => user.connector !== 2)];
  const { size } = await cluster.list();
  const now = crowd.now();
  await cluster.signal('connector-server-3', 'SIGKILL');
  await left.seesLeaving(what, lost, now);
  await allUp(cluster, size);
  await left.wellSince(`${what}, the others`, now);
  left.connectedSince(`${what}, the others`, now);
  await lost.login(cluster.gatePort);
  await crowd.chats(`${what}: its users come back`);
}

async function suspendConnector(cluster) {
  const what = 'a connector is suspended';
  const [lost, left] = [crowd.filter(user => user.connector === 0), crowd.filter(user => user.connector !== 0)];
  const { size } = await cluster.list();
  // A number that JSON.parse would round.
  const incarnation = async () => /"incarnation": *(\d+)/.exec((await cluster.tool('show', 'connector-server-1')).stdout)?.[1];
  const before = await incarnation();
  const now = crowd.now();
  const pid = await cluster.signal('connector-server-1', 'SIGSTOP');
  await left.seesLeaving(what, lost, now);
  await sleep(now.at + SUSPENDED_MS - Date.now());
  lost.connectedSince(`${what}: its users notice nothing yet`, now);
  process.kill(pid, 'SIGCONT');
  await left.seesComing(`${what} and resumes`, lost, now);
  lost.connectedSince(`${what} and resumes: its users keep their connections`, now);
  checks.equal(`${what} and resumes: it is the same incarnation as before`, await checks.until('its incarnation', incarnation, SOON_MS), before);
  await allUp(cluster, size);
  await crowd.chats(`${what} and resumes: all rooms chat`);
  await left.wellSince(`${what} and resumes, the others`, now);
  left.connectedSince(`${what} and resumes, the others`, now);
}

async function restartChats(cluster) {
  const what = 'a rolling restart';
  const now = crowd.now();
  const before = await cluster.list();
  await order(cluster, 'restart', '--type', 'chat');
  const after = await allUp(cluster, before.size);
  const others = [...after.values()].filter(({ id, pid }) => pid !== before.get(id).pid);
  checks.equal(`${what}: the chat servers are other processes, and only they`, others.map(({ serverType }) => serverType), Array(CHATS + 1).fill('chat'));
  await crowd.chats(`${what}: all rooms chat`);
  await crowd.answeredSince(what, now);
  crowd.connectedSince(what, now);
}

async function stopChat(cluster) {
  const what = 'a chat server is stopped for good';
  const now = crowd.now();
  await order(cluster, 'stop', 'chat-server-4');
  await crowd.chats(`${what}: all rooms chat`);
  await crowd.answeredSince(what, now);
  crowd.connectedSince(what, now);
  checks.check(`${what}: it is in no list`, !(await cluster.list()).has('chat-server-4'));
}

async function failures() {
  const cluster = await start();
  crowd = new Crowd(checks, users());
  await crowd.login(cluster.gatePort);
  crowd.talk();
  await crowd.calm('at first');
  for (const scenario of [failedAdds, killChat, killMaster, addChat, killConnector, suspendConnector, restartChats, stopChat]) {
    await scenario(cluster);
    await crowd.calm('after that');
  }
  checks.equal('all the time: nothing comes twice or out of order', crowd.users.flatMap(user => user.disorder).slice(0, 3), []);
  checks.note(`${crowd.users.flatMap(user => user.requests).length} requests`);
  crowd.close();
  await stop(cluster, 'after all that', { killTool: true });
}

async function cleanUp() {
  crowd.close();
  for (const cluster of clusters) {
    if (checks.failed) console.log(cluster.logs());
    await cluster.end();
  }
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => cleanUp().finally(() => process.exit(1)));
await checks.run(175_000, async () => {
  await withoutPorts();
  await failures();
}, cleanUp);
