/**
 * The client of the protocol, which has a folder of its own beside the examples. A browser drops each `..` that leads above the
 * server's root, and so asks for `/clients/js/src/…`, where `page.rs` serves it.
 *
 * @module pomelo
 */
export { Emitter } from '../../../clients/js/src/emitter.js';
export { isLoopback } from '../../../clients/js/src/gate.js';
export { Backoff, GateError, PomeloClient, askGate, reconnect } from '../../../clients/js/src/index.js';
