// What several hosts must bear: the chat example on hosts of its own, whose lines are cut, lose packets or are long. See README.md.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { whyNoLoss, whyNot } from '../interop/hosts.mjs';
import { HOSTS } from '../interop/scattered-chat.mjs';
import { playWorlds } from '../interop/worlds.mjs';
import { WORLDS } from './worlds.mjs';

const LIMIT_MS = 180_000;

function usage() {
  console.error(`usage: node run.mjs <the chat example> <the pomelo tool> [--transport tcp|nats] [--client <a client>] [--world <name>] [scenario …]\nworlds: ${Object.keys(WORLDS).join(', ')}`);
  process.exit(2);
}

function command() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        // It is called with the gate's host and port, and --strict.
        client: { type: 'string', default: fileURLToPath(new URL('../interop/browser-client.mjs', import.meta.url)) },
        // The chat example is then the one of adapters/chat.
        transport: { type: 'string', default: 'tcp' },
        world: { type: 'string', multiple: true },
      },
    });
  } catch (error) {
    console.error(error.message);
    return usage();
  }
}

const { values: options, positionals: [chat, tool, ...only] } = command();
const [client, ...words] = options.client.split(' ');
const possible = Object.keys(WORLDS).filter(name => WORLDS[name].transport === options.transport);
const asked = options.world ?? possible;
if (![chat, tool, client].every(file => file && existsSync(file)) || asked.length === 0 || !asked.every(name => possible.includes(name))) usage();

/** Why there can be no NATS here; nothing if there can. */
function whyNoNats() {
  try {
    execFileSync('nats-server', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return `nats-server can't be started: ${error.message}`;
  }
}

const obstacle = whyNot() ?? whyNoLoss() ?? (options.transport === 'nats' ? whyNoNats() : undefined);
if (obstacle) {
  console.log(`FAIL there can be no hosts: ${obstacle}`);
  process.exit(1);
}

const script = new URL('world.mjs', import.meta.url);
const programs = [resolve(chat), resolve(tool), [resolve(client), ...words].join(' ')];
let well = true;
for (const turn of [1, 2]) {
  const worlds = asked.filter(name => WORLDS[name].turn === turn);
  if (worlds.length > 0) well = (await playWorlds({ script, worlds, names: HOSTS, words: [...programs, ...only], limitMs: LIMIT_MS })) && well;
}
process.exit(well ? 0 : 1);
