/**
 * A client for pomelo's binary protocol over websocket. No dependencies, no DOM: it runs in browsers and in Node.
 *
 * ```js
 * import { PomeloClient } from 'pomelo-rs-client'; // in a browser without a bundler: './pomelo/index.js'
 *
 * const client = new PomeloClient({ storage: localStorage }); // in Node 20 add: WebSocket (of the package ws)
 * client.on('onChat', message => console.log(message.from, message.msg));
 * client.on('kick', ({ reason }) => console.log('kicked', reason));
 * client.on('close', ({ reason }) => console.log('closed', reason));
 * await client.connect('ws://127.0.0.1:3050');
 * const { users } = await client.request('connector.entryHandler.enter', { username: 'ann', rid: 'garden' });
 * client.notify('chat.chatHandler.typing', {});
 * client.close();
 * ```
 *
 * @module pomelo-rs-client
 */
export { Backoff, reconnect } from './backoff.js';
export { PomeloClient } from './client.js';
export { ClosedError, TimeoutError } from './errors.js';
export { GateError, askGate } from './gate.js';
export { HandshakeError } from './handshake.js';
export { ProtobufError } from './protobuf.js';
export { ProtocolError } from './protocol.js';
export { stayConnected } from './stay-connected.js';

/** @typedef {import('./backoff.js').BackoffOptions} BackoffOptions */
/** @typedef {import('./backoff.js').ReconnectOptions} ReconnectOptions */
/** @typedef {import('./backoff.js').Wait} Wait */
/** @typedef {import('./client.js').RequestOptions} RequestOptions */
/** @typedef {import('./errors.js').CloseReason} CloseReason */
/** @typedef {import('./events.js').AnyPushes} AnyPushes */
/** @typedef {import('./events.js').AnyRoutes} AnyRoutes */
/** @typedef {import('./events.js').Closing} Closing */
/** @typedef {import('./events.js').Kick} Kick */
/** @typedef {import('./events.js').Route} Route */
/** @typedef {import('./gate.js').GateOptions} GateOptions */
/** @typedef {import('./options.js').ClientOptions} ClientOptions */
/** @typedef {import('./options.js').Codec} Codec */
/** @typedef {import('./options.js').Socket} Socket */
/** @typedef {import('./options.js').Storage} Storage */
/** @typedef {import('./stay-connected.js').StayOptions} StayOptions */
