/**
 * The bytes on the wire, without any connection: packages (type, length, body) and, in data packages, messages
 * (flag, id, route, body). Encode and decode of one thing are neighbours.
 *
 * @module protocol
 */
/** What a package is for. */
export declare const PackageType: Readonly<{
    HANDSHAKE: 1;
    HANDSHAKE_ACK: 2;
    HEARTBEAT: 3;
    DATA: 4;
    KICK: 5;
}>;
/** What a message is. Requests and responses have an id; all but responses have a route. */
export declare const MessageType: Readonly<{
    REQUEST: 0;
    NOTIFY: 1;
    RESPONSE: 2;
    PUSH: 3;
}>;
/** The other side, or the caller, broke a rule of the protocol. */
export declare class ProtocolError extends Error {
    name: string;
}
/** @param {string} text @returns {Uint8Array} UTF-8 */
export declare const encodeText: (text: string) => Uint8Array;
/** @param {Uint8Array} bytes UTF-8; what is not valid becomes U+FFFD @returns {string} */
export declare const decodeText: (bytes: Uint8Array) => string;
/** @param {unknown} value @returns {Uint8Array} */
export declare const encodeJson: (value: unknown) => Uint8Array;
/** @param {Uint8Array} bytes @returns {any} `undefined` for an empty body */
export declare const decodeJson: (bytes: Uint8Array) => any;
/**
 * @param {number} type one of {@link PackageType}
 * @param {Uint8Array} [body]
 * @returns {Uint8Array} `type(1) | length(3, big endian) | body`
 */
export declare function encodePackage(type: number, body?: Uint8Array): Uint8Array;
/**
 * A server may put several packages into one websocket frame, but never part of one.
 *
 * @param {Uint8Array} bytes one frame
 * @returns {{ type: number, body: Uint8Array }[]}
 */
export declare function decodePackages(bytes: Uint8Array): {
    type: number;
    body: Uint8Array;
}[];
export type Message = {
    /**
     * one of {@link MessageType}
     */
    type: number;
    /**
     * 0 where the type has none
     */
    id: number;
    /**
     * a number is a code of the dictionary; responses have none
     */
    route: string | number | undefined;
    body: Uint8Array;
};
/**
 * @typedef {object} Message
 * @property {number} type one of {@link MessageType}
 * @property {number} id 0 where the type has none
 * @property {string | number | undefined} route a number is a code of the dictionary; responses have none
 * @property {Uint8Array} body
 */
/** @param {Message} message @returns {Uint8Array} the body of a data package */
export declare function encodeMessage({ type, id, route, body }: Message): Uint8Array;
/** @param {Uint8Array} bytes the body of a data package @returns {Message} */
export declare function decodeMessage(bytes: Uint8Array): Message;
