// What JSON.parse makes of odd texts, as facts for our own parser: prints pomelo-json/tests/facts.json. Seeded, so that it prints the
// same each time:   node json-facts.mjs > ../../pomelo-json/tests/facts.json
const SEED = 20_26;
const COUNT = 1_500;

let state = SEED;
const random = limit => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
};
const pick = list => list[random(list.length)];

const NUMBERS = ['0', '-0', '-0.0', '7', '1.0', '5e0', '5E+0', '50e-1', '1.5', '1e400', '-1e400', '1e-400', '9007199254740992', '9007199254740993',
  '18446744073709551615', '18446744073709551616', '-9223372036854775809', '123456789012345678901234567890', '0.1', '1e308', '1.7976931348623159e308'];
const NO_NUMBERS = ['01', '-', '+1', '.5', '1.', '1.e5', '1e', '1e+', '0x10', 'NaN', 'Infinity', '-Infinity', '1_000', '٣', '1 2', '--1', '0e', '00'];
const PIECES = ['a', 'é', '你', '😀', '\\ud83d\\ude00', '\\ud83d', '\\ude00', '\\ude00\\ud83d', '\\ud83d\\ud83d\\ude00', '\\ud83dx', '\\uD83D\\n', '\\u0041', '\\u0000',
  '\\b\\f\\n\\r\\t', '\\/', '\\\\', '\\"', '\u007f', '\u2028', '\ufeff', '\ufffd', '\\u00E9', '\\ud83d\\u0041', '\\udbff\\udfff'];
const NO_PIECES = ['\u0000', '\n', '\t', '\u001f', '\\x41', '\\u12', '\\u12g4', '\\', '\\ud83d\\u', '\\ud83d\\ude0', "\\'", '\\a', '\\U0041'];
const KEYS = ['a', 'b', '', '__proto__', 'constructor', '1', '\\ud83d', '\\ude00', 'a', '你', '\\u0061'];
const SPACE = ['', '', '', '', ' ', '\n', '\t', '\r\n', '  '];
const NO_SPACE = ['\u00a0', '\ufeff', '\u2003', '\u000b', '\f', '/**/', '//\n'];

// One in fifty of what is chosen is not JSON.
const odd = (good, bad) => (random(50) ? pick(good) : pick(bad));
const space = () => odd(SPACE, NO_SPACE);
const text = list => `"${Array.from({ length: random(4) }, () => odd(list, NO_PIECES)).join('')}"`;
const list = (open, close, one) => {
  const items = Array.from({ length: random(4) }, () => space() + one() + space());
  return open + (items.length ? items.join(odd([','], [';', ',,', ''])) + odd([''], [',']) : space()) + odd([close], ['', ']', '}']);
};

function value(depth) {
  switch (random(depth > 0 ? 8 : 5)) {
    case 0: return odd(NUMBERS, NO_NUMBERS);
    case 1: return pick(NUMBERS);
    case 2: return odd(['true', 'false', 'null'], ['True', 'nul', 'undefined', 'nullx', 'tru']);
    case 3: return text(PIECES);
    case 4: return text(PIECES);
    case 5: return list('[', ']', () => value(depth - 1));
    default: return list('{', '}', () => text(KEYS) + space() + odd([':'], ['', '=', '::']) + space() + value(depth - 1));
  }
}

// As Rust has it: no halves of characters in texts and keys, and no infinity in a value.
function wellFormed(value) {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toWellFormed(), wellFormed(one)]));
  return value;
}

const texts = new Set(['', ' ', '\ufeff{}', '{}\ufeff', '[', '{"a"', '"', '"\\', '[1,]', '{,}', '{} {}', ...NUMBERS, ...NO_NUMBERS, ...[...PIECES, ...NO_PIECES].map(piece => `"${piece}"`),
  ...NO_SPACE.map(one => `${one}1`)]);
while (texts.size < COUNT) texts.add(space() + value(3) + space());

const facts = [...texts].map(source => {
  try {
    return { text: source, value: wellFormed(JSON.parse(source)) };
  } catch {
    return { text: source };
  }
});
console.log(`[\n${facts.map(fact => JSON.stringify(fact)).join(',\n')}\n]`);
