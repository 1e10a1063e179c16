// The published TCP client and the published websocket client in one room.
import { Checks, arguments_, tag } from './checks.mjs';
import { PublishedClient } from './published-client.mjs';
import { PublishedTcpClient } from './published-tcp-client.mjs';

const gate = arguments_('tcp-client.mjs');
const checks = new Checks();
const run = tag();
const room = `room ${run}`;
const opened = [];

const ask = (c, route, message) => checks.within(`${c.name}: the answer to ${route}`, c.request(route, message));
const say = (c, target, content) => ask(c, 'chat.chatHandler.send', { content, target, rid: room, from: c.name });
const heard = (c, text) => c.got('onChat').filter(m => m.msg === text);

async function tcp(name) {
  const atGate = new PublishedTcpClient(`${name} at the gate`);
  opened.push(atGate);
  const gateHandshake = await checks.within('TCP handshake with the gate', atGate.connect(gate.host, gate.port));
  checks.equal(`${name}: the gate says code 200 over TCP`, gateHandshake.code, 200);
  const entry = await ask(atGate, 'gate.gateHandler.queryEntry', { uid: name });
  checks.check(`${name}: the gate names a connector`, entry.code === 200 && Number.isInteger(entry.port), entry);
  atGate.disconnect();

  const client = new PublishedTcpClient(name);
  opened.push(client);
  client.handshake = await checks.within('TCP handshake with the connector', client.connect(entry.host, entry.port));
  client.listen('onChat', 'onAdd', 'onLeave');
  return client;
}

async function websocket(name) {
  const client = new PublishedClient(name);
  opened.push(client);
  await checks.within('websocket handshake with the gate', client.connect(gate.host, gate.port));
  const entry = await ask(client, 'gate.gateHandler.queryEntry', { uid: name });
  client.disconnect();
  await checks.within('websocket handshake with the connector', client.connect(entry.host, entry.port));
  return client;
}

const enter = c => ask(c, 'connector.entryHandler.enter', { username: c.name, rid: room });

await checks.run(60_000, async () => {
  const tom = await tcp(`tom${run}`);
  const { sys } = tom.handshake;
  checks.check('a client that tells no versions gets dictionary and schemas', sys.dict && sys.routeToCode && sys.protos?.server?.onChat, sys);
  checks.equal('enter over TCP', await enter(tom), { users: [tom.name] });

  const wendy = await websocket(`wendy${run}`);
  const users = (await enter(wendy)).users;
  checks.equal('both are in the room', users?.sort(), [tom.name, wendy.name].sort());
  await checks.until('onAdd over TCP', () => tom.got('onAdd').some(m => m.user === wendy.name));
  checks.equal('onAdd over TCP is JSON with its route', tom.got('onAdd').filter(m => m.user === wendy.name), [{ route: 'onAdd', user: wendy.name }]);

  checks.equal('chat.send over TCP succeeds', (await say(tom, '*', 'from tcp')).code, undefined);
  await checks.until('onChat at both', () => heard(tom, 'from tcp').length && heard(wendy, 'from tcp').length);
  checks.equal('websocket hears TCP', heard(wendy, 'from tcp'), [{ msg: 'from tcp', from: tom.name, target: '*' }]);
  checks.equal('TCP hears itself, by protobuf', heard(tom, 'from tcp'), [{ msg: 'from tcp', from: tom.name, target: '*' }]);
  checks.check('the push to TCP was not JSON', tom.data().some(body => body.includes('from tcp') && !body.includes('{')));

  const text = 'héllo, 你好';
  await say(wendy, '*', text);
  await checks.until('non-ASCII text over TCP', () => heard(tom, text).length);
  await say(wendy, tom.name, '悄悄');
  await checks.until('a whisper to TCP', () => heard(tom, '悄悄').length);
  checks.equal('TCP is whispered to', heard(tom, '悄悄'), [{ msg: '悄悄', from: wendy.name, target: tom.name }]);
  checks.check('the whisperer does not hear it', heard(wendy, '悄悄').length === 0);
  await say(tom, wendy.name, 'back to you');
  await checks.until('a whisper from TCP', () => heard(wendy, 'back to you').length);
  checks.equal('TCP whispers', heard(wendy, 'back to you'), [{ msg: 'back to you', from: tom.name, target: wendy.name }]);

  await Promise.all(Array.from({ length: 20 }, (_, i) => say(wendy, tom.name, `burst ${i}`)));
  await checks.until('20 pushes', () => heard(tom, 'burst 19').length);
  checks.equal('pushes over TCP keep the order', tom.got('onChat').map(m => m.msg).filter(m => m.startsWith('burst')), Array.from({ length: 20 }, (_, i) => `burst ${i}`));
  const large = 'y'.repeat(30_000);
  await say(wendy, tom.name, large);
  await checks.until('30 kB over TCP', () => heard(tom, large).length);
  checks.check('30 kB arrive whole over TCP', true);

  const double = await tcp(tom.name);
  checks.equal('a duplicate login is refused over TCP', await enter(double), { code: 500, error: true });
  double.disconnect();
  checks.equal('an unknown method over TCP: code 500', (await ask(tom, 'connector.entryHandler.nope', {})).code, 500);

  const before = tom.heartbeats();
  await checks.until('two more heartbeats over TCP', () => tom.heartbeats() >= before + 2, sys.heartbeat * 4_000);
  await say(wendy, tom.name, 'still there?');
  await checks.until('a message after them', () => heard(tom, 'still there?').length);
  checks.check('heartbeats keep the TCP connection', !tom.closed);

  const second = await tcp(`tim${run}`);
  await enter(second);
  second.request('connector.entryHandler.constructor', {});
  await checks.until('the kick over TCP', () => second.kick && second.closed);
  checks.equal('the kick says why over TCP', second.kick, { reason: 'attack' });

  tom.disconnect();
  await checks.until('onLeave of the TCP client', () => wendy.got('onLeave').some(m => m.user === tom.name));
  checks.equal('websocket sees TCP leave, once', wendy.got('onLeave').filter(m => m.user === tom.name).length, 1);
}, () => {
  for (const client of opened) client.disconnect();
});
