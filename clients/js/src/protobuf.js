/**
 * Pomelo's own protobuf: bodies by a JSON schema that the server sends in the handshake. It is not Google's: `int32` is zig-zag too,
 * and a repeated number is one tag, then the *count* of elements, then the elements. The wire type in a tag is not looked at,
 * since published encoders disagree on it; so an unknown field can't be skipped and is an error.
 *
 * @module protobuf
 */
import { ProtobufError, Reader, Writer } from './protobuf-bytes.js';

export { ProtobufError };

/**
 * @typedef {{ option: 'required' | 'optional' | 'repeated', type: string, tag: number }} Field
 */

/**
 * A message as the server has parsed it: its fields by name, and beside them its types and the names of its tags. A type that `__messages` lacks is
 * looked for under `message <type>` beside the routes.
 *
 * @typedef {{ [field: string]: Field } & { __messages: Schemas, __tags: { [tag: string]: string } }} Schema
 */

/**
 * Schemas by route or by type.
 *
 * @typedef {{ [name: string]: Schema }} Schemas
 */

/** @type {{ [type: string]: number }} */
const WIRE_TYPES = { uInt32: 0, sInt32: 0, int32: 0, double: 1, string: 2, float: 5 };
const BLOCK_WIRE_TYPE = 2;
const NUMBERS = new Set(['uInt32', 'sInt32', 'int32', 'float', 'double']);

/** The schemas of one direction, by route. */
export class Protobuf {
  #protos;

  /** @param {Schemas} [protos] `sys.protos.client` to encode, `sys.protos.server` to decode */
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
   * @param {any} message
   * @returns {Uint8Array}
   * @throws {ProtobufError}
   */
  encode(route, message) {
    const out = new Writer();
    this.#writeMessage(out, this.#protos[route], message, route);
    return out.bytes();
  }

  /** @param {string} route @param {Uint8Array} bytes @returns {object} @throws {ProtobufError} */
  decode(route, bytes) {
    return this.#readMessage(new Reader(bytes), bytes.length, this.#protos[route], route);
  }

  /** @param {Writer} out @param {Schema} schema @param {any} message @param {string} path */
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

  /** @param {Writer} out @param {Schema} schema @param {Field} field @param {unknown} values @param {string} path */
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

  /** @param {Writer} out @param {Schema} schema @param {Field} field @param {unknown} value @param {string} path */
  #writeField(out, schema, field, value, path) {
    writeTag(out, field);
    this.#writeValue(out, schema, field.type, value, path);
  }

  /** @param {Writer} out @param {Schema} schema @param {string} type @param {unknown} value @param {string} path */
  #writeValue(out, schema, type, value, path) {
    switch (type) {
      case 'uInt32':
        return out.varint(integer(value, 0, path));
      case 'int32':
      case 'sInt32':
        return out.signed(integer(value, -Infinity, path));
      case 'float':
        return out.float(Number(value));
      case 'double':
        return out.double(Number(value));
      case 'string':
        if (typeof value !== 'string') throw new ProtobufError(`${path}: a string is wanted, not ${typeof value}`);
        return out.text(value);
      default: {
        const nested = new Writer();
        this.#writeMessage(nested, this.#schemaOf(schema, type, path), value, path);
        return out.block(nested.bytes());
      }
    }
  }

  /** @param {Reader} input @param {number} end @param {Schema} schema @param {string} path @returns {object} */
  #readMessage(input, end, schema, path) {
    /** @type {{ [name: string]: any }} */
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

  /** @param {Reader} input @param {number} end @param {Schema} schema @param {Field} field @param {any[]} values @param {string} path */
  #readRepeated(input, end, schema, field, values, path) {
    if (!NUMBERS.has(field.type)) {
      values.push(this.#readValue(input, end, schema, field.type, path));
      return;
    }
    for (let count = input.varint(end); count > 0; count--) values.push(this.#readValue(input, end, schema, field.type, path));
  }

  /** @param {Reader} input @param {number} end @param {Schema} schema @param {string} type @param {string} path @returns {any} */
  #readValue(input, end, schema, type, path) {
    switch (type) {
      case 'uInt32':
        return input.varint(end);
      case 'int32':
      case 'sInt32':
        return input.signed(end);
      case 'float':
        return input.float(end);
      case 'double':
        return input.double(end);
      case 'string':
        return input.text(end);
      default: {
        const inner = this.#schemaOf(schema, type, path);
        const length = input.length(end);
        return this.#readMessage(input, input.at + length, inner, path);
      }
    }
  }

  /** @param {Schema} schema @param {string} type @param {string} path @returns {Schema} */
  #schemaOf(schema, type, path) {
    if (Object.hasOwn(schema.__messages, type)) return schema.__messages[type];
    const shared = `message ${type}`;
    if (Object.hasOwn(this.#protos, shared)) return this.#protos[shared];
    throw new ProtobufError(`${path}: there is no type ${type}`);
  }
}

/** @param {string} name */
const isField = name => name !== '__messages' && name !== '__tags';

/** @param {{ [field: string]: Field }} schema @returns {[name: string, field: Field][]} */
const fields = schema => Object.entries(schema).filter(([name]) => isField(name));

/** @param {Schema} schema @param {string} name @returns {Field | undefined} */
const fieldOf = (schema, name) => (isField(name) && Object.hasOwn(schema, name) ? schema[name] : undefined);

/** @param {Writer} out @param {Field} field */
const writeTag = (out, { type, tag }) => out.varint(tag * 8 + (WIRE_TYPES[type] ?? BLOCK_WIRE_TYPE));

/** @param {unknown} value @param {number} least @param {string} path @returns {number} */
function integer(value, least, path) {
  const n = Math.trunc(Number(value));
  // twice the value must still be exact, for zig-zag
  if (!(n >= least) || Math.abs(n) > 2 ** 52) throw new ProtobufError(`${path}: ${value} is not an integer in range`);
  return n;
}
