// Names of users and rooms that belong to a certain server: pomelo's dispatcher, and how to be dispatched.
import { crc32 } from 'node:zlib';

/** Which of so many servers a key belongs to. */
export const pick = (key, count) => Math.abs(crc32(key) | 0) % count;

/** A name for which a condition holds. */
export function nameWhere(prefix, holds) {
  for (let n = 1; ; n++) if (holds(`${prefix}-${n}`)) return `${prefix}-${n}`;
}

/** A name of a user of that one of so many connectors. */
export const nameAt = (prefix, connector, count) => nameWhere(prefix, name => pick(name, count) === connector);
