export type OpenRequest = {
    /**
     * by which the response is read
     */
    route: string;
    resolve: (response: any) => void;
    reject: (error: any) => void;
};
export declare class Requests {
    #private;
    /** @returns {number} an id that no open request has */
    nextId(): number;
    /**
     * Waits for the response to what was sent.
     *
     * @param {number} id
     * @param {OpenRequest} request
     * @param {{ timeoutMs: number, signal?: AbortSignal }} limits
     */
    add(id: number, request: OpenRequest, limits: {
        timeoutMs: number;
        signal?: AbortSignal;
    }): void;
    /** @param {number} id @returns {OpenRequest | undefined} nothing if it is over already */
    take(id: number): OpenRequest | undefined;
    /** @param {Error} error */
    rejectAll(error: Error): void;
}
