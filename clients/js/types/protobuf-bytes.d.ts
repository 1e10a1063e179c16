/**
 * The bytes of pomelo's protobuf: numbers of variable length, floats, and blocks that say how long they are.
 *
 * @module protobuf-bytes
 */
/** A message doesn't fit its schema, or bytes don't. */
export declare class ProtobufError extends Error {
    name: string;
}
/** Grows as it is written to. */
export declare class Writer {
    #private;
    /** @returns {Uint8Array} what was written */
    bytes(): Uint8Array;
    /** @param {number} n an integer from 0 */
    varint(n: number): void;
    /** @param {number} n an integer, which is written zig-zag: 0, -1, 1, -2 … */
    signed(n: number): void;
    /** @param {number} n */
    float(n: number): void;
    /** @param {number} n */
    double(n: number): void;
    /** @param {string} text */
    text(text: string): void;
    /** @param {Uint8Array} bytes */
    block(bytes: Uint8Array): void;
}
/** Every read names the end of the message that it is in, so that a nested one can't read past its parent. */
export declare class Reader {
    #private;
    at: number;
    /** @param {Uint8Array} bytes */
    constructor(bytes: Uint8Array);
    /** @param {number} end @returns {number} an integer from 0 */
    varint(end: number): number;
    /** @param {number} end @returns {number} an integer that was written zig-zag */
    signed(end: number): number;
    /** @param {number} end @returns {number} of what follows, all of which is there */
    length(end: number): number;
    /** @param {number} end @returns {number} */
    float(end: number): number;
    /** @param {number} end @returns {number} */
    double(end: number): number;
    /** @param {number} end @returns {string} */
    text(end: number): string;
}
