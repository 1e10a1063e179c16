// Worlds: the same script in several sets of hosts at once, each as a process on the host `clients` of its set.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Hosts } from './hosts.mjs';

/**
 * Runs a script in each of the worlds, at the same time, and takes all their hosts away in the end, also at SIGINT and SIGTERM. The
 * script gets the namespaces' prefix, the world's name and `words`.
 *
 * @param {{script: URL, worlds: string[], names: string[], words: string[], limitMs: number}} what `names` are those of the hosts
 * @returns {Promise<boolean>} whether all is well in all of them
 */
export async function playWorlds({ script, worlds, names, words, limitMs }) {
  const began = Date.now();
  const sets = worlds.map((name, n) => ({ name, hosts: new Hosts(`pomelo-${process.pid}-${n}`, names), prefix: `pomelo-${process.pid}-${n}` }));
  const removeAll = () => sets.forEach(({ hosts }) => hosts.remove());
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => (removeAll(), process.exit(1)));

  async function play({ name, hosts, prefix }) {
    hosts.create();
    const [ip, ...rest] = hosts.command('clients', process.execPath, script.pathname, prefix, name, ...words);
    const child = spawn(ip, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    const timer = setTimeout(() => (console.log(`FAIL ${name}: the whole run takes less than ${limitMs} ms`), child.kill('SIGKILL')), limitMs);
    createInterface({ input: child.stdout }).on('line', line => console.log(line));
    const code = await new Promise(resolve => child.on('close', resolve));
    clearTimeout(timer);
    return code === 0;
  }

  let well = false;
  try {
    well = (await Promise.all(sets.map(play))).every(Boolean);
  } finally {
    removeAll();
  }
  console.log(`${well ? 'all scenarios passed' : 'scenarios failed'}, after ${Math.round((Date.now() - began) / 1000)} s`);
  return well;
}
