import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Protobuf, ProtobufError } from '../src/protobuf.js';
import { bytes, facts, hex } from './support/facts.js';
import { parseSchemas } from './support/schemas.js';

const protobuf = protos => new Protobuf(parseSchemas(protos));
/** An empty array leaves no bytes, so it isn't there when they are read. */
const withoutEmpty = message =>
  Object.fromEntries(Object.entries(message).filter(([, value]) => !(Array.isArray(value) && value.length === 0)));

for (const { name, protos, route, message, hex: wanted, decoded = message, browserHex } of facts.protobuf) {
  test(`${name}: the same bytes as the published package, both ways`, () => {
    const codec = protobuf(protos);
    assert.equal(hex(codec.encode(route, message)), wanted);
    assert.deepEqual(codec.decode(route, bytes(wanted)), withoutEmpty(decoded));
    if (browserHex) assert.deepEqual(codec.decode(route, bytes(browserHex)), withoutEmpty(decoded));
  });
}

for (const { name, protos, hex: given, decoded, error } of facts.protobufDecode) {
  test(`${name}: ${error ? 'an error' : 'is read'}`, () => {
    const decode = () => protobuf(protos).decode('r', bytes(given));
    if (error) assert.throws(decode, ProtobufError);
    else assert.deepEqual(decode(), decoded);
  });
}

for (const { name, protos, message } of facts.protobufRejects) {
  test(`${name}: refused`, () => assert.throws(() => protobuf(protos).encode('r', message), ProtobufError));
}

test('a thousand short doubles survive (the published package overflows)', () => {
  const doubles = protobuf({ r: { 'repeated double v': 1 } });
  const many = { v: Array.from({ length: 1000 }, (_, i) => i) };
  assert.deepEqual(doubles.decode('r', doubles.encode('r', many)), many);
});

test('types are looked for in the message, then beside the routes', () => {
  const codec = protobuf({
    r: { 'required Own own': 1, 'repeated Shared shared': 2, 'message Own': { 'optional float mood': 1 } },
    'message Shared': { 'required string name': 1 },
  });
  const message = { own: { mood: 0.5 }, shared: [{ name: '小明' }, { name: '😀' }] };
  assert.deepEqual(codec.decode('r', codec.encode('r', message)), message);
  assert.throws(() => protobuf({ r: { 'required Nothing n': 1 } }).encode('r', { n: {} }), ProtobufError);
});

test('a nested message ends where it says, not where its parent does', () => {
  const codec = protobuf({ r: { 'optional Inner inner': 1, 'optional uInt32 after': 2, 'message Inner': { 'optional double d': 1 } } });
  assert.throws(() => codec.decode('r', bytes('0a010900000000000000001001')), ProtobufError);
});

test('no route is one by inheritance', () => assert.equal(new Protobuf({}).has('toString'), false));
