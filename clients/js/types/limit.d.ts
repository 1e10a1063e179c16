/**
 * @param {{ timeoutMs: number, signal?: AbortSignal }} limits 0 milliseconds: no limit
 * @param {string} what is missing when the time is over, for the error
 * @param {(error: any) => void} end gets a {@link TimeoutError} or the signal's reason
 * @returns {() => void} takes the limit off
 */
export declare function limit({ timeoutMs, signal }: {
    timeoutMs: number;
    signal?: AbortSignal;
}, what: string, end: (error: any) => void): () => void;
