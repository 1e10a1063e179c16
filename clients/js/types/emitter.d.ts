/**
 * Named events with listeners.
 *
 * @module emitter
 */
/** @template {object} [Events={ [name: string]: any }] the value of each event, by its name */
export declare class Emitter<Events extends object = {
    [name: string]: any;
}> {
    #private;
    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {(value: Events[Name]) => void} listener
     * @returns {() => void} takes the listener off again
     */
    on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void;
    /**
     * As {@link on}, for the next event only.
     *
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {(value: Events[Name]) => void} listener
     * @returns {() => void}
     */
    once<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void;
    /**
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {(value: Events[Name]) => void} listener
     */
    off<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): void;
    /**
     * What a listener throws reaches the page's error handler and neither the other listeners nor the caller.
     *
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {Events[Name]} value
     */
    emit<Name extends keyof Events>(name: Name, value: Events[Name]): void;
}
