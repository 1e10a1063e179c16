// What bad lines cost: the chat example with a host for each server, without a master and with one, and lines that are cut. See README.md.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { whyNot } from './hosts.mjs';
import { HOSTS } from './scattered-chat.mjs';
import { playWorlds } from './worlds.mjs';

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

const script = new URL('scenario-world.mjs', import.meta.url);
const well = await playWorlds({ script, worlds: WORLDS, names: HOSTS, words: [resolve(chat), resolve(tool), ...only], limitMs: LIMIT_MS });
process.exit(well ? 0 : 1);
