/**
 * The events of a client, and the types by which an application says which routes and pushes it has.
 *
 * @module events
 */
/** @import { CloseReason } from './errors.js' */

/**
 * The types of one route: `message` goes out, `response` comes back. A route without `message` takes none, one that is only
 * notified needs no `response`.
 *
 * @typedef {{ message?: any, response?: any }} Route
 */

/**
 * Where an application says nothing of its routes, every string is one, with any message and response.
 *
 * @typedef {{ [route: string]: { message: any, response: any } }} AnyRoutes
 */

/**
 * Where an application says nothing of its pushes, every string is the route of one, with any body.
 *
 * @typedef {{ [route: string]: any }} AnyPushes
 */

/**
 * @template Types
 * @typedef {Types extends { message: infer Message } ? Message : Record<string, never>} MessageOf
 */

/**
 * @template Types
 * @typedef {Types extends { response: infer Response } ? Response : unknown} ResponseOf
 */

/**
 * What follows the route of a request: the message may be left out where `{}` is one.
 *
 * @template Message
 * @template Options
 * @typedef {{} extends Message ? [message?: Message, options?: Options] : [message: Message, options?: Options]} RequestArguments
 */

/**
 * What follows the route of a notify.
 *
 * @template Message
 * @typedef {{} extends Message ? [message?: Message] : [message: Message]} NotifyArguments
 */

/**
 * Any push, with its route.
 *
 * @template Pushes
 * @typedef {{ [Name in Extract<keyof Pushes, string>]: { route: Name, body: Pushes[Name] } }[Extract<keyof Pushes, string>]} PushOf
 */

/**
 * What a client says of itself. A push whose route is one of these names is heard as `push` only.
 *
 * @template [Pushes=AnyPushes]
 * @typedef {object} ClientEvents
 * @property {PushOf<Pushes>} push every push
 * @property {Kick} kick the server ends the connection; `close` follows
 * @property {Closing} close the connection is over
 * @property {unknown} error mostly an `Error`: a message could not be read and was left out; the connection goes on
 */

/**
 * @typedef {object} Kick
 * @property {string} reason the server's, or nothing
 */

/**
 * @typedef {object} Closing
 * @property {CloseReason} reason
 * @property {unknown} [error] what it came from, if anything did
 */

/**
 * @template Pushes
 * @typedef {keyof ClientEvents | Extract<keyof Pushes, string>} EventName
 */

/**
 * What the listeners of an event get.
 *
 * @template Pushes
 * @template Name
 * @typedef {Name extends keyof ClientEvents ? ClientEvents<Pushes>[Name] : Name extends keyof Pushes ? Pushes[Name] : never} EventValue
 */

const EVENTS = new Set(['push', 'kick', 'close', 'error']);

/** @param {string} name @returns {boolean} whether it is the name of an event and not only a push's */
export const isEvent = name => EVENTS.has(name);
