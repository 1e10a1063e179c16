/**
 * The requests of a connection that wait for their responses, by id.
 *
 * @module requests
 */
import { limit } from './limit.js';

/**
 * @typedef {object} OpenRequest
 * @property {string} route by which the response is read
 * @property {(response: any) => void} resolve
 * @property {(error: any) => void} reject
 */

const MAX_ID = 0x7fffffff;

export class Requests {
  /** @type {Map<number, OpenRequest & { takeLimitOff: () => void }>} */
  #open = new Map();
  #lastId = 0;

  /** @returns {number} an id that no open request has */
  nextId() {
    do this.#lastId = (this.#lastId % MAX_ID) + 1;
    while (this.#open.has(this.#lastId));
    return this.#lastId;
  }

  /**
   * Waits for the response to what was sent.
   *
   * @param {number} id
   * @param {OpenRequest} request
   * @param {{ timeoutMs: number, signal?: AbortSignal }} limits
   */
  add(id, request, limits) {
    const takeLimitOff = limit(limits, `no answer to ${request.route}`, error => this.take(id)?.reject(error));
    this.#open.set(id, { ...request, takeLimitOff });
  }

  /** @param {number} id @returns {OpenRequest | undefined} nothing if it is over already */
  take(id) {
    const request = this.#open.get(id);
    this.#open.delete(id);
    request?.takeLimitOff();
    return request;
  }

  /** @param {Error} error */
  rejectAll(error) {
    for (const id of [...this.#open.keys()]) this.take(id)?.reject(error);
  }
}
