// The login example in one process and as processes: users log in again, and again, and none of them is missing in the hall.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { WebSocket } from 'ws';
import { PomeloClient } from '../../clients/js/src/index.js';
import { Checks, sleep, tag } from './checks.mjs';
import { nameAt } from './names.mjs';
import { freePorts } from './processes.mjs';

const SERVERS = new URL('../../examples/login/config/servers.json', import.meta.url);
const USERS = 120;
/** Logins of a user: the first one, and those that take the place of the one before. */
const LOGINS = 3;
const START_MS = 20_000;
/** What a hook of an older session does too late would be done after that. */
const LATE_MS = 500;

const program = process.argv[2];
if (!program || !existsSync(program)) {
  console.error('usage: node logins.mjs <the login example>');
  process.exit(2);
}

const checks = new Checks();
const dir = mkdtempSync(join(tmpdir(), 'pomelo-logins-'));
const log = openSync(join(dir, 'log'), 'a');
const children = [];

/** Starts the example on ports of its own, one process for each of `ids`, or one for all; gives the connectors' ports for clients. */
async function start(mode) {
  const servers = JSON.parse(readFileSync(SERVERS));
  const ports = await freePorts(6);
  for (const entry of Object.values(servers).flat()) for (const key of ['port', 'clientPort']) if (key in entry) entry[key] = ports.pop();
  const config = join(dir, mode);
  mkdirSync(config);
  writeFileSync(join(config, 'servers.json'), JSON.stringify(servers));
  writeFileSync(join(config, 'master.json'), JSON.stringify({ host: '127.0.0.1', port: ports.pop() })); // nobody listens there
  const env = { ...process.env, POMELO_CONFIG: config, NO_COLOR: '1' };
  const ids = Object.values(servers).flat().map(({ id }) => ['--server-id', id]);
  for (const args of mode === 'processes' ? ids : [[]]) children.push(spawn(resolve(program), args, { env, stdio: ['ignore', log, log] }));
  return servers.connector.map(({ clientPort }) => clientPort);
}

async function stop() {
  const ended = children.map(child => child.exitCode !== null || new Promise(resolve => child.on('exit', resolve)));
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(ended);
}

/** Logs a user in by a connection of its own; gives the connection, what it has heard, and who was there. */
async function login(port, uid) {
  const client = new PomeloClient({ WebSocket });
  const heard = new Set();
  client.on('onSay', ({ text }) => heard.add(text));
  await client.connect(`ws://127.0.0.1:${port}`);
  const { users, code } = await client.request('connector.entryHandler.login', { uid });
  if (!users) client.close();
  return { client, heard, users, code };
}

async function play(mode) {
  const ports = await start(mode);
  const run = tag();
  const users = Array.from({ length: USERS }, (_, n) => ({ uid: nameAt(`${run}-${n}`, n % ports.length, ports.length), port: ports[n % ports.length] }));
  await checks.until(`${mode}: a login`, () => login(ports[0], 'first').then(one => (one.client.close(), one.users !== undefined), () => false), START_MS);
  await checks.until(`${mode}: another`, () => login(ports[1], 'second').then(one => (one.client.close(), one.users !== undefined), () => false), START_MS);

  for (let n = 0; n < LOGINS; n++) {
    await Promise.all(users.map(async (user, u) => {
      const old = user.now;
      // Of every second one the older connection ends while the newer one logs in.
      const next = login(user.port, user.uid);
      if (u % 2 === 1) old?.client.close();
      user.now = await next;
    }));
  }
  const refused = users.filter(({ now }) => now.users === undefined);
  await sleep(LATE_MS);
  const text = `anybody? ${run}`;
  await Promise.allSettled([users.find(({ now }) => now.client.connected)?.now.client.request('connector.entryHandler.say', { text })]);
  const deaf = () => users.filter(({ now }) => !now.heard.has(text));
  await checks.until(`${mode}: all to hear`, () => deaf().length === 0, 5_000).catch(() => {});
  const missing = deaf();
  checks.check(`f ${mode}: kick, bind, join, a hook that leaves, ${LOGINS} times each: ${missing.length} of ${USERS} lose the room, ${refused.length} are refused`, missing.length === 0 && refused.length === 0, missing.slice(0, 3).map(({ uid }) => uid));
  users.forEach(({ now }) => now.client.close());
  await stop();
}

await checks.run(60_000, async () => {
  await play('one process');
  await play('processes');
}, async () => {
  await stop();
  if (checks.failed) console.log(readFileSync(join(dir, 'log'), 'utf8').slice(-20_000));
  rmSync(dir, { recursive: true, force: true });
});
