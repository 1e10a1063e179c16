/**
 * Web addresses in what people write.
 *
 * @module links
 */

/** Up to a space, a quote, or punctuation that Chinese sets around an address. */
const ADDRESS = /\bhttps?:\/\/[^\s<>"“”‘’「」『』（）【】《》，。！？；：、]+/gi;
const CLOSED_BY = { ')': '(', ']': '[', '}': '{' };

/**
 * Nodes that show the text as it is, its addresses as links. Only http and https lead anywhere; a link opens a tab of its own, to which this page
 * is unknown.
 *
 * @param {string} text
 * @returns {(string | HTMLAnchorElement)[]}
 */
export function linked(text) {
  const nodes = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(ADDRESS)) {
    const address = withoutTail(match);
    if (!URL.canParse(address)) continue;
    const link = document.createElement('a');
    Object.assign(link, { href: address, textContent: address, target: '_blank', rel: 'noopener noreferrer nofollow', referrerPolicy: 'no-referrer' });
    nodes.push(text.slice(end, index), link);
    end = index + address.length;
  }
  return [...nodes, text.slice(end)].filter(node => node !== '');
}

/** Without the punctuation of the sentence that an address ends; a bracket that is opened in the address is closed there. */
function withoutTail(match) {
  let address = match;
  for (;;) {
    const last = address.at(-1);
    const count = character => address.split(character).length;
    const isLoose = last in CLOSED_BY && count(last) > count(CLOSED_BY[last]);
    if (!isLoose && !/[.,;:!?'*_~]/.test(last)) return address;
    address = address.slice(0, -1);
  }
}
