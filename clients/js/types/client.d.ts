import type { AnyPushes, AnyRoutes, EventName, EventValue, MessageOf, NotifyArguments, RequestArguments, ResponseOf, Route } from './events.js';
import type { ClientOptions } from './options.js';
export type RequestOptions = {
    /**
     * milliseconds until the response must be here, 0 for as long as the connection lasts; by default the client's `requestTimeoutMs`
     */
    timeoutMs?: number;
    /**
     * gives up: the returned promise rejects with its reason. The server handles the request all the same
     */
    signal?: AbortSignal;
};
/**
 * @import { Agreement } from './agreement.js'
 * @import { CloseReason, TimeoutError } from './errors.js'
 * @import { AnyPushes, AnyRoutes, EventName, EventValue, MessageOf, NotifyArguments, RequestArguments, ResponseOf, Route } from './events.js'
 * @import { HandshakeError } from './handshake.js'
 * @import { ClientOptions } from './options.js'
 * @import { ProtobufError } from './protobuf.js'
 * @import { Message } from './protocol.js'
 */
/**
 * @typedef {object} RequestOptions
 * @property {number} [timeoutMs] milliseconds until the response must be here, 0 for as long as the connection lasts; by default the client's `requestTimeoutMs`
 * @property {AbortSignal} [signal] gives up: the returned promise rejects with its reason. The server handles the request all the same
 */
/**
 * One connection to one frontend server.
 *
 * After `close` the same object may connect again, with its listeners; that is a new session to the server.
 *
 * @template {{ [Name in keyof Routes]: Route }} [Routes=AnyRoutes] message and response of each route
 * @template {object} [Pushes=AnyPushes] the body of each push, by its route
 */
export declare class PomeloClient<Routes extends {
    [Name in keyof Routes]: Route;
} = AnyRoutes, Pushes extends object = AnyPushes> {
    #private;
    /** @param {ClientOptions} [options] */
    constructor(options?: ClientOptions);
    /** @returns {boolean} whether requests can be made */
    get connected(): boolean;
    /**
     * Connects, and ends the handshake.
     *
     * @param {string} url `ws://host:port` or `wss://host:port`
     * @param {{ signal?: AbortSignal }} [options] `signal` gives up: the returned promise rejects with its reason
     * @returns {Promise<any>} what the server's handshake hook answered, if it has one
     * @throws {HandshakeError | ClosedError | TimeoutError}
     */
    connect(url: string, { signal }?: {
        signal?: AbortSignal;
    }): Promise<any>;
    /** Closes for good; open requests are rejected. Does nothing when closed. */
    close(): void;
    /**
     * Sends a message and waits for the response.
     *
     * @template {Extract<keyof Routes, string>} Name
     * @param {Name} route `serverType.handlerName.method`
     * @param {RequestArguments<MessageOf<Routes[Name]>, RequestOptions>} rest the message, by default `{}`, and {@link RequestOptions}
     * @returns {Promise<ResponseOf<Routes[Name]>>} the response's body, whatever `code` it has
     * @throws {ClosedError | TimeoutError | ProtobufError}
     */
    request<Name extends Extract<keyof Routes, string>>(route: Name, ...rest: RequestArguments<MessageOf<Routes[Name]>, RequestOptions>): Promise<ResponseOf<Routes[Name]>>;
    /**
     * Sends what needs no answer.
     *
     * @template {Extract<keyof Routes, string>} Name
     * @param {Name} route
     * @param {NotifyArguments<MessageOf<Routes[Name]>>} rest the message, by default `{}`
     * @throws {ClosedError | ProtobufError}
     */
    notify<Name extends Extract<keyof Routes, string>>(route: Name, ...rest: NotifyArguments<MessageOf<Routes[Name]>>): void;
    /**
     * Listens to pushes by their route, or to one of these events:
     *
     * - `push` `{route, body}`: every push, also those whose route is the name of an event
     * - `kick` `{reason}`: the server ends the connection; `close` follows
     * - `close` `{reason, error}`: see {@link CloseReason}
     * - `error` an `Error`: a message could not be read and was left out; the connection goes on
     *
     * @template {EventName<Pushes>} Name
     * @param {Name} name
     * @param {(value: EventValue<Pushes, Name>) => void} listener
     * @returns {() => void} takes the listener off again
     */
    on<Name extends EventName<Pushes>>(name: Name, listener: (value: EventValue<Pushes, Name>) => void): () => void;
    /**
     * As {@link on}, for the next one only.
     *
     * @template {EventName<Pushes>} Name
     * @param {Name} name
     * @param {(value: EventValue<Pushes, Name>) => void} listener
     * @returns {() => void}
     */
    once<Name extends EventName<Pushes>>(name: Name, listener: (value: EventValue<Pushes, Name>) => void): () => void;
    /**
     * Takes a listener off.
     *
     * @template {EventName<Pushes>} Name
     * @param {Name} name
     * @param {(value: EventValue<Pushes, Name>) => void} listener
     */
    off<Name extends EventName<Pushes>>(name: Name, listener: (value: EventValue<Pushes, Name>) => void): void;
}
