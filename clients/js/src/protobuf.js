/**
 * Pomelo's own protobuf: bodies by a JSON schema that the server sends in the handshake. It is not Google's: `int32` is zig-zag too,
 * and a repeated number is one tag, then the *count* of elements, then the elements. The wire type in a tag is not looked at,
 * since published encoders disagree on it; so an unknown field can't be skipped and is an error.
 *
 * @module protobuf
 */

/**
 * @typedef {{option: 'required' | 'optional' | 'repeated', type: string, tag: number}} Field
 * @typedef {{[field: string]: Field} & {__messages: {[type: string]: Schema}, __tags: {[tag: string]: string}}} Schema
 *   A message as the server has parsed it. A type that `__messages` lacks is looked for under `message <type>` beside the routes.
 */

/** A message doesn't fit its schema, or bytes don't. */
export class ProtobufError extends Error {
  name = 'ProtobufError';
}

const WIRE_TYPES = { uInt32: 0, sInt32: 0, int32: 0, double: 1, string: 2, float: 5 };
const NUMBERS = new Set(['uInt32', 'sInt32', 'int32', 'float', 'double']);

/** The schemas of one direction, by route. */
export class Protobuf {
  #protos;

  /** @param {{[route: string]: Schema}} [protos] `sys.protos.client` to encode, `sys.protos.server` to decode */
  constructor(protos = {}) {
    this.#protos = protos;
  }

  /** @param {string} route @returns {boolean} whether bodies of this route are protobuf */
  has(route) {
    return Object.hasOwn(this.#protos, route);
  }

  /**
   * Fields are written in the order of the message's keys; keys that the schema lacks are left out.
   *
   * @param {string} route
   * @param {object} message
   * @returns {Uint8Array}
   */
  encode(route, message) {
    const out = new Writer();
    this.#writeMessage(out, this.#protos[route], message, route);
    return out.bytes();
  }

  /** @param {string} route @param {Uint8Array} bytes @returns {object} */
  decode(route, bytes) {
    return this.#readMessage(new Reader(bytes), bytes.length, this.#protos[route], route);
  }

  #writeMessage(out, schema, message, path) {
    if (typeof message !== 'object' || message === null) throw new ProtobufError(`${path}: an object is wanted, not ${message}`);
    for (const [name, field] of fields(schema)) {
      if (field.option === 'required' && (message[name] ?? null) === null) throw new ProtobufError(`${path}.${name} is required`);
    }
    for (const [name, value] of Object.entries(message)) {
      const field = fieldOf(schema, name);
      if (!field || value === undefined || value === null) continue;
      if (field.option === 'repeated') this.#writeRepeated(out, schema, field, value, `${path}.${name}`);
      else this.#writeField(out, schema, field, value, `${path}.${name}`);
    }
  }

  #writeRepeated(out, schema, field, values, path) {
    if (!Array.isArray(values)) throw new ProtobufError(`${path}: an array is wanted`);
    if (values.length === 0) return;
    if (!NUMBERS.has(field.type)) {
      for (const value of values) this.#writeField(out, schema, field, value, path);
      return;
    }
    writeTag(out, field);
    out.varint(values.length);
    for (const value of values) this.#writeValue(out, schema, field.type, value, path);
  }

  #writeField(out, schema, field, value, path) {
    writeTag(out, field);
    this.#writeValue(out, schema, field.type, value, path);
  }

  #writeValue(out, schema, type, value, path) {
    switch (type) {
      case 'uInt32':
        return out.varint(integer(value, 0, path));
      case 'int32':
      case 'sInt32':
        return out.varint(zigzag(integer(value, -Infinity, path)));
      case 'float':
        return out.float(Number(value));
      case 'double':
        return out.double(Number(value));
      case 'string':
        if (typeof value !== 'string') throw new ProtobufError(`${path}: a string is wanted, not ${typeof value}`);
        return out.block(text.encode(value));
      default: {
        const inner = this.#schemaOf(schema, type);
        if (!inner) throw new ProtobufError(`${path}: there is no type ${type}`);
        const nested = new Writer();
        this.#writeMessage(nested, inner, value, path);
        return out.block(nested.bytes());
      }
    }
  }

  #readMessage(input, end, schema, path) {
    const message = {};
    while (input.at < end) {
      const tag = Math.floor(input.varint(end) / 8);
      const name = schema.__tags[tag];
      const field = name === undefined ? undefined : fieldOf(schema, name);
      if (!field) throw new ProtobufError(`${path}: there is no field with tag ${tag}`);
      if (field.option === 'repeated') this.#readRepeated(input, end, schema, field, (message[name] ??= []), `${path}.${name}`);
      else message[name] = this.#readValue(input, end, schema, field.type, `${path}.${name}`);
    }
    return message;
  }

  #readRepeated(input, end, schema, field, values, path) {
    if (!NUMBERS.has(field.type)) {
      values.push(this.#readValue(input, end, schema, field.type, path));
      return;
    }
    for (let count = input.varint(end); count > 0; count--) values.push(this.#readValue(input, end, schema, field.type, path));
  }

  #readValue(input, end, schema, type, path) {
    switch (type) {
      case 'uInt32':
        return input.varint(end);
      case 'int32':
      case 'sInt32':
        return unzigzag(input.varint(end));
      case 'float':
        return input.float(end);
      case 'double':
        return input.double(end);
      case 'string':
        return textDecoder.decode(joined(input.block(end)));
      default: {
        const inner = this.#schemaOf(schema, type);
        if (!inner) throw new ProtobufError(`${path}: there is no type ${type}`);
        const length = input.length(end);
        return this.#readMessage(input, input.at + length, inner, path);
      }
    }
  }

  #schemaOf(schema, type) {
    if (Object.hasOwn(schema.__messages, type)) return schema.__messages[type];
    return Object.hasOwn(this.#protos, `message ${type}`) ? this.#protos[`message ${type}`] : undefined;
  }
}

/** Grows as it is written to. */
class Writer {
  #bytes = new Uint8Array(64);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  bytes() {
    return this.#bytes.subarray(0, this.#length);
  }

  varint(n) {
    const at = this.#grow(10);
    let i = 0;
    for (; n > 0x7f; n = Math.floor(n / 128)) this.#bytes[at + i++] = (n % 128) | 0x80;
    this.#bytes[at + i++] = n;
    this.#length = at + i;
  }

  float(n) {
    const at = this.#grow(4);
    this.#view.setFloat32(at, n, true);
    this.#length = at + 4;
  }

  double(n) {
    const at = this.#grow(8);
    this.#view.setFloat64(at, n, true);
    this.#length = at + 8;
  }

  block(bytes) {
    this.varint(bytes.length);
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    this.#length = at + bytes.length;
  }

  /** Makes room for `more` bytes; returns where they go. */
  #grow(more) {
    if (this.#length + more > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return this.#length;
  }
}

/** Every read names the end of the message that it is in, so that a nested one can't read past its parent. */
class Reader {
  #bytes;
  #view;
  at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  varint(end) {
    let n = 0;
    for (let scale = 1, i = 0; i < 10; scale *= 128, i++) {
      const byte = this.#bytes[this.#take(1, end)];
      n += (byte & 0x7f) * scale;
      if (byte < 0x80) return n;
    }
    throw new ProtobufError('a number is too long');
  }

  length(end) {
    const length = this.varint(end);
    if (this.at + length > end) throw new ProtobufError('a message is cut off');
    return length;
  }

  float(end) {
    return this.#view.getFloat32(this.#take(4, end), true);
  }

  double(end) {
    return this.#view.getFloat64(this.#take(8, end), true);
  }

  block(end) {
    const start = this.#take(this.length(end), end);
    return this.#bytes.subarray(start, this.at);
  }

  #take(count, end) {
    const start = this.at;
    if (start + count > end) throw new ProtobufError('a message is cut off');
    this.at = start + count;
    return start;
  }
}

const text = new TextEncoder();
/**
 * A server may write the two halves of a character beyond U+FFFF by themselves, for clients that read bytes as units of UTF-16.
 * @param {Uint8Array} bytes @returns {Uint8Array} UTF-8
 */
function joined(bytes) {
  const isPair = at => bytes[at] === 0xed && (bytes[at + 1] & 0xf0) === 0xa0 && bytes[at + 3] === 0xed && (bytes[at + 4] & 0xf0) === 0xb0;
  const ten = at => (bytes[at] & 0x0f) << 6 | bytes[at + 1] & 0x3f;
  if (!bytes.some((_, at) => isPair(at))) return bytes;
  const utf8 = [];
  for (let at = 0; at < bytes.length; at++) {
    if (!isPair(at)) { utf8.push(bytes[at]); continue; }
    const character = 0x10000 + (ten(at + 1) << 10 | ten(at + 4));
    utf8.push(0xf0 | character >> 18, 0x80 | character >> 12 & 0x3f, 0x80 | character >> 6 & 0x3f, 0x80 | character & 0x3f);
    at += 5;
  }
  return Uint8Array.from(utf8);
}

const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

const isField = name => name !== '__messages' && name !== '__tags';
const fields = schema => Object.entries(schema).filter(([name]) => isField(name));
const fieldOf = (schema, name) => (isField(name) && Object.hasOwn(schema, name) ? schema[name] : undefined);
const writeTag = (out, { type, tag }) => out.varint(tag * 8 + (WIRE_TYPES[type] ?? 2));

const zigzag = n => (n < 0 ? -n * 2 - 1 : n * 2);
const unzigzag = n => (n % 2 === 1 ? -(n + 1) / 2 : n / 2);

function integer(value, least, path) {
  const n = Math.trunc(Number(value));
  // twice the value must still be exact, for zig-zag
  if (!(n >= least) || Math.abs(n) > 2 ** 52) throw new ProtobufError(`${path}: ${value} is not an integer in range`);
  return n;
}
