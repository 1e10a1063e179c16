/**
 * Who is in the room. Everyone but ourselves is a button that starts a whisper.
 *
 * @module user-list
 */
import { hueOf } from './name-hue.js';

export class UserList {
  #count;
  #list;
  #translator;
  #onChoose;
  #users = [];
  #self = '';

  /**
   * @param {{count: HTMLElement, list: HTMLElement}} elements
   * @param {import('./i18n.js').Translator} translator
   * @param {(name: string) => void} onChoose
   */
  constructor({ count, list }, translator, onChoose) {
    this.#count = count;
    this.#list = list;
    this.#translator = translator;
    this.#onChoose = onChoose;
    translator.onChange(() => this.#render());
  }

  /** @param {string[]} users @param {string} self */
  show(users, self) {
    this.#self = self;
    const order = new Intl.Collator(this.#translator.locale);
    this.#users = [...users].sort((a, b) => Number(b === self) - Number(a === self) || order.compare(a, b));
    this.#render();
  }

  /** Keeps the elements of those who stay, so that the keyboard's focus stays too. */
  #render() {
    const count = this.#users.length;
    this.#count.textContent = count ? this.#translator.text('peopleHere', { count }) : this.#translator.text('people');
    const old = new Map([...this.#list.children].map(item => [item.dataset.name, item]));
    for (const [name, item] of old) if (!this.#users.includes(name)) item.remove();
    this.#users.forEach((name, at) => {
      const item = old.get(name) ?? this.#item(name);
      if (this.#list.children[at] !== item) this.#list.insertBefore(item, this.#list.children[at] ?? null);
      this.#label(item, name);
    });
  }

  #item(name) {
    const item = document.createElement('li');
    item.dataset.name = name;
    item.style.setProperty('--hue', String(hueOf(name)));
    const own = name === this.#self;
    const line = document.createElement(own ? 'p' : 'button');
    if (!own) {
      line.type = 'button';
      line.addEventListener('click', () => this.#onChoose(name));
    }
    const badge = document.createElement('span');
    badge.className = 'badge';
    badge.ariaHidden = 'true';
    badge.textContent = [...name][0]?.toUpperCase() ?? '';
    const label = document.createElement('span');
    label.className = 'name';
    label.dir = 'auto';
    label.textContent = name;
    line.append(badge, label);
    if (own) line.append(Object.assign(document.createElement('small'), { className: 'you' }));
    item.append(line);
    return item;
  }

  #label(item, name) {
    const line = item.firstElementChild;
    if (name === this.#self) line.querySelector('.you').textContent = this.#translator.text('you');
    else {
      line.title = this.#translator.text('whisperTo', { name });
      line.setAttribute('aria-label', line.title);
    }
  }
}
