// A websocket client of another make, with and without permessage-deflate, in one room of a server that has it switched on.
import WebSocket from 'ws';
import { Checks, arguments_, tag } from './checks.mjs';

const HANDSHAKE = 1, ACK = 2, HEARTBEAT = 3, DATA = 4;

const gate = arguments_('deflate-client.mjs');
const checks = new Checks();
const room = `room ${tag()}`;
const opened = [];

const packed = (kind, body = '') => {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from([kind, bytes.length >> 16, (bytes.length >> 8) & 255, bytes.length & 255]), bytes]);
};

/** Pomelo's protocol by hand, as far as it is needed here: every route by name, every body JSON. */
class Client {
  #socket;
  #lastId = 0;
  #answers = new Map();
  pushes = [];

  async connect(host, port, perMessageDeflate) {
    this.#socket = new WebSocket(`ws://${host}:${port}/`, { perMessageDeflate });
    opened.push(this);
    const working = new Promise((resolve, reject) => {
      this.#socket.on('error', reject);
      this.#socket.on('message', message => this.#read(message, resolve));
    });
    await new Promise(resolve => this.#socket.on('open', resolve));
    this.#socket.send(packed(HANDSHAKE, JSON.stringify({ sys: { type: 'deflate', version: '1' }, user: {} })));
    await checks.within('a handshake', working);
    return this;
  }

  #read(message, working) {
    for (let at = 0; at < message.length;) {
      const [kind, end] = [message[at], at + 4 + message.readUIntBE(at + 1, 3)];
      const body = message.subarray(at + 4, end);
      if (kind === HANDSHAKE) {
        this.#socket.send(packed(ACK));
        working();
      }
      if (kind === DATA) this.#message(body);
      at = end;
    }
  }

  #message(body) {
    if (((body[0] >> 1) & 7) !== 2) return this.pushes.push(body);
    let at = 1;
    while (body[at] & 0x80) at++;
    this.#answers.get(body[1])?.(JSON.parse(body.subarray(at + 1)));
  }

  request(route, message) {
    const id = ++this.#lastId; // one byte is enough here
    const head = Buffer.from([0, id, route.length]);
    const answer = new Promise(resolve => this.#answers.set(id, resolve));
    this.#socket.send(packed(DATA, Buffer.concat([head, Buffer.from(route), Buffer.from(JSON.stringify(message))])));
    return checks.within(`the answer to ${route}`, answer);
  }

  get extensions() { return this.#socket.extensions; }
  get bytesRead() { return this.#socket._socket.bytesRead; }
  close() { this.#socket.terminate(); }
}

async function enter(name, perMessageDeflate) {
  const atGate = await new Client().connect(gate.host, gate.port, perMessageDeflate);
  const { host, port } = await atGate.request('gate.gateHandler.queryEntry', { uid: name });
  const client = await new Client().connect(host, port, perMessageDeflate);
  const { users } = await client.request('connector.entryHandler.enter', { username: name, rid: room });
  checks.check(`${name} is in the room`, users?.includes(name), users);
  return client;
}

const count = (client, text) => client.pushes.filter(push => push.includes(text)).length;

await checks.run(60_000, async () => {
  const small = await enter('small', { threshold: 0 });
  const large = await enter('large', false);
  checks.equal('the agreement', small.extensions, 'permessage-deflate');
  checks.equal('no agreement where none is offered', large.extensions, '');

  const content = 'all that is said to everyone, again and again; '.repeat(200);
  const before = [small.bytesRead, large.bytesRead];
  const said = await small.request('chat.chatHandler.send', { content, target: '*', rid: room, from: 'small' });
  checks.equal('a compressed request is answered', said.code, undefined);
  await checks.until('the push at both', () => count(small, content) && count(large, content));
  const [compressed, plain] = [small.bytesRead - before[0], large.bytesRead - before[1]];
  checks.check('the push came compressed to the one', compressed < content.length / 10, compressed);
  checks.check('and as it is to the other', plain > content.length, plain);

  for (let n = 0; n < 50; n++) await large.request('chat.chatHandler.send', { content: `${n} ${content}`, target: '*', rid: room, from: 'large' });
  await checks.until('fifty pushes, each compressed by itself', () => count(small, content) === 51);
  checks.equal('in order', small.pushes.slice(-50).map(push => Number(/(\d+) all/.exec(push.toString())[1])), [...Array(50).keys()]);
}, () => opened.forEach(client => client.close()));
