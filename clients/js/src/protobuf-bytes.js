/**
 * The bytes of pomelo's protobuf: numbers of variable length, floats, and blocks that say how long they are.
 *
 * @module protobuf-bytes
 */

/** A message doesn't fit its schema, or bytes don't. */
export class ProtobufError extends Error {
  name = 'ProtobufError';
}

const MAX_VARINT_BYTES = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Grows as it is written to. */
export class Writer {
  #bytes = new Uint8Array(64);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** @returns {Uint8Array} what was written */
  bytes() {
    return this.#bytes.subarray(0, this.#length);
  }

  /** @param {number} n an integer from 0 */
  varint(n) {
    const at = this.#grow(MAX_VARINT_BYTES);
    let i = 0;
    for (; n > 0x7f; n = Math.floor(n / 128)) this.#bytes[at + i++] = (n % 128) | 0x80;
    this.#bytes[at + i++] = n;
    this.#length = at + i;
  }

  /** @param {number} n an integer, which is written zig-zag: 0, -1, 1, -2 … */
  signed(n) {
    this.varint(n < 0 ? -n * 2 - 1 : n * 2);
  }

  /** @param {number} n */
  float(n) {
    const at = this.#grow(4);
    this.#view.setFloat32(at, n, true);
    this.#length = at + 4;
  }

  /** @param {number} n */
  double(n) {
    const at = this.#grow(8);
    this.#view.setFloat64(at, n, true);
    this.#length = at + 8;
  }

  /** @param {string} text */
  text(text) {
    this.block(encoder.encode(text));
  }

  /** @param {Uint8Array} bytes */
  block(bytes) {
    this.varint(bytes.length);
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    this.#length = at + bytes.length;
  }

  /** Makes room for more bytes. @param {number} more @returns {number} where they go */
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
export class Reader {
  #bytes;
  #view;
  at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @param {number} end @returns {number} an integer from 0 */
  varint(end) {
    let n = 0;
    for (let scale = 1, i = 0; i < MAX_VARINT_BYTES; scale *= 128, i++) {
      const byte = this.#bytes[this.#take(1, end)];
      n += (byte & 0x7f) * scale;
      if (byte < 0x80) return n;
    }
    throw new ProtobufError('a number is too long');
  }

  /** @param {number} end @returns {number} an integer that was written zig-zag */
  signed(end) {
    const n = this.varint(end);
    return n % 2 === 1 ? -(n + 1) / 2 : n / 2;
  }

  /** @param {number} end @returns {number} of what follows, all of which is there */
  length(end) {
    const length = this.varint(end);
    if (this.at + length > end) throw new ProtobufError('a message is cut off');
    return length;
  }

  /** @param {number} end @returns {number} */
  float(end) {
    return this.#view.getFloat32(this.#take(4, end), true);
  }

  /** @param {number} end @returns {number} */
  double(end) {
    return this.#view.getFloat64(this.#take(8, end), true);
  }

  /** @param {number} end @returns {string} */
  text(end) {
    return decoder.decode(joinHalves(this.#block(end)));
  }

  /** @param {number} end @returns {Uint8Array} */
  #block(end) {
    const start = this.#take(this.length(end), end);
    return this.#bytes.subarray(start, this.at);
  }

  /** @param {number} count @param {number} end @returns {number} where they begin */
  #take(count, end) {
    const start = this.at;
    if (start + count > end) throw new ProtobufError('a message is cut off');
    this.at = start + count;
    return start;
  }
}

/**
 * A server may write the two halves of a character beyond U+FFFF by themselves, for clients that read bytes as units of UTF-16.
 *
 * @param {Uint8Array} bytes
 * @returns {Uint8Array} UTF-8
 */
function joinHalves(bytes) {
  if (!bytes.some((_, at) => isPair(bytes, at))) return bytes;
  const utf8 = [];
  for (let at = 0; at < bytes.length; at++) {
    if (!isPair(bytes, at)) {
      utf8.push(bytes[at]);
      continue;
    }
    const character = 0x10000 + ((tenBits(bytes, at + 1) << 10) | tenBits(bytes, at + 4));
    utf8.push(0xf0 | (character >> 18), 0x80 | ((character >> 12) & 0x3f), 0x80 | ((character >> 6) & 0x3f), 0x80 | (character & 0x3f));
    at += 5;
  }
  return Uint8Array.from(utf8);
}

/** @param {Uint8Array} bytes @param {number} at @returns {boolean} whether the two halves of a character begin there */
function isPair(bytes, at) {
  const isHalf = (/** @type {number} */ first, /** @type {number} */ second) =>
    bytes[first] === 0xed && (bytes[first + 1] & 0xf0) === second;
  return isHalf(at, 0xa0) && isHalf(at + 3, 0xb0);
}

/** @param {Uint8Array} bytes @param {number} at */
const tenBits = (bytes, at) => ((bytes[at] & 0x0f) << 6) | (bytes[at + 1] & 0x3f);
