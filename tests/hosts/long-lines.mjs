// Long lines: whatever is dialed from one host to another goes through a relay at the router, which takes its time; see relay.mjs.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const RELAY = new URL('relay.mjs', import.meta.url).pathname;
const FIRST_PORT = 20_000;

/**
 * Makes the lines to these services so long, for connections that are made from now on. It ends with the hosts.
 *
 * @param {import('../interop/hosts.mjs').Hosts} hosts @param {{address: string, port: number}[]} services @param {number} delayMs one way
 */
export async function makeLinesLong(hosts, services, delayMs) {
  const ways = services.map(({ address, port }, n) => `${FIRST_PORT + n}=${address}:${port}`);
  const [program, ...words] = hosts.command('router', process.execPath, RELAY, String(delayMs), ...ways);
  const relay = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => {
    createInterface({ input: relay.stdout }).once('line', resolve);
    relay.once('exit', code => reject(new Error(`the relay ended with ${code}`)));
  });
  services.forEach(({ address, port }, n) => hosts.redirect(address, port, FIRST_PORT + n));
}
