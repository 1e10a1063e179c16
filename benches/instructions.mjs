// How many instructions the hot functions take, counted by valgrind, beside what instructions.json says.
//
//   node benches/instructions.mjs [--save] [--only NAME]
//
// A count is that of one time: the difference between a long and a short run, so that starting and stopping don't count. It
// is the same every time to a fraction of a percent, on a busy machine too, and fails if it rises by more than 10 %. With
// --save what was counted is what is compared with next time. $CARGO builds, if it is set, else `cargo`. It needs valgrind,
// and the toolchain and the architecture that the figures belong to: on another than x86-64 it only prints what it counts.

import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..');
const file = join(here, 'instructions.json');
const run = promisify(execFile);

/** How often each subject is done, and how much more often in the long run. */
const SHORT = 200;
const MORE = 1000;
/**
 * Has libc copy and compare in one way on all machines, whatever their processors could do: each way takes other
 * numbers of instructions. Names that a libc doesn't know it ignores.
 */
const PLAIN_LIBC = 'glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX_Fast_Unaligned_Load,-AVX512VL,-AVX512BW,-EVEX,-ERMS,-FSRM,-RTM';
/** A rise by more than this part is too much; a fall by as much asks for new figures. */
const TOLERANCE = 0.1;

const { values: options } = parseArgs({
  options: { save: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
});

function build() {
  const args = ['build', '--release', '-p', 'pomelo-benches', '--example', 'instructions'];
  execFileSync(process.env.CARGO ?? 'cargo', args, { cwd: root, stdio: 'inherit' });
  const metadata = execFileSync('cargo', ['metadata', '--no-deps', '--format-version', '1'], {
    cwd: root,
    maxBuffer: 1 << 26,
  });
  return join(JSON.parse(metadata).target_directory, 'release', 'examples', 'instructions');
}

async function total(program, subject, times) {
  const args = ['--tool=callgrind', '--callgrind-out-file=/dev/null', program, subject, String(times)];
  const env = { ...process.env, GLIBC_TUNABLES: PLAIN_LIBC };
  const { stderr } = await run('valgrind', args, { cwd: root, env });
  const collected = /Collected : (\d+)/.exec(stderr);
  if (!collected) throw new Error(`valgrind says nothing of ${subject}:\n${stderr}`);
  return Number(collected[1]);
}

async function count(program, subject) {
  const short = await total(program, subject, SHORT);
  return Math.round(((await total(program, subject, SHORT + MORE)) - short) / MORE);
}

/** Counts all, as many at a time as there are processors; what else runs changes no count. */
async function countAll(program, subjects) {
  const counts = {};
  const left = [...subjects];
  const work = async () => {
    for (let subject = left.shift(); subject; subject = left.shift()) counts[subject] = await count(program, subject);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return Object.fromEntries(subjects.map((subject) => [subject, counts[subject]]));
}

function verdict(counted, stored) {
  if (process.arch !== 'x64') return { failed: false, text: `on ${process.arch}: nothing to compare with` };
  if (stored === undefined) return { failed: true, text: 'is not in instructions.json: --save it' };
  const change = counted / stored - 1;
  const percent = `${change >= 0 ? '+' : ''}${(change * 100).toFixed(1)} %`;
  if (change > TOLERANCE) return { failed: true, text: `${percent}  MORE THAN ${TOLERANCE * 100} % ABOVE` };
  return { failed: false, text: change < -TOLERANCE ? `${percent}  better: --save it` : percent };
}

const program = build();
const known = execFileSync(program, { encoding: 'utf8' }).trim().split('\n');
const subjects = known.filter((subject) => subject.includes(options.only));
const stored = JSON.parse(readFileSync(file, { encoding: 'utf8', flag: 'a+' }) || '{}');
const counts = await countAll(program, subjects);

let failed = false;
for (const [subject, counted] of Object.entries(counts)) {
  const result = options.save ? { failed: false, text: 'saved' } : verdict(counted, stored[subject]);
  failed ||= result.failed;
  const was = (stored[subject] ?? '-').toString().padStart(9);
  console.log(`${subject.padEnd(28)} ${String(counted).padStart(9)}  was ${was}  ${result.text}`);
}
if (options.save) writeFileSync(file, `${JSON.stringify({ ...stored, ...counts }, null, 2)}\n`);
process.exit(failed ? 1 : 0);
