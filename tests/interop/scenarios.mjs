// What bad lines cost: the chat example with a host for each server, without a master and with one, and lines that are cut. See README.md.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Hosts, whyNot } from './hosts.mjs';
import { HOSTS } from './scattered-chat.mjs';

const LIMIT_MS = 235_000;
const WORLDS = ['without a master', 'with a master'];

const [chat, tool, ...only] = process.argv.slice(2);
if (![chat, tool].every(program => program && existsSync(program))) {
  console.error('usage: node scenarios.mjs <the chat example> <the pomelo tool> [scenario …]');
  process.exit(2);
}
const obstacle = whyNot();
if (obstacle) {
  console.log(`SKIPPED: no line is cut and no server is cut off in this run: ${obstacle}`);
  process.exit(0);
}

const began = Date.now();
const worlds = WORLDS.map((name, n) => ({ name, prefix: `pomelo-${process.pid}-${n}` }));
const removeAll = () => worlds.forEach(({ prefix }) => new Hosts(prefix, HOSTS).remove());
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => (removeAll(), process.exit(1)));

/** Runs all scenarios in one of the worlds, as a process among its hosts. */
async function play({ name, prefix }) {
  const hosts = new Hosts(prefix, HOSTS);
  hosts.create();
  const script = new URL('scenario-world.mjs', import.meta.url).pathname;
  const [ip, ...words] = hosts.command('clients', process.execPath, script, prefix, name, resolve(chat), resolve(tool), ...only);
  const child = spawn(ip, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => (console.log(`FAIL ${name}: the whole run takes less than ${LIMIT_MS} ms`), child.kill('SIGKILL')), LIMIT_MS);
  createInterface({ input: child.stdout }).on('line', line => console.log(line));
  const code = await new Promise(resolve => child.on('close', resolve));
  clearTimeout(timer);
  return code === 0;
}

let well = false;
try {
  well = (await Promise.all(worlds.map(play))).every(Boolean);
} finally {
  removeAll();
}
console.log(`${well ? 'all scenarios passed' : 'scenarios failed'}, after ${Math.round((Date.now() - began) / 1000)} s`);
process.exit(well ? 0 : 1);
