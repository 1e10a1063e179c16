import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Handshake, HandshakeError } from '../src/handshake.js';
import { withDefaults } from '../src/options.js';
import { hex } from './support/facts.js';
import { parseSchemas } from './support/schemas.js';

const URL_ = 'ws://127.0.0.1:3050';
const PROTOS = {
  version: 'p1',
  client: parseSchemas({ 'a.b.move': { 'required sInt32 x': 1 } }),
  server: parseSchemas({ onMove: { 'required uInt32 hp': 1 } }),
};
const REPLY = {
  code: 200,
  user: { hello: 'you' },
  sys: { heartbeat: 3, useDict: true, useProto: true, routeToCode: { 'a.b.move': 1 }, dictVersion: 'd1', protos: PROTOS },
};

function storage() {
  const values = new Map();
  return { getItem: key => values.get(key) ?? null, setItem: (key, value) => values.set(key, value) };
}

const plain = value => JSON.parse(JSON.stringify(value));

test('it says who the client is, and the reply is what both agree on', () => {
  const handshake = new Handshake(URL_, withDefaults({ user: { token: 't' }, version: '1.2.3' }));
  assert.deepEqual(plain(handshake.request()), { sys: { type: 'js-websocket', version: '1.2.3', rsa: {} }, user: { token: 't' } });
  const agreement = handshake.accept(REPLY);
  assert.deepEqual([agreement.heartbeatMs, agreement.user], [3000, { hello: 'you' }]);
  assert.deepEqual([agreement.compressRoute('a.b.move'), agreement.compressRoute('a.b.stop')], [1, 'a.b.stop']);
  assert.deepEqual(
    [agreement.expandRoute(1), agreement.expandRoute(2), agreement.expandRoute('onMove')],
    ['a.b.move', undefined, 'onMove'],
  );
  assert.equal(hex(agreement.encode('a.b.move', { x: -1 })), '0801');
  assert.deepEqual(agreement.decode('onMove', Uint8Array.of(8, 7)), { hp: 7 });
});

test('no route is in the dictionary by inheritance', () => {
  const agreement = new Handshake(URL_, withDefaults({})).accept({ code: 200 });
  assert.equal(agreement.compressRoute('constructor'), 'constructor');
});

test('what a storage keeps need not be sent again, to the same server', () => {
  const options = withDefaults({ storage: storage() });
  new Handshake(URL_, options).accept(REPLY);
  const next = new Handshake(URL_, options);
  assert.deepEqual(plain(next.request()).sys, { type: 'js-websocket', version: '0.0.1', rsa: {}, dictVersion: 'd1', protoVersion: 'p1' });
  const agreement = next.accept({ code: 200, sys: { useDict: true, useProto: true } });
  assert.equal(agreement.compressRoute('a.b.move'), 1);
  assert.equal(hex(agreement.encode('a.b.move', { x: -1 })), '0801');
  assert.equal(new Handshake(URL_, options).accept({ code: 200, sys: {} }).compressRoute('a.b.move'), 'a.b.move');
  assert.equal(plain(new Handshake('ws://127.0.0.1:3051', options).request()).sys.dictVersion, undefined);
});

test('a useless storage does no harm', () => {
  const full = () => {
    throw new Error('full');
  };
  const handshake = new Handshake(URL_, withDefaults({ storage: { getItem: () => '{nonsense', setItem: full } }));
  assert.equal(handshake.accept(REPLY).heartbeatMs, 3000);
});

test('any code but 200 is a refusal', () => {
  const accept = reply => () => new Handshake(URL_, withDefaults({})).accept(reply);
  assert.throws(accept({ code: 501 }), error => error instanceof HandshakeError && error.code === 501);
  assert.throws(accept({ code: 500, user: { banned: true } }), error => error.user.banned);
  assert.throws(accept(null), error => error instanceof HandshakeError && error.code === 500);
});
