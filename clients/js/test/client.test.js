import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClosedError, HandshakeError, PomeloClient, ProtobufError, ProtocolError, TimeoutError } from '../src/index.js';
import { encodeText } from '../src/protocol.js';
import { FakeServer, kick, push, response } from './support/fake-server.js';
import { hex } from './support/facts.js';
import { parseSchemas } from './support/schemas.js';

const URL_ = 'ws://127.0.0.1:3050';
const ECHO = 'connector.entryHandler.echo';
const SILENCE = 'connector.entryHandler.silence';

async function connect({ server = new FakeServer({ handlers: { [ECHO]: message => message } }), ...options } = {}) {
  const client = new PomeloClient({ WebSocket: server.WebSocket, ...options });
  const heard = [];
  for (const name of ['onChat', 'push', 'kick', 'close', 'error']) client.on(name, value => heard.push([name, value]));
  await client.connect(URL_);
  return { server, client, heard };
}

const isClosed = reason => error => error instanceof ClosedError && error.reason === reason;

test('a request gets its own response, whichever comes first', async () => {
  const { server, client } = await connect();
  const [one, two] = [client.request(SILENCE, { n: 1 }), client.request(SILENCE, { n: 2 })];
  const [first, second] = server.messages;
  server.socket.receive(response(second.id, 'second'), response(first.id, 'first'));
  assert.deepEqual(await Promise.all([one, two]), ['first', 'second']);
});

test('a message that is left out is {}', async () => {
  const { client } = await connect();
  assert.deepEqual(await client.request(ECHO), {});
});

test('a signal gives a request up, and its response is not taken for another one', async () => {
  const { server, client } = await connect();
  const abort = new AbortController();
  const enough = new Error('enough');
  const given = client.request(SILENCE, {}, { signal: abort.signal });
  abort.abort(enough);
  await assert.rejects(given, enough);
  const next = client.request(SILENCE);
  const [old, fresh] = server.messages;
  server.socket.receive(response(old.id, 'old'), response(fresh.id, 'fresh'));
  assert.equal(await next, 'fresh');
});

test('with a signal that is aborted already nothing is sent', async () => {
  const { server, client } = await connect();
  await assert.rejects(client.request(ECHO, {}, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.deepEqual(server.messages, []);
});

test('a request ends after its own time, or else after the client’s', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { client } = await connect({ requestTimeoutMs: 100 });
  const ends = [];
  const note = name => error => ends.push([name, error instanceof TimeoutError]);
  client.request(SILENCE, {}, { timeoutMs: 10 }).catch(note('own'));
  client.request(SILENCE).catch(note('client'));
  client.request(SILENCE, {}, { timeoutMs: 0 }).catch(note('none'));
  for (const ms of [10, 90, 1_000_000]) {
    t.mock.timers.tick(ms);
    await new Promise(setImmediate);
  }
  assert.deepEqual(ends, [
    ['own', true],
    ['client', true],
  ]);
});

test('a signal gives up connecting, also for the next time', async () => {
  const server = new FakeServer({ reply: () => undefined });
  const client = new PomeloClient({ WebSocket: server.WebSocket });
  const abort = new AbortController();
  const enough = new Error('enough');
  const given = client.connect(URL_, { signal: abort.signal });
  abort.abort(enough);
  await assert.rejects(given, enough);
  assert.ok(server.socket.closed);
  await assert.rejects(client.connect(URL_, { signal: abort.signal }), enough);
  assert.equal(server.sockets.length, 1);
});

test('a handshake that takes too long or is refused is an error', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const mute = new FakeServer({ reply: () => undefined });
  const late = assert.rejects(new PomeloClient({ WebSocket: mute.WebSocket, connectTimeoutMs: 80 }).connect(URL_), TimeoutError);
  t.mock.timers.tick(80);
  await late;
  const refusing = new FakeServer({ reply: () => ({ code: 501 }) });
  await assert.rejects(new PomeloClient({ WebSocket: refusing.WebSocket }).connect(URL_), HandshakeError);
});

test('a client has one connection at a time', async () => {
  const { client } = await connect();
  await assert.rejects(client.connect(URL_), /already connected/);
  client.close();
  await client.connect(URL_);
  assert.ok(client.connected);
});

test('without a WebSocket it says what to do', async () => {
  await assert.rejects(new PomeloClient({ WebSocket: null }).connect(URL_), /give the option WebSocket/);
});

test('an option that is undefined is as if it were not there', async () => {
  const { server } = await connect({ type: undefined });
  assert.equal(server.handshakes[0].sys.type, 'js-websocket');
});

test('pushes are heard by their route, and as push; none passes for an event', async () => {
  const { server, heard } = await connect();
  server.socket.receive(push('onChat', { msg: 'hi' }), push('close', { not: 'an end' }));
  assert.deepEqual(heard, [
    ['push', { route: 'onChat', body: { msg: 'hi' } }],
    ['onChat', { msg: 'hi' }],
    ['push', { route: 'close', body: { not: 'an end' } }],
  ]);
});

test('a push that can not be read is an error and no more', async () => {
  const { server, client, heard } = await connect();
  server.socket.receive(push(9, {}), push('onChat', encodeText('{nonsense')));
  assert.deepEqual(
    heard.map(([name, error]) => [name, error.constructor]),
    [
      ['error', ProtocolError],
      ['error', SyntaxError],
    ],
  );
  assert.ok(client.connected);
});

test('a kick says why, then comes the end, and nothing after it counts', async () => {
  const { server, client, heard } = await connect();
  const open = client.request(SILENCE);
  server.socket.receive(kick('好'), push('onChat', {}));
  assert.deepEqual(heard, [
    ['kick', { reason: '好' }],
    ['close', { reason: 'kick', error: undefined }],
  ]);
  await assert.rejects(open, isClosed('kick'));
  await assert.rejects(client.request(ECHO), isClosed('connection'));
  assert.throws(() => client.notify(ECHO), ClosedError);
});

test('each end says why', async () => {
  for (const [reason, end] of [
    ['client', ({ client }) => client.close()],
    ['connection', ({ server }) => server.socket.drop()],
    ['restart', ({ server }) => server.socket.drop(1012)],
    ['protocol', ({ server }) => server.socket.onmessage({ data: 'text' })],
    ['protocol', ({ server }) => server.socket.receive(Uint8Array.of(9, 0, 0, 0))],
  ]) {
    const one = await connect();
    const open = one.client.request(SILENCE);
    end(one);
    await assert.rejects(open, isClosed(reason));
    assert.equal(one.heard.at(-1)[1].reason, reason);
    assert.ok(one.server.socket.closed && !one.client.connected);
  }
});

const PROTOS = { client: parseSchemas({ [ECHO]: { 'required uInt32 hp': 1 } }), server: {} };

test('bytes go out as they are, also where the server has a schema', async () => {
  const server = new FakeServer({ reply: () => ({ code: 200, sys: { protos: PROTOS } }) });
  const { client } = await connect({ server });
  client.notify('a.b.c', Uint8Array.of(1, 2, 3));
  client.notify(ECHO, Uint8Array.of(4, 5, 6));
  client.notify(ECHO, { hp: 7 });
  assert.deepEqual(
    server.messages.map(({ body }) => hex(body)),
    ['010203', '040506', '0807'],
  );
  await assert.rejects(client.request(ECHO, { hp: -1 }), ProtobufError);
});

test('a codec writes and reads all bodies that have no schema', async () => {
  const codec = { encode: text => encodeText(`<${text}>`), decode: body => hex(body) };
  const { server, client, heard } = await connect({ codec });
  const answer = client.request(SILENCE, 'hi');
  assert.equal(hex(server.messages[0].body), hex(encodeText('<hi>')));
  server.socket.receive(response(server.messages[0].id, Uint8Array.of(255)), push('onChat', Uint8Array.of(1, 2)));
  assert.equal(await answer, 'ff');
  assert.deepEqual(heard.at(-1), ['onChat', '0102']);
});

test('a response that a codec can not read rejects its request only', async () => {
  const decode = () => {
    throw new RangeError('no such thing');
  };
  const { server, client } = await connect({ codec: { encode: () => Uint8Array.of(0), decode } });
  const answer = client.request(SILENCE);
  server.socket.receive(response(server.messages[0].id, Uint8Array.of(1)));
  await assert.rejects(answer, RangeError);
  assert.ok(client.connected);
});
