// What several hosts must bear, in one world; it runs on the host `clients`. See README.md.
import { spawn } from 'node:child_process';
import { sleep } from '../interop/checks.mjs';
import { Hosts } from '../interop/hosts.mjs';
import { HOSTS, ScatteredChat, idsOf } from '../interop/scattered-chat.mjs';
import { Settlement } from '../interop/settlement.mjs';
import { makeLinesLong } from './long-lines.mjs';
import { WORLDS } from './worlds.mjs';

const [prefix, worldName, chat, tool, client, ...only] = process.argv.slice(2);
const [[GATE], CONNECTORS, CHATS] = [idsOf('gate'), idsOf('connector'), idsOf('chat')];
/** All is as it was so soon after lines are whole. */
const HEAL_MS = 8_000;
/** A peer is given up after 5 s of silence. */
const GIVEN_UP_MS = 8_000;
const HOLE_MS = 4_000;
const LOSSY_MS = 15_000;
/** So much of all packets is lost then. */
const LOSS = 0.1;
/** How long a line takes one way, where lines are long. */
const LINE_MS = 200;
const CLIENT_MS = 85_000;
const LIMIT_MS = 170_000;

const { hasMaster, areLinesLong, transport } = WORLDS[worldName];
const isOverNats = transport === 'nats';
/** From a client to its connector, to the chat server, and both ways back; by way of the bus, if there is one. */
const ANSWER_LINES = isOverNats ? 6 : 4;
const world = new ScatteredChat({ chat, tool }, new Hosts(prefix, HOSTS), hasMaster, isOverNats);
const patience = areLinesLong ? { heldUpMs: 1_000 + ANSWER_LINES * LINE_MS } : undefined;
const settlement = new Settlement(world, worldName, patience);
const { checks, hosts, village, users: USERS } = settlement;
/** What servers reach each other by, beside their lines: who is cut off from others is cut off from it, too. */
const BUS = isOverNats ? ['bus'] : [];
const BACKENDS = [...CHATS, ...(hasMaster ? ['master-server-1'] : []), ...BUS];
const EVERYONE = [GATE, ...CONNECTORS, ...BACKENDS, 'clients'];

/** One line for each thing that hosts bear: who is of `own` may notice it, and nobody else. */
async function verdict(name, what, now, own = () => false, more = {}) {
  const { text, inTime } = await settlement.completion(HEAL_MS);
  const isOther = user => !own(user);
  const [theirs, others] = [village.lost(now, own), village.lost(now, isOther)];
  const count = village.residents.filter(isOther).length;
  const figures = `${others.length} of ${count} clients lost${count < USERS ? `, and ${theirs.length} of its own ${USERS - count}` : ''}, ${text}`;
  settlement.verdict(name, what, figures, {
    'no other client is lost': others.length === 0,
    'nobody is put out': village.kicked(now) === 0,
    'nobody else seems to come or go': village.moves(now, isOther) === 0,
    'all is complete in time': inTime,
    'no server begins anew': settlement.livesLost() === now.livesLost,
    'no process has ended': world.ids.every(id => !world.process(id).isOver),
    ...more,
  });
}

async function hole() {
  const now = settlement.sinceNow();
  await settlement.cutFor(HOLE_MS, [GATE, ...CONNECTORS], BACKENDS);
  await verdict('hole', `a hole of ${HOLE_MS / 1000} s between the hosts of frontends and of backends`, now, undefined, {
    // A link is tried again more often than NATS's client tries its server: by then who was cut off may count as gone, and comes back.
    'nobody else seems to come or go': isOverNats || village.moves(now) === 0,
    'who was seen to leave is seen to come once': village.unbalanced(now).length === 0 && village.oddities(now).length === 0,
  });
}

async function gateCutOff() {
  const now = settlement.sinceNow();
  await settlement.cutFor(GIVEN_UP_MS, [GATE], [...CONNECTORS, ...BUS]);
  await verdict('gateCutOff', `the gate is cut off from all connectors for ${GIVEN_UP_MS / 1000} s`, now, undefined, { 'every message is taken': village.refused(now) === 0 });
}

async function connectorCutOff() {
  const now = settlement.sinceNow();
  const [id] = CONNECTORS;
  await settlement.cutFor(GIVEN_UP_MS, [id], EVERYONE);
  await verdict('connectorCutOff', `a connector's host is cut off from all others, those of clients too, for ${GIVEN_UP_MS / 1000} s`, now, user => user.connector === id, {
    'nobody is seen to come twice': village.oddities(now).length === 0,
  });
}

async function chatCutOff() {
  const now = settlement.sinceNow();
  const [id] = CHATS;
  await settlement.cutFor(GIVEN_UP_MS, [id], EVERYONE);
  await verdict('chatCutOff', `a chat server's host is cut off from all others for ${GIVEN_UP_MS / 1000} s`, now, user => user.chat === id, {
    'none of its own lose their connection, either': village.lost(now).length === 0,
  });
}

async function loss() {
  const now = settlement.sinceNow();
  hosts.lose(LOSS);
  await sleep(LOSSY_MS);
  const { lost, passed } = hosts.packets();
  hosts.heal();
  const what = `${(lost / (lost + passed) * 100).toFixed(1)} % of ${lost + passed} packets are lost on their way in ${LOSSY_MS / 1000} s`;
  await verdict('loss', what, now, undefined, { 'packets were lost': lost > 0 });
}

/** Answers take as long as the lines are: or the relay isn't in their way. */
async function longLines() {
  const now = settlement.sinceNow();
  const [user] = village.residents;
  const began = Date.now();
  await user.say('how long?');
  const took = Date.now() - began;
  await sleep(GIVEN_UP_MS);
  await verdict('longLines', `with lines of ${LINE_MS} ms, an answer after ${took} ms`, now, undefined, {
    'the relay is in the way': took >= ANSWER_LINES * LINE_MS,
    'every message is taken': village.refused(now) === 0,
  });
}

async function publishedClient() {
  const now = settlement.sinceNow();
  const { hostname, port } = new URL(world.gateUrl);
  const [file, ...words] = client.split(' ');
  const child = spawn(process.execPath, [file, hostname, port, '--strict', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', data => said.push(String(data)));
  const code = await checks.within('the published client', new Promise(done => child.on('exit', done)), CLIENT_MS);
  await verdict('publishedClient', `the published client chats, ${said.join('').match(/^ok /gm)?.length ?? 0} checks`, now, undefined, { 'its own checks pass': code === 0 });
  if (code !== 0) checks.note(said.join(''));
}

const SCENARIOS = areLinesLong ? { longLines, publishedClient } : { publishedClient, gateCutOff, hole, connectorCutOff, chatCutOff, loss };

if (areLinesLong) await makeLinesLong(hosts, world.services, LINE_MS);
await settlement.play(SCENARIOS, only, LIMIT_MS);
