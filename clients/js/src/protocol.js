/**
 * The bytes on the wire, without any connection: packages (type, length, body) and, in data packages, messages
 * (flag, id, route, body). Encode and decode of one thing are neighbours.
 *
 * @module protocol
 */

/** What a package is for. */
export const PackageType = Object.freeze({ HANDSHAKE: 1, HANDSHAKE_ACK: 2, HEARTBEAT: 3, DATA: 4, KICK: 5 });

/** What a message is. Requests and responses have an id; all but responses have a route. */
export const MessageType = Object.freeze({ REQUEST: 0, NOTIFY: 1, RESPONSE: 2, PUSH: 3 });

/** The other side, or the caller, broke a rule of the protocol. */
export class ProtocolError extends Error {
  name = 'ProtocolError';
}

const HEAD_BYTES = 4;
const MAX_BODY_BYTES = 0xffffff;
const MAX_ROUTE_BYTES = 0xff;
const MAX_ROUTE_CODE = 0xffff;
const MAX_ID = 0x7fffffff;

const FLAG_COMPRESSED_ROUTE = 0x01;
const FLAG_GZIP = 0x10;

const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** @param {string} text @returns {Uint8Array} UTF-8 */
export const encodeText = text => encoder.encode(text);

/** @param {Uint8Array} bytes UTF-8; what is not valid becomes U+FFFD @returns {string} */
export const decodeText = bytes => decoder.decode(bytes);

/** @param {unknown} value @returns {Uint8Array} */
export const encodeJson = value => encodeText(JSON.stringify(value));

/** @param {Uint8Array} bytes @returns {any} `undefined` for an empty body */
export const decodeJson = bytes => (bytes.length === 0 ? undefined : JSON.parse(decodeText(bytes)));

/**
 * @param {number} type one of {@link PackageType}
 * @param {Uint8Array} [body]
 * @returns {Uint8Array} `type(1) | length(3, big endian) | body`
 */
export function encodePackage(type, body = EMPTY) {
  if (body.length > MAX_BODY_BYTES) throw new ProtocolError(`a package holds at most ${MAX_BODY_BYTES} bytes, not ${body.length}`);
  const bytes = new Uint8Array(HEAD_BYTES + body.length);
  bytes[0] = type;
  bytes[1] = body.length >>> 16;
  bytes[2] = body.length >>> 8;
  bytes[3] = body.length;
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

/**
 * A server may put several packages into one websocket frame, but never part of one.
 *
 * @param {Uint8Array} bytes one frame
 * @returns {{ type: number, body: Uint8Array }[]}
 */
export function decodePackages(bytes) {
  const packages = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + HEAD_BYTES > bytes.length) throw new ProtocolError('a package is cut off in its head');
    const type = bytes[at];
    if (type < PackageType.HANDSHAKE || type > PackageType.KICK) throw new ProtocolError(`there is no package type ${type}`);
    const start = at + HEAD_BYTES;
    const end = start + ((bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]);
    if (end > bytes.length) throw new ProtocolError('a package is cut off in its body');
    packages.push({ type, body: bytes.subarray(start, end) });
    at = end;
  }
  return packages;
}

/**
 * @typedef {object} Message
 * @property {number} type one of {@link MessageType}
 * @property {number} id 0 where the type has none
 * @property {string | number | undefined} route a number is a code of the dictionary; responses have none
 * @property {Uint8Array} body
 */

/** @param {Message} message @returns {Uint8Array} the body of a data package */
export function encodeMessage({ type, id, route, body }) {
  const head = [(type << 1) | (typeof route === 'number' ? FLAG_COMPRESSED_ROUTE : 0)];
  if (hasId(type)) pushId(head, id);
  if (hasRoute(type)) pushRoute(head, route ?? '');
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

/** @param {Uint8Array} bytes the body of a data package @returns {Message} */
export function decodeMessage(bytes) {
  if (bytes.length === 0) throw new ProtocolError('a message is empty');
  const flag = bytes[0];
  const type = (flag >> 1) & 0x07;
  if (type > MessageType.PUSH) throw new ProtocolError(`there is no message type ${type}`);
  if (flag & FLAG_GZIP) throw new ProtocolError('compressed bodies are not supported');

  let at = 1;
  let id = 0;
  if (hasId(type)) [id, at] = readId(bytes, at);
  let route;
  if (hasRoute(type)) [route, at] = readRoute(bytes, at, (flag & FLAG_COMPRESSED_ROUTE) !== 0);
  return { type, id, route, body: bytes.subarray(at) };
}

/** @param {number} type */
const hasId = type => type === MessageType.REQUEST || type === MessageType.RESPONSE;
/** @param {number} type */
const hasRoute = type => type !== MessageType.RESPONSE;

/** @param {number[]} head @param {number} id */
function pushId(head, id) {
  if (!Number.isInteger(id) || id < 0 || id > MAX_ID) throw new ProtocolError(`${id} is not a message id`);
  for (; id > 0x7f; id >>>= 7) head.push((id & 0x7f) | 0x80);
  head.push(id);
}

/** @param {Uint8Array} bytes @param {number} at @returns {[id: number, at: number]} */
function readId(bytes, at) {
  let id = 0;
  for (let scale = 1; ; scale *= 128) {
    if (at >= bytes.length) throw new ProtocolError('a message is cut off in its id');
    const byte = bytes[at++];
    id += (byte & 0x7f) * scale;
    if (id > MAX_ID) throw new ProtocolError('a message id is too large');
    if (byte < 0x80) return [id, at];
  }
}

/** @param {number[]} head @param {string | number} route */
function pushRoute(head, route) {
  if (typeof route === 'number') {
    if (!Number.isInteger(route) || route < 0 || route > MAX_ROUTE_CODE) throw new ProtocolError(`${route} is not a route code`);
    head.push(route >>> 8, route & 0xff);
    return;
  }
  const bytes = encodeText(route);
  if (bytes.length > MAX_ROUTE_BYTES) throw new ProtocolError(`a route has at most ${MAX_ROUTE_BYTES} bytes: ${route}`);
  head.push(bytes.length, ...bytes);
}

/** @param {Uint8Array} bytes @param {number} at @param {boolean} compressed @returns {[route: string | number, at: number]} */
function readRoute(bytes, at, compressed) {
  const start = compressed ? at : at + 1;
  const end = start + (compressed ? 2 : bytes[at]);
  if (!(end <= bytes.length)) throw new ProtocolError('a message is cut off in its route');
  if (compressed) return [(bytes[at] << 8) | bytes[at + 1], end];
  return [decodeText(bytes.subarray(start, end)), end];
}
