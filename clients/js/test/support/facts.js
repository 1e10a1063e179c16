// Bytes that the published codecs write and read, and the hexadecimal digits that they are written in.
import { readFileSync } from 'node:fs';

export const facts = JSON.parse(readFileSync(new URL('../wire-facts.json', import.meta.url), 'utf8'));

export const hex = bytes => Buffer.from(bytes).toString('hex');
export const bytes = digits => new Uint8Array(Buffer.from(digits, 'hex'));
