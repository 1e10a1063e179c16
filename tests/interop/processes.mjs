// Processes that a script has started, and ports for them. It reads /proc, so it wants Linux.
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { sleep } from './checks.mjs';

/** The processes whose environment has that text. */
export const processesWith = text => readdirSync('/proc').filter(name => /^\d+$/.test(name) && has(name, text)).map(Number);

function has(pid, text) {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(text);
  } catch {
    return false; // it has ended, or is somebody else's
  }
}

/** Ends all of them, the master first, or it starts again what is ended. */
export async function endAll(processes, master) {
  for (let round = 0; round < 50; round++) {
    const left = processes();
    if (left.length === 0) break;
    for (const pid of left.sort((a, b) => (b === master) - (a === master))) kill(pid);
    await sleep(100);
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was faster.
  }
}

/** Ports that nobody listens on, and that no outgoing connection takes meanwhile: systems take those from 32768 on. */
export async function freePorts(count) {
  const ports = [];
  for (let port = 10_000 + Math.floor(Math.random() * 15_000); ports.length < count; port++) if (await isFree(port)) ports.push(port);
  return ports;
}

function isFree(port) {
  return new Promise(resolve => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** A port that nobody listens on. */
export const freePort = async () => (await freePorts(1))[0];
