import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff, reconnect } from '../src/index.js';

const quick = () => new Backoff({ firstMs: 1, jitter: 0 });

test('waits double up to a limit, and start anew after success', () => {
  const backoff = new Backoff({ firstMs: 100, maxMs: 1000, jitter: 0 });
  assert.deepEqual(
    Array.from({ length: 6 }, () => backoff.next()),
    [100, 200, 400, 800, 1000, 1000],
  );
  assert.equal(backoff.attempt, 6);
  backoff.reset();
  assert.equal(backoff.next(), 100);
});

test('jitter moves a wait by its share at most, either way', () => {
  const waits = [0, 0.5, 1].map(random => new Backoff({ firstMs: 1000, jitter: 0.25, random: () => random }).next());
  assert.deepEqual(waits, [750, 1000, 1250]);
});

test('reconnect tries until it works', async () => {
  let tries = 0;
  const waits = [];
  const attempt = async () => (++tries < 3 ? Promise.reject(new Error('not yet')) : 'there');
  assert.equal(await reconnect(attempt, { backoff: quick(), onWait: ({ attempt, delayMs }) => waits.push([attempt, delayMs]) }), 'there');
  assert.deepEqual(waits, [
    [1, 1],
    [2, 2],
    [3, 4],
  ]);
});

test('it stops at an error that is not to be tried again', async () => {
  const fatal = new Error('fatal');
  await assert.rejects(
    reconnect(() => Promise.reject(fatal), { backoff: quick(), retry: error => error !== fatal }),
    fatal,
  );
});

test('a signal ends a wait, and now() shortens one', async () => {
  const abort = new AbortController();
  const enough = new Error('enough');
  const long = () => new Backoff({ firstMs: 3_600_000 });
  const given = reconnect(() => Promise.reject(new Error('never')), { backoff: long(), signal: abort.signal });
  abort.abort(enough);
  await assert.rejects(given, enough);
  assert.equal(await reconnect(async () => 'there', { backoff: long(), onWait: ({ now }) => queueMicrotask(now) }), 'there');
});
