/**
 * @module safe-storage
 *
 * @returns {{getItem(key: string): string | null, setItem(key: string, value: string): void}} `localStorage`, or a memory that lasts
 *   as long as the page where that is forbidden; what doesn't fit is forgotten
 */
export function safeStorage() {
  try {
    const { localStorage } = window;
    localStorage.setItem('chat probe', '');
    localStorage.removeItem('chat probe');
    return { getItem: key => localStorage.getItem(key), setItem: (key, value) => tryToSet(localStorage, key, value) };
  } catch {
    const values = new Map();
    return { getItem: key => values.get(key) ?? null, setItem: (key, value) => values.set(key, value) };
  }
}

function tryToSet(storage, key, value) {
  try {
    storage.setItem(key, value);
  } catch {
    // it is full
  }
}
