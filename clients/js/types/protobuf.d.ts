/**
 * Pomelo's own protobuf: bodies by a JSON schema that the server sends in the handshake. It is not Google's: `int32` is zig-zag too,
 * and a repeated number is one tag, then the *count* of elements, then the elements. The wire type in a tag is not looked at,
 * since published encoders disagree on it; so an unknown field can't be skipped and is an error.
 *
 * @module protobuf
 */
import { ProtobufError } from './protobuf-bytes.js';
export { ProtobufError };
export type Field = {
    option: 'required' | 'optional' | 'repeated';
    type: string;
    tag: number;
};
export type Schema = {
    [field: string]: Field;
} & {
    __messages: Schemas;
    __tags: {
        [tag: string]: string;
    };
};
export type Schemas = {
    [name: string]: Schema;
};
/** The schemas of one direction, by route. */
export declare class Protobuf {
    #private;
    /** @param {Schemas} [protos] `sys.protos.client` to encode, `sys.protos.server` to decode */
    constructor(protos?: Schemas);
    /** @param {string} route @returns {boolean} whether bodies of this route are protobuf */
    has(route: string): boolean;
    /**
     * Fields are written in the order of the message's keys; keys that the schema lacks are left out.
     *
     * @param {string} route
     * @param {any} message
     * @returns {Uint8Array}
     * @throws {ProtobufError}
     */
    encode(route: string, message: any): Uint8Array;
    /** @param {string} route @param {Uint8Array} bytes @returns {object} @throws {ProtobufError} */
    decode(route: string, bytes: Uint8Array): object;
}
