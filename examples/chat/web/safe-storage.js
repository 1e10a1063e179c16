/**
 * @module safe-storage
 *
 * @param {'localStorage' | 'sessionStorage'} kind
 * @returns {{getItem(key: string): string | null, setItem(key: string, value: string): void}} that of the browser, or a memory that lasts
 *   as long as the page where that is forbidden; what doesn't fit is forgotten
 */
export function safeStorage(kind) {
  try {
    const storage = window[kind];
    storage.setItem('chat probe', '');
    storage.removeItem('chat probe');
    return { getItem: key => storage.getItem(key), setItem: (key, value) => tryToSet(storage, key, value) };
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
