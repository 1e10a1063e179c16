import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClosedError, GateError, askGate } from '../src/index.js';
import { isLoopback } from '../src/gate.js';
import { FakeServer } from './support/fake-server.js';

const ROUTE = 'gate.gateHandler.queryEntry';

function ask(answer, { gateUrl = 'ws://gate.example:3014', ...options } = {}) {
  const server = new FakeServer({ handlers: { [options.route ?? ROUTE]: answer } });
  return { server, url: askGate(gateUrl, { uid: 'ann' }, { client: { WebSocket: server.WebSocket }, ...options }) };
}

const entry =
  (host, port = 3050) =>
  () => ({ code: 200, host, port });

test('the answer becomes a url of the gate’s own scheme, and the connection to the gate is closed', async () => {
  const asked = [];
  const { server, url } = ask(message => (asked.push(message), entry('10.0.0.7')()));
  assert.equal(await url, 'ws://10.0.0.7:3050');
  assert.deepEqual(asked, [{ uid: 'ann' }]);
  assert.deepEqual(
    server.sockets.map(({ url, closed }) => [url, closed]),
    [['ws://gate.example:3014', true]],
  );
  assert.equal(await ask(entry('fe80::1'), { gateUrl: 'wss://gate.example' }).url, 'wss://[fe80::1]:3050');
  assert.equal(await ask(entry('10.0.0.7'), { route: 'gate.x.y' }).url, 'ws://10.0.0.7:3050');
});

test('a host that means “this machine” is the gate’s, or the one that is asked for', async () => {
  assert.equal(await ask(entry('127.0.0.1')).url, 'ws://gate.example:3050');
  assert.equal(await ask(entry('::1'), { gateUrl: 'ws://[fe80::1]:3014' }).url, 'ws://[fe80::1]:3050');
  assert.equal(await ask(entry('localhost'), { localHost: 'page.example' }).url, 'ws://page.example:3050');
  const hosts = ['127.0.0.1', 'localhost', '::1', '0.0.0.0', '[::1]', '10.0.0.1', 'example.org'];
  assert.deepEqual(hosts.map(isLoopback), [true, true, true, true, true, false, false]);
});

test('a gate without a connector is a GateError with its answer', async () => {
  await assert.rejects(ask(() => ({ code: 500 })).url, error => error instanceof GateError && error.answer.code === 500);
  await assert.rejects(ask(() => ({ code: 200 })).url, GateError);
  await assert.rejects(ask(() => null).url, GateError);
});

test('a gate that is not there is a ClosedError, and a signal gives it up', async () => {
  const server = new FakeServer();
  server.refuses = true;
  await assert.rejects(askGate('ws://127.0.0.1:1', {}, { client: { WebSocket: server.WebSocket } }), ClosedError);

  const abort = new AbortController();
  const enough = new Error('enough');
  const { server: asked, url } = ask(() => (queueMicrotask(() => abort.abort(enough)), entry('10.0.0.7')()), { signal: abort.signal });
  await assert.rejects(url, enough);
  assert.ok(asked.socket.closed);
});
