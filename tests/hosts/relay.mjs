// A relay that makes lines long: what comes in at a port goes on to another host so many milliseconds later, and so does what comes back.
// Called with the delay and, for each port, `port=host:port`; says `ready` once it listens on all of them.
import { connect, createServer } from 'node:net';

/** What is under way in one direction of a connection; beyond it the sender waits. */
const UNDER_WAY_BYTES = 4 << 20;

const [delay, ...ways] = process.argv.slice(2);
const delayMs = Number(delay);

/** Timers of the same length end in the order in which they began, so what is delayed keeps its order. */
const later = act => setTimeout(act, delayMs);

/** Carries what one side says to the other, its end and its failure, too. */
function carry(from, to) {
  let underWay = 0;
  from.on('data', chunk => {
    underWay += chunk.length;
    if (underWay > UNDER_WAY_BYTES) from.pause();
    later(() => {
      underWay -= chunk.length;
      if (underWay <= UNDER_WAY_BYTES) from.resume();
      if (to.writable) to.write(chunk);
    });
  });
  from.on('end', () => later(() => to.end()));
  from.on('close', isError => later(() => (isError ? to.resetAndDestroy() : to.end())));
}

function relay(near, host, port) {
  // Whoever dials hears of the other side after the delay; what it says meanwhile waits here.
  near.pause();
  near.on('error', () => {}); // `close` follows
  later(() => {
    const far = connect({ host, port, noDelay: true, allowHalfOpen: true });
    far.on('error', () => {}); // as above
    near.setNoDelay();
    carry(near, far);
    carry(far, near);
    near.resume();
  });
}

function listen(way) {
  const [, port, host, target] = /^(\d+)=(.+):(\d+)$/.exec(way);
  const server = createServer({ allowHalfOpen: true }, near => relay(near, host, Number(target)));
  return new Promise((resolve, reject) => server.once('error', reject).listen(Number(port), '0.0.0.0', resolve));
}

await Promise.all(ways.map(listen));
console.log('ready');
