// Our own client (clients/js) in Node: its protobuf against the published package, its manners against a scripted server of the
// published packages, and the chat service with a line that breaks. Its unit tests are beside it.
import { createRequire } from 'node:module';
import { WebSocket } from 'ws';
import { ChatRoom, EVERYONE } from '../../examples/chat/web/chat-room.js';
import { ClosedError, HandshakeError, PomeloClient, ProtobufError, TimeoutError } from '../../clients/js/src/index.js';
import { gateUrlOf } from '../../examples/chat/web/gate-url.js';
import { Protobuf } from '../../clients/js/src/protobuf.js';
import { facts } from '../../clients/js/test/support/facts.js';
import { parseSchemas } from '../../clients/js/test/support/schemas.js';
import { Checks, arguments_, sleep, tag } from './checks.mjs';
import { FrontendProxy } from './frontend-proxy.mjs';
import { ScriptedServer, heartbeat, kick, push, response } from './scripted-server.mjs';

const require = createRequire(import.meta.url);
const published = require('pomelo-protobuf');

/** Long enough for a machine that has other things to do. */
const HEARTBEAT_MS = 1_000;

const gate = arguments_('own-client.mjs');
const checks = new Checks();
const run = tag();
const opened = [];

const hex = bytes => Buffer.from(bytes).toString('hex');

function keep(closable) {
  opened.push(closable);
  return closable;
}

const client = options => keep(new PomeloClient({ WebSocket, ...options }));

function storage() {
  const values = new Map();
  return { values, getItem: key => values.get(key) ?? null, setItem: (key, value) => values.set(key, value) };
}

function protobuf() {
  const given = [...facts.protobuf, ...facts.protobufDecode, ...facts.protobufRejects].map(({ protos }) => protos);
  checks.equal('the unit tests read schemas as the published package does', given.map(parseSchemas), given.map(published.parse));

  const protos = published.parse({ r: { 'required Party party': 1, 'repeated string tags': 2, 'repeated double odds': 3, 'message Party': { 'repeated Member members': 1, 'optional float mood': 2, 'message Member': { 'required string name': 1, 'required sInt32 score': 2, 'repeated uInt32 items': 3 } } } });
  published.init({ encoderProtos: protos, decoderProtos: protos });
  const message = { party: { members: [{ name: '小明', score: -70_000, items: [1, 128, 99_999] }, { name: 'Ann 😀', score: 12, items: [] }], mood: 0.5 }, tags: ['a', ''], odds: [0.1, 2.75] };
  const ours = new Protobuf(protos).encode('r', message);
  checks.equal('protobuf, nested and repeated: the same bytes as the published package', hex(ours), hex(published.encode('r', message)));
  checks.equal('protobuf, nested and repeated: the published package reads ours', published.decode('r', Buffer.from(ours)), new Protobuf(protos).decode('r', ours));
}

const PROTOS = {
  version: 'protos 1',
  client: published.parse({ 'game.moveHandler.move': { 'required Path path': 1, 'message Path': { 'repeated Point points': 1, 'message Point': { 'required sInt32 x': 1, 'required sInt32 y': 2 } } } }),
  server: published.parse({ 'game.moveHandler.move': { 'repeated uInt32 seen': 1 }, onMove: { 'repeated Who who': 1 }, 'message Who': { 'required string name': 1, 'optional double hp': 2 } }),
};
const DICT = { 'game.moveHandler.move': 1, 'game.moveHandler.stop': 2, onMove: 700 };
const invert = dict => Object.fromEntries(Object.entries(dict).map(([route, code]) => [code, route]));

function agree({ sys: { dictVersion, protoVersion } }) {
  const sys = { heartbeat: HEARTBEAT_MS / 1000, useDict: true, useProto: true };
  if (dictVersion !== 'dict 1') Object.assign(sys, { dict: DICT, routeToCode: DICT, codeToRoute: invert(DICT), dictVersion: 'dict 1' });
  if (protoVersion !== PROTOS.version) sys.protos = PROTOS;
  return { code: 200, sys, user: { hello: 'you' } };
}

async function manners() {
  const server = keep(await ScriptedServer.start(agree));
  const cache = storage();
  const c = client({ storage: cache, user: { token: 't' } });
  const heard = [];
  for (const name of ['onMove', 'kick', 'close', 'error']) c.on(name, value => heard.push([name, value]));
  const pushed = [];
  c.on('push', ({ route }) => pushed.push(route));

  checks.equal('connect gives what the handshake hook answers', await c.connect(server.url), { hello: 'you' });
  checks.equal('and sends what it wants to know', server.handshakes[0], { sys: { type: 'js-websocket', version: '0.0.1', rsa: {} }, user: { token: 't' } });
  await checks.until('the ack', () => server.acks === 1);

  const move = { path: { points: [{ x: -1, y: 2 }, { x: 300, y: -400 }] } };
  const answer = c.request('game.moveHandler.move', move);
  const request = await checks.until('the request', () => server.messages.at(-1));
  published.init({ encoderProtos: PROTOS.server, decoderProtos: PROTOS.client });
  checks.equal('a request goes out with its code and as protobuf', [request.compressRoute, request.route, published.decode('game.moveHandler.move', request.body)], [1, 1, move]);
  server.send(
    response(request.id, published.encode('game.moveHandler.move', { seen: [1, 300] })),
    push(700, published.encode('onMove', { who: [{ name: '小', hp: 1.5 }, { name: '😀' }] })),
    push('kick', { not: 'a kick' }),
    push(9, { no: 'such code' }),
    push('onMove', Buffer.from('ff', 'hex')),
    heartbeat(),
  );
  checks.equal('a response is decoded by the route of its request', await checks.within('the response', answer), { seen: [1, 300] });
  await checks.until('a heartbeat back', () => server.heartbeats === 1);
  checks.equal('a compressed push is decoded by its route', heard[0], ['onMove', { who: [{ name: '小', hp: 1.5 }, { name: '😀' }] }]);
  checks.equal('a push can not pass for an event', heard.filter(([name]) => name === 'kick'), []);
  checks.equal('but is heard as a push', pushed, ['onMove', 'kick']);
  checks.equal('what can not be read is an error and no more', heard.slice(1).map(([name, error]) => [name, error.name]), [['error', 'ProtocolError'], ['error', 'ProtobufError']]);

  await checks.rejects('a message that does not fit its schema is refused', c.request('game.moveHandler.move', {}), e => e instanceof ProtobufError);
  const before = server.messages.length;
  c.notify('game.moveHandler.stop', { now: true });
  const notified = await checks.until('the notify', () => server.messages[before]);
  checks.equal('a notify has no id', [notified.type, notified.id, notified.route, notified.body.toString()], [1, 0, 2, '{"now":true}']);
  await checks.rejects('a request without an answer times out', c.request('a.b.c', {}, { timeoutMs: 50 }), e => e instanceof TimeoutError);
  const late = server.messages.at(-1).id;
  const next = c.request('a.b.c', {});
  await checks.until('the next request', () => server.messages.at(-1).id > late);
  server.send(response(late, { too: 'late' }), response(late + 1, { in: 'time' }));
  checks.equal('a late answer is not taken for the next one', await next, { in: 'time' });

  const open = c.request('a.b.c', {}, { timeoutMs: 0 });
  const silent = Date.now();
  await checks.rejects('open requests are rejected when the server falls silent', open, e => e instanceof ClosedError && e.reason === 'heartbeat');
  checks.check('after two intervals', Date.now() - silent < 6 * HEARTBEAT_MS, Date.now() - silent);
  checks.equal('and close says so', heard.at(-1), ['close', { reason: 'heartbeat' }]);
  await checks.rejects('a closed client refuses requests', c.request('a.b.c', {}), e => e instanceof ClosedError);

  await c.connect(server.url);
  checks.equal('the next handshake names what is known', [server.handshakes[1].sys.dictVersion, server.handshakes[1].sys.protoVersion], ['dict 1', 'protos 1']);
  const again = c.request('game.moveHandler.move', move);
  const cached = await checks.until('a request by the cache', () => server.messages.at(-1).compressRoute === 1 && server.messages.at(-1));
  server.send(response(cached.id, published.encode('game.moveHandler.move', { seen: [] }) ?? Buffer.alloc(0)));
  checks.equal('the cached dictionary and schemas are used', [cached.route, await again], [1, {}]);
  server.send(kick('{"reason":"好"}'), push('onMove', { who: [] }));
  await checks.until('close after the kick', () => heard.at(-1)[1]?.reason === 'kick');
  checks.equal('a kick tells its reason, then close; nothing after it counts', heard.slice(-2), [['kick', { reason: '好' }], ['close', { reason: 'kick' }]]);

  const closing = client();
  await closing.connect(server.url);
  const lost = closing.request('a.b.c', {});
  closing.close();
  await checks.rejects('closing rejects what is open', lost, e => e.reason === 'client');
  const text = client();
  await text.connect(server.url);
  const textClosed = new Promise(resolve => text.on('close', resolve));
  server.socket.send('text');
  checks.equal('a text frame ends the connection', (await checks.within('close', textClosed)).reason, 'protocol');
  const restarted = client();
  await restarted.connect(server.url);
  const restart = new Promise(resolve => restarted.on('close', resolve));
  const cut = restarted.request('a.b.c', {});
  server.socket.close(1012);
  checks.equal('a server that restarts says so', (await checks.within('close', restart)).reason, 'restart');
  await checks.rejects('and open requests are rejected', cut, e => e instanceof ClosedError && e.reason === 'restart');
}

async function refusals() {
  const old = keep(await ScriptedServer.start(() => ({ code: 501 })));
  await checks.rejects('code 501 is a HandshakeError', client().connect(old.url), e => e instanceof HandshakeError && e.code === 501);
  const mute = keep(await ScriptedServer.start(() => undefined));
  await checks.rejects('a handshake without an answer times out', client({ connectTimeoutMs: 80 }).connect(mute.url), e => e instanceof TimeoutError);
  const gone = await ScriptedServer.start(agree);
  const { url } = gone;
  gone.close();
  await checks.rejects('nobody there: closed', client().connect(url), e => e instanceof ClosedError && e.reason === 'connection');
  const bad = { getItem: () => '{nonsense', setItem: () => { throw new Error('full'); } };
  const server = keep(await ScriptedServer.start(agree));
  checks.equal('a useless storage does no harm', await client({ storage: bad }).connect(server.url), { hello: 'you' });

  const at = hostname => ({ protocol: 'http:', hostname });
  checks.equal('where the gate is', [
    gateUrlOf(at('chat.example'), null), gateUrlOf({ ...at('chat.example'), protocol: 'https:' }, null), gateUrlOf(at('[::1]'), ''),
    gateUrlOf(at('x'), 'y:80'), gateUrlOf(at('x'), '[::1]:9'), gateUrlOf(at('x'), 'y/z'), gateUrlOf(at('x'), 'y:port'), gateUrlOf(at('x'), '::1'),
  ], ['ws://chat.example:3014', 'wss://chat.example:3014', 'ws://[::1]:3014', 'ws://y:80', 'ws://[::1]:9', undefined, undefined, undefined]);
}

function chatRoom(port) {
  const room = new ChatRoom({ gateUrl: `ws://${gate.host}:${port}`, client: { WebSocket }, backoff: { firstMs: 50, maxMs: 400 } });
  const heard = { state: [], users: [], message: [], added: [], left: [], ended: [] };
  for (const event of Object.keys(heard)) room.on(event, value => heard[event].push(value));
  keep({ close: () => room.leave() });
  return { room, heard };
}

async function service() {
  const at = `room ${run}`;
  const cache = storage();
  let entry;
  for (const round of [1, 2]) {
    const g = client({ storage: cache });
    await g.connect(`ws://${gate.host}:${gate.port}`);
    entry = await g.request('gate.gateHandler.queryEntry', { uid: `cache${run}` });
    g.close();
    const c = client({ storage: cache });
    await c.connect(`ws://${entry.host}:${entry.port}`);
    const pushed = new Promise(resolve => c.on('onChat', resolve));
    const { users } = await c.request('connector.entryHandler.enter', { username: `cache${run}`, rid: `${at} ${round}` });
    await c.request('chat.chatHandler.send', { content: '😀 你好', target: '*' });
    checks.equal(`round ${round}${round === 2 ? ', from the cache' : ''}: enter and a push with an astral character`, [users, await checks.within('onChat', pushed)], [[`cache${run}`], { msg: '😀 你好', from: `cache${run}`, target: '*' }]);
    c.close();
  }
  checks.equal('dictionary and schemas were cached', [...cache.values.keys()].map(key => key.split(' ').at(-1)).sort(), ['dictionary', 'protos', 'protos']);

  const odd = client();
  await odd.connect(`ws://${entry.host}:${entry.port}`);
  for (const [what, username, rid] of [['a name with an asterisk', 'a*b', at], ['an empty name', '', at], ['a name of spaces', ' 　', at], ['a long name', 'x'.repeat(65), at], ['an empty room', 'Ann', ''], ['a room with an asterisk', 'Ann', '*']])
    checks.equal(`${what} is refused`, (await odd.request('connector.entryHandler.enter', { username, rid })).code, 400);
  checks.equal('a name of 64 characters is none too long', (await odd.request('connector.entryHandler.enter', { username: '😀'.repeat(64), rid: at })).users?.length, 1);
  odd.close();

  const proxy = keep(await FrontendProxy.start(gate.host, gate.port));
  const ann = chatRoom(proxy.port);
  const bob = chatRoom(gate.port);
  await checks.within('Ann to join', ann.room.join('Ann', at));
  await checks.within('Bob to join', bob.room.join('Bob', at));
  await checks.until('Ann to see Bob', () => ann.heard.added.includes('Bob'));
  checks.equal('both know both', [ann.heard.users.at(-1).sort(), bob.heard.users.at(-1).sort()], [['Ann', 'Bob'], ['Ann', 'Bob']]);
  await ann.room.send('to all', EVERYONE);
  await bob.room.send('only you', 'Ann');
  await checks.until('both messages', () => ann.heard.message.length === 2 && bob.heard.message.length === 2);
  checks.equal('a whisper is heard by its target and shown to its sender', [ann.heard.message[1], bob.heard.message[1]], Array(2).fill({ from: 'Bob', target: 'Ann', text: 'only you' }));
  await checks.rejects('a message to nobody is refused', bob.room.send('hello?', `nobody${run}`), e => e.name === 'SendError');

  const double = chatRoom(gate.port);
  await checks.rejects('a duplicate login is told as such', double.room.join('Ann', at), e => e.kind === 'duplicate');
  checks.equal('and leaves us out', double.room.state, 'out');

  proxy.refuse(true);
  proxy.cut();
  await checks.until('Bob to see Ann leave', () => bob.heard.left.includes('Ann'));
  await checks.until('a third attempt', () => ann.heard.state.some(s => s.state === 'waiting' && s.attempt === 3));
  checks.equal('a lost line empties the list of users', ann.heard.users.at(-1), []);
  await checks.rejects('and refuses messages', ann.room.send('anyone?', EVERYONE), e => e.name === 'SendError');
  proxy.refuse(false);
  await checks.until('Ann to come back', () => ann.room.state === 'in');
  await checks.until('Bob to see it', () => bob.heard.added.includes('Ann'));
  checks.equal('who is back knows who is there', ann.heard.users.at(-1).sort(), ['Ann', 'Bob']);

  proxy.freeze(true);
  const frozenAt = Date.now();
  await checks.until('the heartbeat to give up', () => ann.room.state !== 'in', 15_000);
  checks.check('a frozen line is noticed by missing heartbeats', Date.now() - frozenAt > 2_000 && ann.heard.state.at(-1).cause === 'heartbeat', ann.heard.state.at(-1));
  proxy.freeze(false);
  await checks.until('Ann to come back', () => ann.room.state === 'in', 20_000);

  proxy.cutNear();
  await checks.until('the old session to be in the way', () => ann.heard.state.at(-1).cause === 'duplicate');
  await checks.until('Ann to come back when it is gone', () => ann.room.state === 'in', 20_000);
  checks.check('a name still held by the old session is tried again until it is free', true);

  proxy.inject(kick('{"reason":"enough"}'));
  await checks.until('the end', () => ann.heard.ended.length === 1);
  checks.equal('a kick ends it for good, with its reason', [ann.heard.ended[0].kind, ann.heard.ended[0].reason, ann.room.state], ['kick', 'enough', 'out']);
  await sleep(300);
  checks.equal('nobody comes back from a kick', ann.room.state, 'out');
  bob.room.leave();
  checks.equal('leaving is no ending', [bob.heard.ended, bob.room.state], [[], 'out']);
}

await checks.run(90_000, async () => {
  protobuf();
  await manners();
  await refusals();
  await service();
}, () => opened.forEach(one => one.close()));
