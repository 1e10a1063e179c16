// The measurements behind the model: each run is made by itself, as often as you like, and `fit` makes the model's files of them all.
//
//   node benches/model/measure.mjs run <the chat example> <the bots> [NAME …] [--rounds 1]     # all of them without a name
//   node benches/model/measure.mjs fit
//
// What was measured is in measured.json; a run's older rounds go when it is made with --anew. It needs Linux and root (for
// /proc/slabinfo), and reads what processes use, not how long things take. Both programs are release builds: `cargo build --release
// --example chat --example bots`.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Chat } from './chat.mjs';
import { Crowd } from './crowd.mjs';
import { fit } from './fit.mjs';

const MEASURED = new URL('measured.json', import.meta.url);
const CONSTANTS = new URL('constants.json', import.meta.url);
const RUNS = new URL('runs.json', import.meta.url);
/** Users have come in, and what was pushed because of that has arrived. */
const REST_MS = 6_000;
const WINDOW_MS = 12_000;
const LOGIN_MS = 600_000;
/** The part of all clients that may lose their connection in a run. */
const MOST_LOST = 0.002;
/** Slower than any run is long. */
const HARDLY_EVER = 0.0001;
/** That of the chat example's connectors. */
const HEARTBEAT_S = 3;

/** Runs that constants come from: users, their rooms, messages a second in each. Those that hardly ever talk show what waiting costs. */
const CALIBRATION = [
  { name: 'nobody', connectors: 3, chats: 3 },
  { name: 'nobody, more servers', connectors: 7, chats: 7 },
  { name: 'waiting in rooms of 10', connectors: 3, chats: 3, users: 6_000, roomSize: 10, rate: HARDLY_EVER },
  { name: 'waiting in rooms of 500', connectors: 3, chats: 3, users: 6_000, roomSize: 500, rate: HARDLY_EVER },
  { name: 'to oneself', connectors: 3, chats: 3, users: 300, roomSize: 1, rate: 8, toSelf: true },
  { name: 'rooms of 10', connectors: 3, chats: 3, users: 1_000, roomSize: 10, rate: 8 },
  { name: 'rooms of 10 at one connector', connectors: 1, chats: 3, users: 1_000, roomSize: 10, rate: 8 },
  { name: 'rooms of 10 at six connectors', connectors: 6, chats: 3, users: 1_000, roomSize: 10, rate: 8 },
  { name: 'a room of 1,000', connectors: 3, chats: 3, users: 1_000, roomSize: 1_000, rate: 20 },
  { name: 'rooms of 200 at six connectors', connectors: 6, chats: 3, users: 1_000, roomSize: 200, rate: 8 },
];

/** Runs that constants don't come from. */
const PREDICTED = [
  { name: '48,000 over three connectors', connectors: 3, chats: 3, users: 48_000, roomSize: 25, rate: 0.1 },
  { name: 'rooms of 40 over two connectors', connectors: 2, chats: 2, users: 2_000, roomSize: 40, rate: 8 },
];

/** One run: what its servers used while its users waited or talked, and what they hold for them. */
async function measure(programs, run) {
  const chat = new Chat();
  const { users = 0, roomSize = 1, rate = 0, toSelf } = run;
  let crowd;
  const stop = () => (crowd?.end(), chat.end());
  const interrupted = () => stop().finally(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupted);
  try {
    await chat.start(programs.chat, run);
    const before = chat.sample();
    if (users > 0) crowd = new Crowd(programs.bots, chat.gate, { users, roomSize, rate, toSelf });
    await crowd?.allTalk(LOGIN_MS);
    await sleep(REST_MS);
    const from = chat.sample();
    await sleep(WINDOW_MS);
    const to = chat.sample();
    const report = await crowd?.report();
    if (report && !isSound(report, users)) throw new Error(`${run.name}: the bots are not well: ${JSON.stringify(report)}`);
    return figures(run, before, from, to);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupted);
    await stop();
  }
}

/** On a busy machine a client may miss its heartbeats; a few of those don't show in the figures, and nothing else may be wrong. */
function isSound({ isWell, errors, lost, sent }, users) {
  const isOnlyLost = errors.every(([error]) => error === 'the server closed the connection');
  return isWell || (sent > 0 && isOnlyLost && lost <= users * MOST_LOST);
}

function figures({ users = 0 }, before, from, to) {
  const seconds = (to.at - from.at) / 1_000;
  const aSecond = key => Object.fromEntries(Object.keys(from[key]).map(type => [type, (to[key][type] - from[key][type]) / 1_000 / seconds]));
  const held = type => (users ? (to.bytes[type] - before.bytes[type]) / users : 0);
  const [bytes, sockets] = [to.kernel.bytes - before.kernel.bytes, to.kernel.sockets - before.kernel.sockets];
  const link = (to.link.sent - from.link.sent + (to.link.received - from.link.received)) / seconds;
  return { seconds, cpuUs: aSecond('cpuNs'), bytesAUser: { connector: held('connector'), chat: held('chat') }, kernelBytesASocket: users ? bytes / sockets : 0, linkBytesASecond: link, load: loadavg()[0] };
}

/** Rounds go through all runs, so that a busy minute doesn't hit one of them only. What fails is said, and made again another time. */
async function makeRuns(programs, runs, { rounds, anew }) {
  for (let round = 0; round < Number(rounds); round++) {
    for (const run of runs) {
      const one = await measure(programs, run).catch(error => console.error(`${run.name}: ${error.message}`));
      if (!one) continue;
      console.error(`${run.name}: ${JSON.stringify(one)}`);
      const all = read(MEASURED);
      const older = anew && round === 0 ? [] : (all[run.name] ?? []);
      write(MEASURED, { ...all, [run.name]: [...older, { ...one, date: new Date().toISOString().slice(0, 10), machine: machine() }] });
    }
  }
}

/** Of each figure the median counts. */
function summary(run) {
  const all = read(MEASURED)[run.name] ?? [];
  if (all.length === 0) throw new Error(`${run.name} was never measured`);
  const how = { rounds: all.length, dates: unique(all.map(({ date }) => date)), machines: unique(all.map(({ machine }) => machine)), loads: all.map(({ load }) => load), spread: spread(all) };
  const { cpuUs, bytesAUser, kernelBytesASocket, linkBytesASecond } = medians(all.map(({ date, machine, ...figures }) => figures));
  return { ...run, measured: { cpuUs, bytesAUser, kernelBytesASocket, linkBytesASecond }, how };
}

const unique = list => [...new Set(list)];

const median = numbers => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

const medians = all => Object.fromEntries(Object.entries(all[0]).map(([key, value]) => [key, typeof value === 'number' ? median(all.map(one => one[key])) : medians(all.map(one => one[key]))]));

/** The highest of the rounds' CPU times as a multiple of the lowest. */
function spread(all) {
  const total = all.map(({ cpuUs }) => cpuUs.connector + cpuUs.chat);
  return Math.max(...total) / Math.min(...total);
}

const machine = () => `${cpus().length} cores of ${cpus()[0].model}`;

function makeFiles() {
  const calibration = CALIBRATION.map(summary);
  const predicted = PREDICTED.filter(({ name }) => read(MEASURED)[name]).map(summary);
  write(CONSTANTS, { how: 'node benches/model/measure.mjs run, then fit', ...fit(calibration, HEARTBEAT_S), runs: calibration });
  write(RUNS, predicted);
}

const read = file => JSON.parse(readFileSync(file, 'utf8'));
const write = (file, value) => writeFileSync(file, `${JSON.stringify(value, (_, number) => (typeof number === 'number' ? Number(number.toPrecision(5)) : number), 2)}\n`);

const { values: options, positionals: [what, chat, bots, ...names] } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '1' }, anew: { type: 'boolean', default: false } },
});
const ALL = [...CALIBRATION, ...PREDICTED];
const isKnown = names.every(name => ALL.some(run => run.name === name));
if (what === 'fit') makeFiles();
else if (what === 'run' && bots && isKnown) await makeRuns({ chat, bots }, ALL.filter(({ name }) => names.length === 0 || names.includes(name)), options);
else {
  console.error(`usage: node benches/model/measure.mjs run <the chat example> <the bots> [NAME …] [--rounds 1] [--anew]\n       node benches/model/measure.mjs fit\nruns: ${ALL.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
