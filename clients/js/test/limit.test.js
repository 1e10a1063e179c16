import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimeoutError } from '../src/index.js';
import { limit } from '../src/limit.js';

test('a time ends a wait with a TimeoutError that says what is missing', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const ends = [];
  limit({ timeoutMs: 50 }, 'no answer', error => ends.push(error));
  t.mock.timers.tick(49);
  assert.deepEqual(ends, []);
  t.mock.timers.tick(1);
  assert.ok(ends[0] instanceof TimeoutError);
  assert.equal(ends[0].message, 'no answer in 50 ms');
});

test('0 is no limit, and more milliseconds than timers take are no shorter one', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const ends = [];
  for (const timeoutMs of [0, Infinity, 1e12]) limit({ timeoutMs }, 'no answer', error => ends.push(error));
  t.mock.timers.tick(1_000_000);
  assert.deepEqual(ends, []);
});

test('a signal ends a wait with its reason, unless the limit is taken off', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const ends = [];
  limit({ timeoutMs: 0, signal: one.signal }, 'no answer', error => ends.push(error));
  limit({ timeoutMs: 0, signal: other.signal }, 'no answer', error => ends.push(error))();
  one.abort('enough');
  other.abort('too late');
  assert.deepEqual(ends, ['enough']);
});
