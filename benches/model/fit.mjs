// Constants of the model, from measured runs: those that make the squares of relative errors least, none of them negative.

const byName = runs => name => {
  const found = runs.find(run => run.name === name);
  if (!found) throw new Error(`no run ${name}`);
  return found;
};

/** How many of so many frontends have a member of a room, when each member is at one by chance. */
export const spreadOver = (frontends, members) => frontends * (1 - (1 - 1 / frontends) ** members);

export function fit(runs, heartbeatS) {
  const run = byName(runs);
  const idle = idleServers(run('nobody'), run('nobody, more servers'));
  const waiting = [run('waiting in rooms of 10'), run('waiting in rooms of 500')];
  const beat = mean(waiting.map(one => (one.measured.cpuUs.connector - one.connectors * idle.server(one)) / (one.users / heartbeatS)));
  const talking = runs.filter(one => one.users && !waiting.includes(one));
  const [few, many] = [run('rooms of 10'), run('waiting in rooms of 10')];
  const connector = talking.map(one => connectorRow(one, idle, beat / heartbeatS));
  const chat = talking.filter(isBusy).map(one => chatRow(one, idle));
  const [request, envelope, delivery] = leastSquares(connector);
  const [push, pushEnvelope] = leastSquares(chat);
  return {
    constants: {
      heartbeat_us: beat,
      request_us: request,
      envelope_in_us: envelope,
      delivery_us: delivery,
      push_us: push,
      envelope_out_us: pushEnvelope,
      server_us_a_second: idle.server0,
      link_beat_us: idle.linkEnd,
      frontend_bytes_a_connection: memory(few, many, 'connector', 'connectors').user,
      frontend_bytes_a_server: memory(few, many, 'connector', 'connectors').server,
      backend_bytes_a_member: memory(few, many, 'chat', 'chats').user,
      backend_bytes_a_server: memory(few, many, 'chat', 'chats').server,
      kernel_bytes_a_connection: mean(waiting.map(({ measured }) => measured.kernelBytesASocket)),
      ...traffic(talking, idle),
    },
  };
}

/** What a server and each of its links cost while nobody is there, in µs of CPU time a second: every server has a link to every other. */
function idleServers(few, many) {
  const servers = one => one.connectors + one.chats + 1;
  const each = one => (one.measured.cpuUs.connector + one.measured.cpuUs.chat) / (one.connectors + one.chats);
  const linkEnd = Math.max(0, (each(many) - each(few)) / (servers(many) - servers(few)));
  const server0 = Math.max(0, each(few) - linkEnd * (servers(few) - 1));
  const bytes = few.measured.linkBytesASecond / linksOfChats(few);
  return { linkEnd, server0, bytesALink: bytes, server: one => server0 + linkEnd * (servers(one) - 1) };
}

/** Those that the bytes of links are counted on: each chat server's, twice where both ends are such. */
const linksOfChats = one => one.chats * (one.connectors + one.chats);

/**
 * A chat server that is hardly busy wakes up for each message, which then costs several times as much. Fleets are sized for servers that
 * have something to do, and so are the constants.
 */
const isBusy = one => messages(one) / one.chats >= 200;

const messages = one => (one.users / one.roomSize) * one.rate;
const reached = one => spreadOver(one.connectors, one.roomSize);

/** Per message: a request comes and is answered, envelopes come, members get it. */
function connectorRow(one, idle, beatAUser) {
  const cpu = one.measured.cpuUs.connector - one.connectors * idle.server(one) - one.users * beatAUser;
  return { factors: [1, reached(one), one.roomSize], value: cpu / messages(one) };
}

/** Per message: it is handled and pushed, an envelope goes to each frontend. */
function chatRow(one, idle) {
  return { factors: [1, reached(one)], value: (one.measured.cpuUs.chat - one.chats * idle.server(one)) / messages(one) };
}

/** Bytes on links: what a request and its answer take, what each envelope of a push does, what a link does that waits. */
function traffic(talking, idle) {
  const row = one => ({ factors: [1, reached(one)], value: (one.measured.linkBytesASecond - idle.bytesALink * linksOfChats(one)) / messages(one) });
  const [request, push] = leastSquares(talking.map(row));
  return { request_bytes: request, push_bytes: push, link_bytes_a_second: idle.bytesALink };
}

/** Bytes that one user more takes, and what a server takes once when its first users come. */
function memory(few, many, type, servers) {
  const bytes = one => one.users * one.measured.bytesAUser[type];
  const user = (bytes(many) - bytes(few)) / (many.users - few.users);
  return { user, server: (bytes(few) - user * few.users) / few[servers] };
}

const mean = numbers => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** By Lawson and Hanson's idea in small: all sets of unknowns that may be more than 0 are tried. */
export function leastSquares(rows) {
  const scaled = rows.map(({ factors, value }) => ({ factors: factors.map(factor => factor / value), value: 1 }));
  const count = rows[0].factors.length;
  let best;
  for (let set = 1; set < 1 << count; set++) {
    const kept = Array.from({ length: count }, (_, n) => n).filter(n => set & (1 << n));
    const solution = solve(scaled.map(({ factors, value }) => ({ factors: kept.map(n => factors[n]), value })));
    if (!solution || solution.some(number => number < 0)) continue;
    const all = Array(count).fill(0);
    kept.forEach((n, at) => (all[n] = solution[at]));
    const error = scaled.reduce((sum, { factors, value }) => sum + (factors.reduce((total, factor, n) => total + factor * all[n], 0) - value) ** 2, 0);
    if (!best || error < best.error) best = { all, error };
  }
  return best.all;
}

/** The normal equations, by elimination. */
function solve(rows) {
  const count = rows[0].factors.length;
  const sum = of => rows.reduce((total, row) => total + of(row), 0);
  const matrix = Array.from({ length: count }, (_, i) => [...Array.from({ length: count }, (_, j) => sum(({ factors }) => factors[i] * factors[j])), sum(({ factors, value }) => factors[i] * value)]);
  for (let i = 0; i < count; i++) {
    const pivot = matrix.slice(i).reduce((most, row, n) => (Math.abs(row[i]) > Math.abs(matrix[most][i]) ? n + i : most), i);
    [matrix[i], matrix[pivot]] = [matrix[pivot], matrix[i]];
    if (Math.abs(matrix[i][i]) < 1e-12) return undefined;
    for (let j = 0; j < count; j++) {
      if (j === i) continue;
      const factor = matrix[j][i] / matrix[i][i];
      matrix[j] = matrix[j].map((number, n) => number - factor * matrix[i][n]);
    }
  }
  return matrix.map((row, i) => row[count] / row[i]);
}
