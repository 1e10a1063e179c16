/**
 * For whoever is alone in a room: the link that leads others there.
 *
 * @module invite
 */
import { isLoopback } from './pomelo.js';

const THANKS_MS = 2_000;

export class Invite {
  #elements;
  #translator;
  #isCopied = false;
  #timer;

  /**
   * @param {{box: HTMLElement, text: HTMLElement, link: HTMLInputElement, copy: HTMLButtonElement}} elements
   * @param {import('./i18n.js').Translator} translator
   */
  constructor(elements, translator) {
    this.#elements = elements;
    this.#translator = translator;
    elements.link.addEventListener('focus', () => elements.link.select());
    elements.copy.addEventListener('click', () => this.#copy());
    translator.onChange(() => this.#render());
    this.#render();
  }

  /** @param {string | undefined} address of the room; nothing where nobody needs to be invited */
  show(address) {
    const { box, link } = this.#elements;
    box.hidden = !address;
    if (address && link.value !== address) link.value = address;
    this.#render();
  }

  async #copy() {
    const { link, copy } = this.#elements;
    try {
      await navigator.clipboard.writeText(link.value);
      copy.focus();
    } catch {
      link.select(); // pages that come without https have no clipboard
      document.execCommand('copy');
    }
    this.#isCopied = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isCopied = false;
      this.#render();
    }, THANKS_MS);
    this.#render();
  }

  #render() {
    const { text, copy } = this.#elements;
    text.textContent = this.#translator.text(isLoopback(location.hostname) ? 'inviteHere' : 'invite');
    copy.textContent = this.#translator.text(this.#isCopied ? 'copied' : 'copyLink');
  }
}
