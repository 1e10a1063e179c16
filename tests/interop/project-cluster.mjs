// A project that `pomelo init` made and cargo has built, as processes, by the words that its README has: start, list, show, add,
// restart, stop. It takes the ports of the template (3001, 3005, 3010, 3150) while it runs.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { WebSocket } from 'ws';
import { PomeloClient } from '../../clients/js/src/index.js';
import { Checks, tag } from './checks.mjs';
import { endAll, freePorts, processesWith } from './processes.mjs';
import { needBrowser, pageSaysOk } from './project-page.mjs';

const PAGE = 'http://127.0.0.1:3001/';
const MASTER = '127.0.0.1:3005';
/** For what has no limit of its own. */
const SOON_MS = 20_000;
const TOOL_MS = 60_000;

const [folder, tool] = process.argv.slice(2).map(path => resolve(path));
if (![folder, tool].every(path => path && existsSync(path))) {
  console.error('usage: node project-cluster.mjs <the project> <the pomelo tool>');
  process.exit(2);
}
needBrowser();

const checks = new Checks();
const mark = `POMELO_PROJECT_RUN=${tag()}`;
// There is no cargo: as in production.
const env = { ...process.env, PATH: '/usr/bin:/bin', [mark.split('=')[0]]: mark.split('=')[1] };
delete env.POMELO_ENV;
let master;

/** Runs the tool in the project; a failure of it is a result as well. */
const pomelo = (...args) =>
  new Promise(done =>
    execFile(tool, args, { cwd: folder, env, timeout: TOOL_MS }, (error, stdout, stderr) => done({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr })),
  );

/** What the tool says with --json, which must succeed. */
async function json(...args) {
  const { code, stdout, stderr } = await pomelo(...args, '--json');
  checks.check(`pomelo ${args.slice(0, 2).join(' ')}: done`, code === 0, { code, stdout, stderr });
  return code === 0 ? JSON.parse(stdout) : [];
}

/** The tool must fail, and say these words. */
async function fails(what, words, ...args) {
  const { code, stderr } = await pomelo(...args);
  checks.check(what, code === 1 && words.every(word => stderr.includes(word)), { code, stderr });
}

const states = list => list.map(({ id, state }) => [id, state]);
const noneLeft = what => checks.until(what, () => processesWith(mark).length === 0, SOON_MS).then(() => checks.check(what, true));

async function startInFront() {
  const process_ = spawn(tool, ['start'], { cwd: folder, env, detached: true });
  const printed = [];
  for (const stream of [process_.stdout, process_.stderr]) stream.on('data', data => printed.push(String(data)));
  const ended = new Promise(done => process_.on('exit', (code, signal) => done(code ?? signal)));
  master = { pid: process_.pid, ended, said: () => printed.join('') };
  const up = ['connector-server-1  connector  127.0.0.1:3150  3010', '  up\n'];
  await checks.until('the table of servers', () => up.every(part => master.said().includes(part)), SOON_MS);
  checks.check('start prints the table of its servers', true);
  checks.check('what it prints to a pipe has no colours', !master.said().includes('\x1b'), master.said());
}

async function entryAt(port) {
  const client = new PomeloClient({ WebSocket });
  await client.connect(`ws://127.0.0.1:${port}`);
  const answer = await client.request('connector.entryHandler.entry');
  client.close();
  return answer;
}

async function addAndAsk() {
  const [port, clientPort] = await freePorts(2);
  const [added] = await json('add', 'id=connector-server-2', 'serverType=connector', 'host=127.0.0.1', `port=${port}`, `clientPort=${clientPort}`, 'frontend=true');
  checks.check('a server that is added is up', added?.ok, added);
  checks.equal('it serves clients', await entryAt(clientPort), { code: 200, msg: 'game server is ok.' });
  const report = await json('show', 'connector-server-2');
  const entry = report.routes.find(({ route }) => route === 'connector.entryHandler.entry');
  checks.equal('show counts its request', [entry?.requests, entry?.errors], [1, 0]);
  const all = ['master-server-1', 'connector-server-1', 'connector-server-2'];
  checks.equal('list has it', states(await json('list')), all.map(id => [id, 'up']));
  return clientPort;
}

async function newcomersErrors() {
  await fails('another start names the port that is taken', [MASTER, 'master.json', 'running already'], 'start');
  await fails('an unknown id is named', ['`nosuch`', 'pomelo list'], 'stop', 'nosuch');
  await fails('a wrong password leads to adminUser.json', ['`admin`', 'adminUser.json'], 'list', '-p', 'wrong');
}

async function inFront() {
  await startInFront();
  await pageSaysOk(checks, PAGE);
  const clientPort = await addAndAsk();
  await newcomersErrors();
  const before = await json('list');
  const restarted = await json('restart');
  checks.check('a restart is one of each server', restarted.length === 2 && restarted.every(({ ok }) => ok), restarted);
  const pids = list => list.map(({ pid }) => pid);
  const after = await json('list');
  checks.check('they are other processes, and the master is the same', pids(after).every((pid, n) => (pid === pids(before)[n]) === (n === 0)), [before, after]);
  checks.equal('the one that was added serves clients again', (await entryAt(clientPort)).code, 200);
  const stopped = await json('stop');
  checks.check('stop stops all', stopped.length === 3 && stopped.every(({ ok }) => ok), stopped);
  checks.equal('start ends with 0', await checks.within('the end of start', master.ended, SOON_MS), 0);
  await noneLeft('no process is left');
}

async function inTheBackground() {
  const started = await pomelo('start', '-e', 'production', '-D');
  checks.check('start -D is done when all are up', started.code === 0 && started.stdout.includes('connector-server-1: up'), started);
  checks.equal('list has them', states(await json('list')), [['master-server-1', 'up'], ['connector-server-1', 'up']]);
  await fails('another start names the port that is taken', [MASTER, 'already'], 'start', '-D');
  const ended = await json('kill');
  checks.check('kill ends all', ended.length === 2 && ended.every(({ ok }) => ok), ended);
  await noneLeft('no process is left of those in the background');
  await fails('without a master, list says where it looked and what to do', [MASTER, 'pomelo start'], 'list');
}

await checks.run(
  120_000,
  async () => {
    await inFront();
    await inTheBackground();
  },
  async () => {
    if (checks.failed) console.log(master?.said());
    await endAll(() => processesWith(mark), master?.pid);
  },
);
