// The types as users meet them. It is compiled and never run; each line under a `@ts-expect-error` must be refused.
import WebSocket from 'ws';
import { Backoff, ClosedError, PomeloClient, askGate, reconnect, stayConnected } from 'pomelo-rs-client';
import type { ClientOptions, CloseReason, Codec, Route } from 'pomelo-rs-client';

/** Compiles only for a value of exactly this type. */
function is<Wanted>() {
  return <Got>(_value: Got, ..._same: (<T>() => T extends Got ? 1 : 2) extends <T>() => T extends Wanted ? 1 : 2 ? [] : [never]) => {};
}

interface Routes {
  'connector.entryHandler.enter': { message: { username: string; rid: string }; response: { users: string[] } };
  'connector.entryHandler.entry': { response: { msg: string } };
  'area.areaHandler.list': { message: { page?: number }; response: string[] };
  'area.areaHandler.upload': { message: Uint8Array; response: { code: number } };
  'chat.chatHandler.typing': { message: { rid: string } };
}

interface Pushes {
  onChat: { from: string; msg: string };
  onLeave: { user: string };
}

async function typed() {
  const client = new PomeloClient<Routes, Pushes>({ WebSocket, requestTimeoutMs: 5_000 });

  is<{ users: string[] }>()(await client.request('connector.entryHandler.enter', { username: 'ann', rid: 'garden' }));
  is<{ msg: string }>()(await client.request('connector.entryHandler.entry'));
  is<{ msg: string }>()(await client.request('connector.entryHandler.entry', {}, { timeoutMs: 100, signal: AbortSignal.timeout(50) }));
  is<string[]>()(await client.request('area.areaHandler.list'));
  is<string[]>()(await client.request('area.areaHandler.list', { page: 2 }));
  is<{ code: number }>()(await client.request('area.areaHandler.upload', Uint8Array.of(1, 2)));
  is<unknown>()(await client.request('chat.chatHandler.typing', { rid: 'garden' }));
  is<void>()(client.notify('chat.chatHandler.typing', { rid: 'garden' }));
  client.notify('area.areaHandler.list');

  // @ts-expect-error there is no such route
  client.request('connector.entryHandler.leave');
  // @ts-expect-error the message is missing
  client.request('connector.entryHandler.enter');
  // @ts-expect-error a field is missing
  client.request('connector.entryHandler.enter', { username: 'ann' });
  // @ts-expect-error a field is of the wrong type
  client.request('connector.entryHandler.enter', { username: 'ann', rid: 7 });
  // @ts-expect-error the route takes no message
  client.request('connector.entryHandler.entry', { nonsense: true });
  // @ts-expect-error the response has no such field
  (await client.request('connector.entryHandler.entry')).message;
  // @ts-expect-error there is no such option
  client.request('connector.entryHandler.entry', {}, { timeout: 100 });
  // @ts-expect-error a notify has no options
  client.notify('area.areaHandler.list', {}, { timeoutMs: 100 });
  // @ts-expect-error the message is missing
  client.notify('chat.chatHandler.typing');

  const off = client.on('onChat', message => is<{ from: string; msg: string }>()(message));
  is<() => void>()(off);
  client.once('onLeave', ({ user }) => is<string>()(user));
  client.on('kick', ({ reason }) => is<string>()(reason));
  client.on('close', ({ reason, error }) => {
    is<CloseReason>()(reason);
    is<unknown>()(error);
  });
  client.on('push', push => {
    if (push.route === 'onChat') is<string>()(push.body.msg);
    else is<string>()(push.body.user);
  });

  // @ts-expect-error there is no such push
  client.on('onChats', () => {});
  // @ts-expect-error the push has no such field
  client.on('onChat', ({ text }) => text);
  // @ts-expect-error an event is not of the type of a push
  client.on('close', (message: Pushes['onChat']) => message);

  const { reason } = await stayConnected(client, () => client.connect('ws://127.0.0.1:3050'), {
    backoff: new Backoff({ firstMs: 100 }),
    onLost: ({ reason }) => is<CloseReason>()(reason),
    onWait: ({ delayMs, now }) => setTimeout(now, delayMs / 2),
    retry: error => !(error instanceof ClosedError && error.reason === 'protocol'),
  });
  is<CloseReason>()(reason);
}

async function untyped() {
  const client = new PomeloClient();
  const answer = await client.request('any.route.atAll', { any: 'message' });
  answer.is.whatever.it.is;
  client.on('onAnything', message => message.whatever);
  client.on('close', ({ reason }) => is<CloseReason>()(reason));
  client.on('push', ({ route, body }) => {
    is<string>()(route);
    body.whatever;
  });
  is<string>()(await askGate('ws://127.0.0.1:3014', { uid: 'ann' }, { client: { storage: localStorage }, signal: AbortSignal.timeout(1) }));
  is<number>()(await reconnect(async () => 7));

  // @ts-expect-error a route is a text
  client.request(7);
  // @ts-expect-error no such reason
  client.on('close', ({ reason }) => reason === 'restarted');
}

const codec: Codec = { encode: () => new Uint8Array(0), decode: body => body.length };
const options: ClientOptions = { WebSocket: globalThis.WebSocket, storage: sessionStorage, codec, user: { token: 't' } };
new PomeloClient(options);
// @ts-expect-error an option’s name is misspelt
new PomeloClient({ requestTimeout: 5_000 });
// @ts-expect-error what encodes gives bytes
new PomeloClient({ codec: { encode: () => 'text', decode: () => undefined } });
// @ts-expect-error a route’s types are an object
new PomeloClient<{ 'a.b.c': string }>();

type Typed = { [Name in keyof Routes]: Route };
is<keyof Routes>()(undefined as unknown as keyof Typed);

export { typed, untyped };
