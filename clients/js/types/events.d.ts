/**
 * The events of a client, and the types by which an application says which routes and pushes it has.
 *
 * @module events
 */
/** @import { CloseReason } from './errors.js' */
import type { CloseReason } from './errors.js';
export type Route = {
    message?: any;
    response?: any;
};
export type AnyRoutes = {
    [route: string]: {
        message: any;
        response: any;
    };
};
export type AnyPushes = {
    [route: string]: any;
};
export type MessageOf<Types> = Types extends {
    message: infer Message;
} ? Message : Record<string, never>;
export type ResponseOf<Types> = Types extends {
    response: infer Response;
} ? Response : unknown;
export type RequestArguments<Message, Options> = {} extends Message ? [message?: Message, options?: Options] : [message: Message, options?: Options];
export type NotifyArguments<Message> = {} extends Message ? [message?: Message] : [message: Message];
export type PushOf<Pushes> = {
    [Name in Extract<keyof Pushes, string>]: {
        route: Name;
        body: Pushes[Name];
    };
}[Extract<keyof Pushes, string>];
export type ClientEvents<Pushes = AnyPushes> = {
    /**
     * every push
     */
    push: PushOf<Pushes>;
    /**
     * the server ends the connection; `close` follows
     */
    kick: Kick;
    /**
     * the connection is over
     */
    close: Closing;
    /**
     * mostly an `Error`: a message could not be read and was left out; the connection goes on
     */
    error: unknown;
};
export type Kick = {
    /**
     * the server's, or nothing
     */
    reason: string;
};
export type Closing = {
    reason: CloseReason;
    /**
     * what it came from, if anything did
     */
    error?: unknown;
};
export type EventName<Pushes> = keyof ClientEvents | Extract<keyof Pushes, string>;
export type EventValue<Pushes, Name> = Name extends keyof ClientEvents ? ClientEvents<Pushes>[Name] : Name extends keyof Pushes ? Pushes[Name] : never;
/** @param {string} name @returns {boolean} whether it is the name of an event and not only a push's */
export declare const isEvent: (name: string) => boolean;
