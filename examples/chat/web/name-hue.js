/**
 * @module name-hue
 *
 * @param {string} name
 * @returns {number} degrees on the colour wheel; a name has the same colour everywhere
 */
export function hueOf(name) {
  let hash = 7;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  return (hash * 47) % 360;
}
