// The examples of README.md as programs: `node test/readme.js` writes them to build/readme, where they are checked by tsc, and
// tests/interop runs them against the chat example.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PACKAGE = new URL('..', import.meta.url);
const FOLDER = new URL('build/readme/', PACKAGE);
const PROGRAMS = ['js', 'ts'];

/** `{ name, language, text, prints }` of each example: `prints` are the lines that its comments `// → …` promise, in any order. */
export function examples() {
  const blocks = [...readFileSync(new URL('README.md', PACKAGE), 'utf8').matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  return blocks.map(([, language, text], i) => ({
    name: `${i + 1}.${language}`,
    language,
    text,
    prints: [...text.matchAll(/\/\/ → (.*)$/gm)].map(([, line]) => line),
  }));
}

/** Those that are programs, with their files. */
export function programs() {
  const all = examples().filter(({ language }) => PROGRAMS.includes(language));
  return all.map(example => ({ ...example, file: fileURLToPath(new URL(example.name, FOLDER)) }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const { file, text } of programs()) writeFileSync(file, text);
}
