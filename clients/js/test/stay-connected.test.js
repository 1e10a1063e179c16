import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff, PomeloClient, stayConnected } from '../src/index.js';
import { FakeServer, kick } from './support/fake-server.js';

const ENTER = 'connector.entryHandler.enter';

/** Somebody who stays; `until` waits for what must become true. */
function stay(options = {}) {
  const server = new FakeServer({ handlers: { [ENTER]: () => ({ code: 200 }) } });
  const client = new PomeloClient({ WebSocket: server.WebSocket });
  const lost = [];
  let entered = 0;
  const enter = async () => {
    await client.connect('ws://127.0.0.1:3050');
    await client.request(ENTER, {}, { timeoutMs: 20 });
    entered++;
  };
  const over = stayConnected(client, enter, {
    backoff: new Backoff({ firstMs: 1, maxMs: 2, jitter: 0 }),
    onLost: ({ reason }) => lost.push(reason),
    ...options,
  });
  const until = async condition => {
    while (!condition()) await new Promise(resolve => setTimeout(resolve, 1));
  };
  return { server, client, lost, over, until, entered: () => entered };
}

test('it enters again whenever the connection is lost, however often an attempt fails', async () => {
  const { server, client, lost, over, until, entered } = stay();
  await until(() => entered() === 1);
  server.refuses = true;
  server.socket.drop(1012);
  await until(() => server.sockets.length > 4);
  server.refuses = false;
  await until(() => entered() === 2);
  server.socket.drop();
  await until(() => entered() === 3);
  assert.deepEqual(lost, ['restart', 'connection']);
  assert.equal(server.sockets.filter(({ closed }) => !closed).length, 1);
  client.close();
  assert.equal((await over).reason, 'client');
});

test('an attempt that fails halfway leaves no connection behind', async () => {
  const { server, client, over, until, entered } = stay();
  await until(() => entered() === 1);
  const answer = server.handlers[ENTER];
  delete server.handlers[ENTER]; // the request runs into its time
  server.socket.drop();
  await until(() => server.sockets.length > 3);
  server.handlers[ENTER] = answer;
  await until(() => entered() === 2);
  assert.equal(server.sockets.filter(({ closed }) => !closed).length, 1);
  client.close();
  await over;
});

test('a kick is for good, also while it enters', async () => {
  const kicked = stay();
  await kicked.until(() => kicked.entered() === 1);
  kicked.server.socket.receive(kick('enough'));
  assert.equal((await kicked.over).reason, 'kick');

  const again = stay();
  await again.until(() => again.entered() === 1);
  again.server.handlers[ENTER] = () => again.server.socket.receive(kick('not you'));
  again.server.socket.drop();
  assert.equal((await again.over).reason, 'kick');
  assert.equal(again.server.sockets.length, 2);
});

test('what the first attempt throws is thrown, and later ones as long as retry says', async () => {
  const server = new FakeServer({ reply: () => ({ code: 501 }) });
  const client = new PomeloClient({ WebSocket: server.WebSocket });
  await assert.rejects(
    stayConnected(client, () => client.connect('ws://127.0.0.1:3050')),
    { name: 'HandshakeError' },
  );
  const { server: later, over, until, entered } = stay({ retry: error => error.name !== 'HandshakeError' });
  await until(() => entered() === 1);
  later.reply = () => ({ code: 501 });
  later.socket.drop();
  await assert.rejects(over, { name: 'HandshakeError' });
});

test('a signal ends it while it is connected, and while it waits', async () => {
  for (const waits of [false, true]) {
    const abort = new AbortController();
    const enough = new Error('enough');
    const one = stay({ signal: abort.signal, backoff: new Backoff({ firstMs: 3_600_000 }) });
    await one.until(() => one.entered() === 1);
    if (waits) one.server.socket.drop();
    await one.until(() => one.lost.length === Number(waits));
    abort.abort(enough);
    await assert.rejects(one.over, enough);
    assert.ok(!one.client.connected && one.server.socket.closed);
  }
});
