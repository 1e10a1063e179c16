import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heartbeat } from '../src/heartbeat.js';

function start(t, intervalMs) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const heard = { beats: 0, dead: 0 };
  const heartbeat = new Heartbeat(intervalMs, { beat: () => heard.beats++, dead: () => heard.dead++ });
  return { heard, heartbeat, tick: ms => t.mock.timers.tick(ms) };
}

test('a heartbeat is answered one interval later, once', t => {
  const { heard, heartbeat, tick } = start(t, 1000);
  heartbeat.received();
  heartbeat.received();
  tick(999);
  assert.equal(heard.beats, 0);
  tick(1);
  assert.equal(heard.beats, 1);
});

test('two intervals without a word are the end, and any word puts it off', t => {
  const { heard, heartbeat, tick } = start(t, 1000);
  tick(1500);
  heartbeat.seen();
  tick(1999);
  assert.equal(heard.dead, 0);
  tick(1);
  assert.equal(heard.dead, 1);
});

test('an interval of 0 means no heartbeats, and nothing happens after a stop', t => {
  const none = start(t, 0);
  none.heartbeat.received();
  none.tick(100_000);
  assert.deepEqual(none.heard, { beats: 0, dead: 0 });
  t.mock.timers.reset();
  const stopped = start(t, 1000);
  stopped.heartbeat.received();
  stopped.heartbeat.stop();
  stopped.tick(100_000);
  assert.deepEqual(stopped.heard, { beats: 0, dead: 0 });
});
