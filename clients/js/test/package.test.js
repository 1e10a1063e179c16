import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import * as client from 'pomelo-rs-client';

const FOLDER = new URL('..', import.meta.url);
const read = path => readFileSync(new URL(path, FOLDER), 'utf8');

test('what is packed is the sources, their types and what a reader needs', () => {
  const [{ files }] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: FOLDER, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const sources = readdirSync(new URL('src', FOLDER));
  const wanted = [
    ...sources.map(file => `src/${file}`),
    ...sources.map(file => `types/${file.replace('.js', '.d.ts')}`),
    'README.md',
    'package.json',
  ];
  assert.deepEqual(files.map(({ path }) => path).sort(), wanted.sort());
});

test('by its own name the package gives what README tells of', () => {
  const readme = read('README.md');
  assert.deepEqual(
    Object.keys(client).filter(name => !readme.includes(name)),
    [],
  );
});

test('README has every option', () => {
  const readme = read('README.md');
  for (const file of ['backoff', 'client', 'gate', 'options', 'stay-connected']) {
    for (const [block, name] of read(`src/${file}.js`).matchAll(/\/\*\*[^/]*?@typedef \{object\} (\w+Options)\b.*?\*\//gs)) {
      const options = [...block.matchAll(/@property \{.*\} \[?(\w+)\]?/g)].map(([, option]) => option);
      assert.notEqual(options.length, 0, name);
      assert.deepEqual(
        options.filter(option => !readme.includes(`\`${option}\``)),
        [],
        name,
      );
    }
  }
});
