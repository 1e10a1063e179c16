import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProtocolError, decodeJson, decodeMessage, decodePackages, encodeMessage, encodePackage } from '../src/protocol.js';
import { bytes, facts, hex } from './support/facts.js';

const packagesOf = digits => decodePackages(bytes(digits)).map(({ type, body }) => [type, hex(body)]);

for (const { name, type, bodyHex, hex: wanted } of facts.packages) {
  test(`package, ${name}: the same bytes as the published packages, both ways`, () => {
    assert.equal(hex(encodePackage(type, bytes(bodyHex))), wanted);
    assert.deepEqual(packagesOf(wanted), [[type, bodyHex]]);
  });
}

test('a frame holds several packages', () => {
  assert.deepEqual(packagesOf('030000000400000301020305000000'), [
    [3, ''],
    [4, '010203'],
    [5, ''],
  ]);
});

for (const { name, hex: broken } of facts.brokenPackages) {
  test(`package, ${name}: an error`, () => assert.throws(() => packagesOf(broken), ProtocolError));
}

for (const { name, type, id, route, bodyHex, hex: wanted } of facts.messages) {
  test(`message, ${name}: the same bytes as the published packages, both ways`, () => {
    const message = { type, id, route: route ?? undefined, body: bytes(bodyHex) };
    assert.equal(hex(encodeMessage(message)), wanted);
    assert.deepEqual(decodeMessage(bytes(wanted)), message);
  });
}

for (const { name, hex: broken } of facts.brokenMessages) {
  test(`message, ${name}: an error`, () => assert.throws(() => decodeMessage(bytes(broken)), ProtocolError));
}

test('what is too large for its field is refused', () => {
  const message = { type: 1, id: 0, route: 'r', body: bytes('') };
  assert.throws(() => encodeMessage({ ...message, route: 'r'.repeat(256) }), ProtocolError);
  assert.throws(() => encodeMessage({ ...message, route: 65_536 }), ProtocolError);
  assert.throws(() => encodeMessage({ ...message, type: 0, id: 2 ** 31 }), ProtocolError);
  assert.throws(() => encodePackage(4, new Uint8Array(2 ** 24)), ProtocolError);
});

test('an empty body is nothing in JSON', () => assert.equal(decodeJson(bytes('')), undefined));
