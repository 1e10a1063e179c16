/**
 * The heartbeats of a connection.
 *
 * @module heartbeat
 */
/**
 * Keeps a connection alive and notices when it is dead: answers the server's heartbeat one interval later,
 * and gives up when nothing at all has come for two intervals.
 */
export declare class Heartbeat {
    #private;
    /**
     * @param {number} intervalMs 0: do nothing, ever
     * @param {{ beat: () => void, dead: () => void }} actions send a heartbeat; the connection is dead
     */
    constructor(intervalMs: number, { beat, dead }: {
        beat: () => void;
        dead: () => void;
    });
    /** Something came from the server. */
    seen(): void;
    /** A heartbeat came. Timers set here, and not in a timer, also run on time in a background tab. */
    received(): void;
    /** No more timers. */
    stop(): void;
}
