// The published JavaScript client drives the chat service.
import { createRequire } from 'node:module';
import { Checks, arguments_, tag } from './checks.mjs';
import { PublishedClient } from './published-client.mjs';

const require = createRequire(import.meta.url);
const { Message } = require('pomelo-protocol');
const protobuf = require('pomelo-protobuf');

const gate = arguments_('browser-client.mjs');
const checks = new Checks();
const clients = [];
const run = tag();
const room = `room ${run}`;

function client(name, headers) {
  const made = new PublishedClient(`${name}${run}`, headers);
  clients.push(made);
  return made;
}

const ask = (c, route, message) => checks.within(`${c.name}: the answer to ${route}`, c.request(route, message));
const say = (c, target, content) => ask(c, 'chat.chatHandler.send', { content, target, rid: room, from: c.name });
const heard = (c, text) => c.got('onChat').filter(m => m.msg === text);

async function enter(c, rid = room) {
  await checks.within(`${c.name}: handshake with the gate`, c.connect(gate.host, gate.port));
  c.gateSocket = c.socket;
  c.entry = await ask(c, 'gate.gateHandler.queryEntry', { uid: c.name });
  if (c.entry.code !== 200) throw new Error(`the gate answered ${JSON.stringify(c.entry)}`);
  c.disconnect();
  await checks.within(`${c.name}: handshake with the connector`, c.connect(c.entry.host, c.entry.port));
  return ask(c, 'connector.entryHandler.enter', { username: c.name, rid });
}

async function coming(ann, bob, cat) {
  const alone = await enter(ann);
  checks.check('the gate answers code 200, a host and a port', ann.entry.code === 200 && typeof ann.entry.host === 'string' && Number.isInteger(ann.entry.port), ann.entry);
  checks.equal('the first to enter is alone', alone, { users: [ann.name] });
  const two = await enter(bob);
  checks.equal('the second finds both', two.users?.sort(), [ann.name, bob.name].sort());
  const three = await enter(cat);
  checks.equal('the third finds all', three.users?.sort(), [ann.name, bob.name, cat.name].sort());
  await checks.until('onAdd of the third', () => ann.got('onAdd').some(m => m.user === cat.name) && bob.got('onAdd').some(m => m.user === cat.name));
  const others = c => c.got('onAdd').filter(m => m.user !== c.name); // pomelo may show a newcomer to itself
  checks.equal('the first saw both come, in order', others(ann), [{ route: 'onAdd', user: bob.name }, { route: 'onAdd', user: cat.name }]);
  checks.equal('the second saw only the third', others(bob), [{ route: 'onAdd', user: cat.name }]);
  checks.equal('the third saw nobody come', others(cat), []);
  const own = [ann, bob, cat].filter(c => c.got('onAdd').some(m => m.user === c.name));
  if (gate.strict) checks.equal('no newcomer is shown to itself', own.map(c => c.name), []);
  else if (own.length) checks.note(`${own.length} newcomers were shown to themselves (pomelo does)`);
}

async function talking(ann, bob, cat) {
  const text = 'hello, 你好, ça va? naïve “quotes” \\ "';
  const answer = await say(ann, '*', text);
  checks.check('chat.send succeeds without a code', answer && answer.code === undefined, answer);
  await checks.until('onChat at all three', () => [ann, bob, cat].every(c => heard(c, text).length > 0));
  for (const c of [ann, bob, cat]) checks.equal(`${c.name} hears it once, with sender and target`, heard(c, text), [{ msg: text, from: ann.name, target: '*' }]);

  await say(bob, cat.name, 'for one');
  await checks.until('the whisper', () => heard(cat, 'for one').length);
  await say(bob, '*', 'after the whisper');
  await checks.until('what follows it', () => [ann, bob, cat].every(c => heard(c, 'after the whisper').length));
  checks.equal('a whisper names its target', heard(cat, 'for one'), [{ msg: 'for one', from: bob.name, target: cat.name }]);
  checks.check('nobody else hears a whisper', heard(ann, 'for one').length === 0 && heard(bob, 'for one').length === 0);

  const large = 'x'.repeat(30_000) + '尾';
  await say(ann, cat.name, large);
  await checks.until('a large message', () => heard(cat, large).length);
  checks.check('30 kB arrive whole', true);

  const texts = Array.from({ length: 50 }, (_, i) => `line ${i}`);
  const answers = await Promise.all(texts.map(line => say(cat, '*', line)));
  checks.check('50 requests in one go are all answered', answers.every(a => a.code === undefined), answers.find(a => a.code !== undefined));
  await checks.until('all lines at all three', () => [ann, bob, cat].every(c => heard(c, 'line 49').length));
  checks.equal('and their pushes keep the order', bob.got('onChat').map(m => m.msg).filter(m => m.startsWith('line ')), texts);
}

// What JavaScript sends and shows. In JSON, characters beyond U+FFFF come as escapes, which this client reads.
async function emoji(ann) {
  const rid = `room 😀 ${run}`;
  const [eve, odd] = [client('eve 😀 '), client('odd \ud83d ', { Cookie: `session=${'c'.repeat(9_000)}` })];
  checks.equal('a name with an emoji comes back whole', await enter(eve, rid), { users: [eve.name] });
  const seen = odd.name.toWellFormed();
  checks.equal('half an emoji is U+FFFD, and cookies of 9 kB are let in', (await enter(odd, rid)).users?.sort(), [eve.name, seen].sort());
  await checks.until('onAdd of half an emoji', () => eve.got('onAdd').some(m => m.user === seen));
  checks.check('a push in JSON shows it, too', true);
  odd.disconnect();
  await checks.until('onLeave of half an emoji', () => eve.got('onLeave').some(m => m.user === seen));

  await say(ann, '*', `cut \ud83d ${run}`);
  await checks.until('a message with half an emoji', () => heard(ann, `cut \ufffd ${run}`).length);
  checks.check('a message with half an emoji is not lost', true);
  const body = text => `{"content": ${JSON.stringify(text)}, "target": "*", "rid": "${room}", "content": ${JSON.stringify(`${text} again`)}, "n": [1e400, ${'['.repeat(300)}${']'.repeat(300)}]}`;
  await checks.within('odd JSON', ann.requestText('chat.chatHandler.send', body('odd')));
  await checks.until('a message in odd JSON', () => heard(ann, 'odd again').length);
  checks.check('what JSON.parse takes is taken', true);
  for (const text of ['{"content": "x",}', "{'content': 'x'}", '{"content": "x"', '']) {
    const answer = await checks.within('no JSON', ann.requestText('chat.chatHandler.send', text));
    checks.equal(`${JSON.stringify(text)} counts as {}: code 500`, answer.code, 500);
  }
  eve.disconnect();
}

// This client writes characters beyond U+FFFF as two surrogates of three bytes each, and reads no four-byte ones. Protobuf has no
// escapes, and is UTF-8, as pomelo writes it. Hence the wire.
async function astral(ann, cat, protos) {
  const text = `grin 😀 ${run}`;
  const before = ann.messages(ann.socket, 'in').filter(m => m.type === Message.TYPE_PUSH).length;
  await say(cat, '*', text);
  const push = await checks.until('the astral push', () => ann.messages(ann.socket, 'in').filter(m => m.type === Message.TYPE_PUSH)[before]);
  protobuf.init({ encoderProtos: {}, decoderProtos: protos.server });
  const { msg } = protobuf.decode('onChat', push.body);
  if (msg.includes('\ufffd') && !gate.strict) checks.note(`the server replaced the character: ${JSON.stringify(msg)} (pomelo does)`);
  else checks.equal('a character beyond U+FFFF arrives as itself', msg, text);
  checks.check('the text around it arrives', msg.startsWith('grin ') && msg.endsWith(run), msg);
}

async function twice(ann, bob) {
  const double = client('ann');
  const answer = await enter(double);
  checks.equal('the gate sends a name to the same connector', double.entry, ann.entry);
  checks.equal('a duplicate login is refused', answer, { code: 500, error: true });
  double.disconnect();
  await checks.until('the duplicate to close', () => double.closed);
  await say(ann, '*', 'still here');
  await checks.until('the first session to go on', () => heard(bob, 'still here').length);
  checks.check('the duplicate leaving is no onLeave', !bob.got('onLeave').some(m => m.user === ann.name));
  const elsewhere = client('ann');
  checks.equal('the same name may enter another room', await enter(elsewhere, `${room} 2`), { users: [ann.name] });
  elsewhere.disconnect();
}

async function errors(ann) {
  checks.equal('an unknown method: code 500', (await ask(ann, 'connector.entryHandler.nope', {})).code, 500);
  checks.equal('an unknown handler: code 500', (await ask(ann, 'connector.nopeHandler.enter', {})).code, 500);
  checks.equal('an unknown server type: code 500', (await ask(ann, 'nope.nopeHandler.nope', {})).code, 500);
  checks.equal('a message to an absent user: code 500', (await say(ann, `nobody${run}`, 'hello?')).code, 500);
  const early = client('early');
  await checks.within('handshake with the gate', early.connect(gate.host, gate.port));
  checks.equal('queryEntry without a uid: code 500', await ask(early, 'gate.gateHandler.queryEntry', {}), { code: 500 });
  early.disconnect();
  await checks.within('handshake with the connector', early.connect(ann.entry.host, ann.entry.port));
  checks.equal('chat.send before enter: code 500', (await say(early, '*', 'too early')).code, 500);
  early.notify('connector.entryHandler.nope', {});
  checks.equal('a notify to nowhere leaves the connection in order', (await ask(early, 'connector.entryHandler.nope', {})).code, 500);
  early.disconnect();
}

async function silence(ann, bob, heartbeatMs) {
  const mute = client('mute');
  await enter(mute);
  mute.socket.muted = true;
  const since = Date.now();
  const before = ann.heartbeats(ann.socket, 'in');
  const dropped = checks.until('the silent client to be dropped', () => mute.closed && Date.now(), heartbeatMs * 2 + 4_000);
  await checks.until('10 s and a few heartbeats', () => Date.now() - since > 10_000 && ann.heartbeats(ann.socket, 'in') > before + 1, 10_000 + heartbeatMs * 4);
  const tookMs = (await dropped) - since;
  checks.check('a silent client is dropped after about two intervals', tookMs > heartbeatMs && tookMs < heartbeatMs * 2 + 2_500, `${tookMs} ms`);
  await checks.until('onLeave of the silent client', () => ann.got('onLeave').some(m => m.user === mute.name));
  checks.check('an idle one is kept by its heartbeats', !ann.closed && !bob.closed && ann.got('heartbeat timeout').length === 0);
  await say(bob, '*', 'after the silence');
  await checks.until('a message after the silence', () => heard(ann, 'after the silence').length);
  checks.check('and hears what is said then', true);
}

async function going(ann, bob, cat) {
  cat.disconnect();
  await checks.until('onLeave', () => [ann, bob].every(c => c.got('onLeave').some(m => m.user === cat.name)));
  checks.equal('leaving is told once', ann.got('onLeave').filter(m => m.user === cat.name), [{ route: 'onLeave', user: cat.name }]);

  bob.request('connector.entryHandler.constructor', {});
  await checks.until('the kick', () => bob.got('onKick').length && bob.closed);
  checks.equal('a method named constructor is an attack, and says so', bob.got('onKick'), [{ reason: 'attack' }]);
  await checks.until('onLeave of the kicked', () => ann.got('onLeave').some(m => m.user === bob.name));
  checks.check('the others see the kicked one leave', true);
  ann.disconnect();
  await checks.until('the end', () => ann.closed);
}

function wire(ann, protos) {
  const atGate = ann.handshake(ann.gateSocket, 'in');
  const sent = ann.handshake(ann.socket, 'out').sys;
  const { code, sys } = ann.handshake(ann.socket, 'in');
  checks.equal('the connector says code 200', code, 200);
  checks.check('the gate has no heartbeat and no dictionary', atGate.sys.heartbeat === undefined && atGate.sys.dict === undefined, atGate.sys);
  checks.check('both use protobuf', atGate.sys.useProto === true && sys.useProto === true);
  checks.equal('the client tells the version of the schemas that it got from the gate', sent.protoVersion, protos.version);
  checks.check('so the connector leaves them out', sys.protos === undefined, sys.protos);
  checks.check('dict, routeToCode and codeToRoute agree', sys.useDict === true && typeof sys.dictVersion === 'string'
    && JSON.stringify(sys.dict) === JSON.stringify(sys.routeToCode)
    && Object.entries(sys.dict).every(([route, n]) => sys.codeToRoute[n] === route) && Object.keys(sys.codeToRoute).length === Object.keys(sys.dict).length, sys);
  const routes = ['chat.chatHandler.send', 'connector.entryHandler.enter', 'gate.gateHandler.queryEntry'];
  checks.equal('the handlers have codes 1 to 3', routes.map(route => sys.dict[route]), [1, 2, 3]);

  const out = ann.messages(ann.socket, 'out').filter(m => m.type === Message.TYPE_REQUEST);
  checks.check('requests go out with codes of the dictionary', out.length > 3 && out.every(m => (m.compressRoute ? sys.codeToRoute[m.route] : sys.dict[m.route] === undefined)), out.map(m => m.route));
  const routeOf = m => (m.compressRoute ? sys.codeToRoute[m.route] : m.route);
  const pushes = ann.messages(ann.socket, 'in').filter(m => m.type === Message.TYPE_PUSH);
  checks.check('pushes that the dictionary knows come with codes', pushes.every(m => m.compressRoute || sys.dict[m.route] === undefined));
  const chats = pushes.filter(m => routeOf(m) === 'onChat');
  protobuf.init({ encoderProtos: protos.server, decoderProtos: protos.server });
  // Node's codec reads UTF-8 only, so not what has halves of characters, which the client has read.
  const inHalves = m => [...m.body].some((byte, at) => byte === 0xed && (m.body[at + 1] & 0xf0) === 0xa0);
  const again = m => Buffer.from(protobuf.encode('onChat', protobuf.decode('onChat', m.body)));
  checks.check('every onChat is protobuf, field by field', chats.length > 50 && chats.filter(inHalves).length < 5 && chats.every(m => m.body[0] === 0x0a && (inHalves(m) || Buffer.compare(again(m), m.body) === 0)), chats.length);
  const adds = pushes.filter(m => routeOf(m) === 'onAdd');
  checks.check('onAdd is JSON', adds.length > 0 && adds.every(m => JSON.parse(m.body).route === 'onAdd'));
  checks.check('no response carries a route', ann.messages(ann.socket, 'in').filter(m => m.type === Message.TYPE_RESPONSE).every(m => !m.compressRoute && !m.route));
  checks.check('the server sends binary frames only', clients.every(c => c.sockets.every(s => s.packages.every(p => p.type !== 'text'))));
}

await checks.run(90_000, async () => {
  const [ann, bob, cat] = [client('ann'), client('bob'), client('cat')];
  await coming(ann, bob, cat);
  const protos = ann.handshake(ann.gateSocket, 'in').sys.protos;
  const { heartbeat } = ann.handshake(ann.socket, 'in').sys;
  checks.check('the connector asks for heartbeats', heartbeat > 0, heartbeat);
  await talking(ann, bob, cat);
  await astral(ann, cat, protos);
  if (gate.strict) await emoji(ann);
  await twice(ann, bob);
  await errors(ann);
  await silence(ann, bob, heartbeat * 1000);
  await going(ann, bob, cat);
  wire(ann, protos);
}, () => {
  for (const c of clients) for (const socket of c.sockets) socket.terminate();
});
