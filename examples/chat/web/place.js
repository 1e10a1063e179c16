/**
 * Where this tab is: the room is in the page's address, so that its link leads others there, and the name in the tab's own memory, so that a reload
 * comes back.
 *
 * @module place
 */
const ROOM = 'room';
const STORAGE_KEY = 'chat place';

export class Place {
  #location;
  #history;
  #storage;

  /** @param {Location} location @param {History} history @param {Storage} storage forgets when the tab closes */
  constructor(location, history, storage) {
    this.#location = location;
    this.#history = history;
    this.#storage = storage;
  }

  /** @returns {string} the room that the address names, or nothing */
  get room() {
    return new URL(this.#location).searchParams.get(ROOM) ?? '';
  }

  /** @param {string} room @returns {string} the address that leads there */
  linkTo(room) {
    const url = new URL(this.#location);
    url.searchParams.set(ROOM, room);
    return url.href;
  }

  /** @param {string} name @param {string} room */
  enter(name, room) {
    this.#history.replaceState(null, '', this.linkTo(room));
    this.#storage.setItem(STORAGE_KEY, JSON.stringify({ name, room }));
  }

  leave() {
    this.#storage.setItem(STORAGE_KEY, 'null');
  }

  /** @returns {{name: string, room: string} | undefined} where the page was that this one is a reload of */
  left() {
    const place = JSON.parse(this.#storage.getItem(STORAGE_KEY) ?? 'null');
    return place?.room === this.room ? place : undefined;
  }
}
