import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Emitter } from '../src/emitter.js';

test('listeners hear events of their name, until they are taken off', () => {
  const emitter = new Emitter();
  const heard = [];
  const listener = value => heard.push(value);
  const off = emitter.on('a', listener);
  emitter.on('b', listener);
  emitter.once('a', value => heard.push(['once', value]));
  emitter.emit('a', 1);
  emitter.emit('a', 2);
  off();
  emitter.emit('a', 3);
  emitter.emit('b', 4);
  emitter.off('b', listener);
  emitter.emit('b', 5);
  assert.deepEqual(heard, [1, ['once', 1], 2, 4]);
});

test('a listener that is taken off by another still hears the event under way, and a new one does not', () => {
  const emitter = new Emitter();
  const heard = [];
  const second = () => heard.push('second');
  emitter.on('a', () => {
    emitter.off('a', second);
    emitter.on('a', () => heard.push('late'));
  });
  emitter.on('a', second);
  emitter.emit('a');
  assert.deepEqual(heard, ['second']);
});
