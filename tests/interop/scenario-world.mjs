// The scenarios of scenarios.mjs in one world; it runs on the host `clients`.
import { WebSocket } from 'ws';
import { ChatRoom } from '../../examples/chat/web/chat-room.js';
import { sleep } from './checks.mjs';
import { Hosts } from './hosts.mjs';
import { nameAt } from './names.mjs';
import { Resident } from './resident.mjs';
import { HOSTS, ScatteredChat, idsOf } from './scattered-chat.mjs';
import { Settlement } from './settlement.mjs';

const [prefix, worldName, chat, tool, ...only] = process.argv.slice(2);
const [[GATE], CONNECTORS, CHATS] = [idsOf('gate'), idsOf('connector'), idsOf('chat')];
const BACKENDS = [...CHATS, 'master-server-1'];
/** All is as it was so soon after lines are whole, and after the disk has space. */
const HEAL_MS = 8_000;
const SPACE_MS = 5_000;
/** A server that finds its place taken tries for 5 s. */
const OCCUPIED_MS = 15_000;
/** A link that says nothing for 3 s counts as broken, and the master is told. */
const NOTICED_MS = 4_500;
/** For what nothing is promised. */
const SOON_MS = 20_000;

const world = new ScatteredChat({ chat, tool }, new Hosts(prefix, HOSTS), worldName === 'with a master');
const settlement = new Settlement(world, worldName);
const { checks, hosts, run, village, rooms: ROOMS, users: USERS } = settlement;
const verdict = (...words) => settlement.verdict(...words);
const completion = ms => settlement.completion(ms);
const cutFor = (...words) => settlement.cutFor(...words);
const livesLost = () => settlement.livesLost();
const sinceNow = () => settlement.sinceNow();

/** What `pomelo list` says of the servers while lines have been cut for a while, if there is a master. */
async function listedWhile(cut) {
  const listed = world.hasMaster ? sleep(6_500).then(() => world.list()) : undefined;
  await cut;
  return listed;
}

/** Whether these servers were in such a state, and all others up. */
const isListed = (states, state, ids) => world.ids.every(id => states.get(id) === (ids.includes(id) ? state : 'up'));

/** Cuts lines for at least so long; says of whom the master has heard, once there was time to notice, and what it called up then of those at both ends. */
async function listedWhileCutFor(ms, some, others) {
  const end = Date.now() + ms;
  const cutOff = [...some, ...others];
  const [heard, calledUp] = [new Set(), new Set()];
  hosts.cut(some, others);
  await sleep(NOTICED_MS);
  do {
    for (const [id, state] of world.hasMaster ? await world.list() : []) {
      heard.add(id);
      if (state === 'up' && cutOff.includes(id)) calledUp.add(id);
    }
    await sleep(100);
  } while (Date.now() < end);
  hosts.heal();
  return { heard: [...heard], calledUp: [...calledUp] };
}

/** How many servers the master calls up: all of them soon, if it can reach them. */
async function listedUp(ms) {
  for (const end = Date.now() + ms; ; await sleep(100)) {
    const up = [...(await world.list()).values()].filter(state => state === 'up').length;
    if (up === world.ids.length + 1 || Date.now() >= end) return up;
  }
}

async function gateCutOff() {
  const now = sinceNow();
  const states = await listedWhile(cutFor(8_000, [GATE], CONNECTORS));
  const { text, inTime } = await completion(HEAL_MS);
  const lost = village.lost(now);
  verdict('a', 'the gate is cut off from all connectors for 8 s', `${lost.length} of ${USERS} clients lost, ${text}`, {
    'no client is lost': lost.length === 0,
    'nobody seems to come or go': village.moves(now) === 0,
    'every message is taken': village.refused(now) === 0,
    'all is complete in time': inTime,
    'no server begins anew': livesLost() === now.livesLost,
    'list says that the gate and connectors are partly linked': !states || isListed(states, 'partly linked', [GATE, ...CONNECTORS]),
  });
}

async function connectorCutOff() {
  const now = sinceNow();
  const [id] = CONNECTORS;
  const states = await listedWhile(cutFor(8_000, [id], world.ids));
  const { text, inTime } = await completion(HEAL_MS);
  const theirs = village.lost(now, user => user.connector === id);
  const others = village.lost(now, user => user.connector !== id);
  verdict('b', 'a connector is cut off from all servers for 8 s', `${theirs.length} of ${ROOMS} of its own and ${others.length} of ${USERS - ROOMS} other clients lost, ${text}`, {
    'no other client is lost': others.length === 0,
    'its own keep their connections, too': theirs.length === 0,
    'who was seen to leave is seen to come once': village.unbalanced(now).length === 0 && village.oddities(now).length === 0,
    'nobody else seems to come or go': village.moves(now, user => user.connector !== id) === 0,
    'all is complete in time': inTime,
    'no server begins anew': livesLost() === now.livesLost,
    'list says that nobody reaches it, and blames nobody else': !states || isListed(states, 'unreachable', [id]),
  });
}

async function connectorCutOffFromClientsToo() {
  const now = sinceNow();
  const [, id] = CONNECTORS;
  await cutFor(8_000, [id], [...world.ids, ...BACKENDS, 'clients']);
  const { text, inTime } = await completion(HEAL_MS);
  const [theirs, others] = [village.lost(now, user => user.connector === id), village.lost(now, user => user.connector !== id)];
  verdict('b', 'a connector is cut off from everyone, its clients too, for 8 s', `${theirs.length} of ${ROOMS} of its own and ${others.length} of ${USERS - ROOMS} other clients lost, ${text}`, {
    'no other client is lost': others.length === 0,
    'nobody is put out': village.kicked(now) === 0,
    'nobody else seems to come or go': village.moves(now, user => user.connector !== id) === 0,
    'nobody is seen to come twice': village.oddities(now).length === 0,
    'all is complete in time': inTime,
    'no server begins anew': livesLost() === now.livesLost,
  });
}

async function hole() {
  const now = sinceNow();
  await cutFor(4_000, [GATE, ...CONNECTORS], BACKENDS);
  const { text, inTime } = await completion(HEAL_MS);
  const lost = village.lost(now);
  verdict('c', 'a hole of 4 s between the hosts of frontends and of backends', `${lost.length} of ${USERS} clients lost, ${text}`, {
    'no client is lost': lost.length === 0,
    'nobody seems to come or go': village.moves(now) === 0,
    'all is complete in time': inTime,
    'no server begins anew': livesLost() === now.livesLost,
  });
}

/** Where the older one of a duplicate runs, as an operator must be told. */
const names = (log, id) => log.includes(hosts.address(id)) && log.includes(String(world.process(id).pid));

async function duplicates() {
  const now = sinceNow();
  // The last connector has the highest id, so it dials nobody: its copy has to be told.
  const ids = [CONNECTORS[2], CHATS[2], GATE];
  const copies = ids.map(id => ({ id, as: `copy of ${id}` })).map(copy => ({ ...copy, ...world.startServer(copy.id, { host: 'stray', as: copy.as }) }));
  const codes = await Promise.all(copies.map(({ ended }) => Promise.race([ended, sleep(OCCUPIED_MS)])));
  for (const { as } of copies) if (!world.process(as).isOver) world.signal(as, 'SIGKILL');
  const { text, inTime } = await completion(HEAL_MS);
  const lost = village.lost(now);
  verdict('d', 'second processes of a connector, a chat server and the gate', `${lost.length} of ${USERS} clients lost, the second ones end with ${codes.map(code => code ?? 'nothing')}, ${text}`, {
    'no client is lost': lost.length === 0,
    'nobody seems to come or go': village.moves(now) === 0,
    'every message is taken': village.refused(now) === 0,
    'each ends with an error': codes.every(code => Number.isInteger(code) && code !== 0),
    'and says where the first one runs': copies.every(({ id, as }) => names(world.log(as), id)),
    'all is complete in time': inTime,
    'no server begins anew': livesLost() === now.livesLost,
  });
}

async function duplicateOfAnotherCluster() {
  const now = sinceNow();
  const [id] = CONNECTORS;
  const as = `${id} of another secret`;
  const copy = world.startServer(id, { host: 'stray', as, env: { POMELO_CLUSTER_SECRET: 'another' } });
  const code = await Promise.race([copy.ended, sleep(OCCUPIED_MS)]);
  if (!copy.isOver) world.signal(as, 'SIGKILL');
  const { text, inTime } = await completion(HEAL_MS);
  const lost = village.lost(now);
  verdict('d', 'a second process that has another secret, and a token', `${lost.length} of ${USERS} clients lost, it ends with ${code ?? 'nothing'}, ${text}`, {
    'no client is lost': lost.length === 0,
    'nobody seems to come or go': village.moves(now) === 0,
    'the first one is still up': !world.process(id).isOver && (!world.hasMaster || (await world.list()).get(id) === 'up'),
    'with a master it ends with an error': !world.hasMaster || (Number.isInteger(code) && code !== 0),
    'all is complete in time': inTime,
  });
}

async function suspended() {
  const now = sinceNow();
  const [, id] = CONNECTORS;
  world.signal(id, 'SIGSTOP');
  await sleep(20_000);
  world.signal(id, 'SIGCONT');
  const { text, inTime } = await completion(HEAL_MS);
  const [theirs, others] = [village.lost(now, user => user.connector === id), village.lost(now, user => user.connector !== id)];
  verdict('e', 'a connector is stopped for 20 s by SIGSTOP', `${theirs.length} of ${ROOMS} of its own and ${others.length} of ${USERS - ROOMS} other clients lost, ${text}`, {
    'no other client is lost': others.length === 0,
    'nobody is put out': village.kicked(now) === 0,
    'nobody else seems to come or go': village.moves(now, user => user.connector !== id) === 0,
    'nobody is seen to come twice': village.oddities(now).length === 0,
    'all is complete in time': inTime,
    'no server begins anew': livesLost() === now.livesLost,
  });
}

async function fullDisk() {
  const now = sinceNow();
  world.fillDisk();
  // The master still hears all of them.
  const { heard, calledUp } = await listedWhileCutFor(6_000, CONNECTORS, CHATS);
  await sleep(500);
  await cutFor(3_500, CONNECTORS, BACKENDS);
  world.freeDisk();
  const { text, inTime } = await completion(SPACE_MS);
  const strangers = village.residents.map((user, n) => new Resident(nameAt(`s-${run}-${n}`, CONNECTORS.indexOf(user.connector), CONNECTORS.length), user.room, world.gateUrl));
  const refused = (await Promise.allSettled(strangers.map(stranger => stranger.arrive()))).filter(({ status }) => status === 'rejected');
  strangers.forEach(stranger => stranger.goHome());
  const up = world.hasMaster ? await listedUp(HEAL_MS) : undefined;
  verdict('g', 'the logs have a full disk for 10 s, and lines break', `${village.lost(now).length} of ${USERS} clients lost, ${text}, ${refused.length} of ${USERS} new users refused${up === undefined ? '' : `, ${calledUp.length} listed as up while they were cut off, ${up} in the end`}`, {
    'no client is lost': village.lost(now).length === 0,
    'every room serves in time': inTime,
    'new users are let in, too': refused.length === 0,
    'the list is there meanwhile': up === undefined || heard.length === world.ids.length + 1,
    'what can’t be reached isn’t called up': calledUp.length === 0,
    'what can be reached is called up': up === undefined || up === world.ids.length + 1,
    'no process has ended': world.ids.every(id => !world.process(id).isOver),
  });
}

async function politeRestart() {
  const now = sinceNow();
  const id = CONNECTORS[2];
  const page = new ChatRoom({ gateUrl: world.gateUrl, client: { WebSocket }, backoff: { firstMs: 300, maxMs: 1_500 } });
  let ended;
  page.on('ended', error => (ended = error.kind));
  await page.join(nameAt(`page-${run}`, 2, CONNECTORS.length), `lobby-${run}`).catch(error => (ended = error.kind));
  world.signal(id, 'SIGTERM');
  const code = await checks.within(`the end of ${id}`, world.process(id).ended, SOON_MS);
  world.startServer(id);
  const { text, inTime } = await completion(HEAL_MS);
  const [theirs, others] = [village.lost(now, user => user.connector === id), village.lost(now, user => user.connector !== id)];
  verdict('h', 'a connector is restarted politely', `${theirs.length} of its clients come back, ${others.length} of ${USERS - ROOMS} others lost, ${text}`, {
    'it ends in order': code === 0,
    'nobody is put out': village.kicked(now) === 0,
    'the client of the page comes back by itself': page.state === 'in' && ended === undefined,
    'no other client is lost': others.length === 0,
    'each is seen to leave and to come once': village.unbalanced(now).length === 0 && village.oddities(now).length === 0,
    'all is complete in time': inTime,
  });
  page.leave();
}

const SCENARIOS = { gateCutOff, hole, connectorCutOff, connectorCutOffFromClientsToo, duplicates, duplicateOfAnotherCluster, fullDisk, politeRestart, suspended };

await settlement.play(SCENARIOS, only, 230_000);
