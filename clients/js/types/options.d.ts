export type Storage = {
    getItem: (key: string) => string | null;
    setItem: (key: string, value: string) => void;
};
export type Codec = {
    encode: (message: any) => Uint8Array;
    decode: (body: Uint8Array) => any;
};
export type Socket = {
    binaryType: string;
    onopen: ((event: any) => void) | null;
    onmessage: ((event: any) => void) | null;
    onclose: ((event: any) => void) | null;
    onerror: ((event: any) => void) | null;
    send: (bytes: any) => void;
    close: () => void;
};
export type ClientOptions = {
    /**
     * by default the global one, which Node 20 lacks
     */
    WebSocket?: new (url: string) => Socket;
    /**
     * keeps dictionary and schemas, so that servers needn't send them again; by default none
     */
    storage?: Storage;
    /**
     * what a server may check clients by, with `version`; by default `js-websocket`
     */
    type?: string;
    /**
     * by default `0.0.1`
     */
    version?: string;
    /**
     * what the server's handshake hook gets; by default `{}`
     */
    user?: any;
    /**
     * milliseconds until the handshake is done; by default 10 000, 0 for no limit
     */
    connectTimeoutMs?: number;
    /**
     * milliseconds until a request is answered; by default 10 000, 0 for as long as the connection lasts
     */
    requestTimeoutMs?: number;
    /**
     * by default JSON
     */
    codec?: Codec;
};
export type FilledOptions = Omit<Required<ClientOptions>, 'storage' | 'WebSocket'> & Pick<ClientOptions, 'storage' | 'WebSocket'>;
/** @type {Omit<FilledOptions, 'storage' | 'WebSocket'>} */
export declare const DEFAULTS: Omit<FilledOptions, 'storage' | 'WebSocket'>;
/** @param {ClientOptions} options those that are `undefined` are as if they weren't there @returns {FilledOptions} */
export declare function withDefaults(options: ClientOptions): FilledOptions;
