import type { Codec } from './options.js';
import type { Schemas } from './protobuf.js';
/** @import { Codec } from './options.js' */
/** @import { Schemas } from './protobuf.js' */
export declare class Agreement {
    #private;
    heartbeatMs: number;
    user: any;
    /**
     * @param {object} agreed
     * @param {number} agreed.heartbeatMs 0: no heartbeats
     * @param {any} agreed.user whatever the server's handshake hook answered
     * @param {{ [route: string]: number }} agreed.routeToCode
     * @param {{ client?: Schemas, server?: Schemas }} agreed.protos `client` for what we send; `server` for pushes and, by the request's route, responses
     * @param {Codec} agreed.codec for routes without a schema
     */
    constructor({ heartbeatMs, user, routeToCode, protos, codec }: {
        heartbeatMs: number;
        user: any;
        routeToCode: {
            [route: string]: number;
        };
        protos: {
            client?: Schemas;
            server?: Schemas;
        };
        codec: Codec;
    });
    /** @param {string} route @returns {string | number} its code, or itself if it has none */
    compressRoute(route: string): string | number;
    /** @param {string | number} route a code or a route @returns {string | undefined} the route; nothing for a code that there isn't */
    expandRoute(route: string | number): string | undefined;
    /** @param {string} route @param {any} message @returns {Uint8Array} bytes are a body as they are */
    encode(route: string, message: any): Uint8Array;
    /** @param {string} route @param {Uint8Array} body @returns {any} */
    decode(route: string, body: Uint8Array): any;
}
