/**
 * @module gate-url
 */
const PORT = 3014;

/**
 * Where the gate is: on the page's own host, or where `?gate=host:port` says. Secure where the page is.
 *
 * @param {{protocol: string, hostname: string}} location the page's
 * @param {string | null} asked the value of `?gate=`
 * @returns {string | undefined} `ws://host:port`; nothing where what is asked for makes no sense
 */
export function gateUrlOf({ protocol, hostname }, asked) {
  const scheme = protocol === 'https:' ? 'wss' : 'ws';
  const address = asked || hostname || '127.0.0.1';
  try {
    const url = new URL(`${scheme}://${address}`);
    if (url.pathname !== '/' || url.search || url.hash || url.username) return undefined;
    const port = /:(\d+)$/.exec(address)?.[1] ?? PORT; // the URL has dropped a port that is its scheme's own
    return `${scheme}://${url.hostname}:${port}`;
  } catch {
    return undefined;
  }
}
