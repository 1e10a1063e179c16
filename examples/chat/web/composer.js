/**
 * Where a message is written: to whom, the text, and sending it.
 *
 * @module composer
 */
import { EVERYONE, SendError } from './chat-room.js';

export class Composer {
  #form;
  #target;
  #text;
  #button;
  #alert;
  #translator;
  #send;
  #others = [];
  #enabled = false;
  #alertKey;

  /**
   * @param {{form: HTMLFormElement, target: HTMLSelectElement, text: HTMLTextAreaElement, button: HTMLButtonElement, alert: HTMLElement}} elements
   * @param {import('./i18n.js').Translator} translator
   * @param {(text: string, target: string) => Promise<void>} send
   */
  constructor({ form, target, text, button, alert }, translator, send) {
    this.#form = form;
    this.#target = target;
    this.#text = text;
    this.#button = button;
    this.#alert = alert;
    this.#translator = translator;
    this.#send = send;
    form.addEventListener('submit', event => {
      event.preventDefault();
      this.#submit();
    });
    target.addEventListener('change', () => this.#show());
    text.addEventListener('input', () => this.#fit());
    text.addEventListener('keydown', event => {
      // Enter also ends a composition of Chinese characters; 229 is how Safari says so
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.#submit();
    });
    translator.onChange(() => this.#show());
    this.#show();
  }

  /** @param {string[]} others whom one can whisper to */
  setOthers(others) {
    this.#others = others;
    this.#show();
  }

  setEnabled(enabled) {
    this.#enabled = enabled;
    this.#show();
  }

  /** @param {string} name */
  whisperTo(name) {
    if (!this.#others.includes(name)) return;
    this.#show(name);
    this.focus();
  }

  focus() {
    this.#text.focus();
  }

  clear() {
    this.#text.value = '';
    this.#fit();
    this.#complain();
    this.#show(EVERYONE);
  }

  async #submit() {
    const text = this.#text.value.trim();
    const target = this.#target.value;
    if (!text || !this.#enabled) return;
    if (this.#isAbsent(target)) {
      this.#complain('targetAbsent', { name: target });
      this.#target.focus();
      return;
    }
    this.#complain();
    this.#text.value = '';
    this.#fit();
    try {
      await this.#send(text, target);
    } catch (error) {
      this.#complain(error instanceof SendError ? 'notTaken' : 'notSent');
      if (!this.#text.value) this.#text.value = text;
      this.#fit();
    }
  }

  /** Whoever is being whispered to stays chosen when gone: falling back to everyone would tell everyone. */
  #show(target = this.#target.value || EVERYONE) {
    const names = [...this.#others].sort(new Intl.Collator(this.#translator.locale).compare);
    const options = [[EVERYONE, this.#translator.text('everyone')], ...names.map(name => [name, name])];
    if (this.#isAbsent(target)) options.push([target, this.#translator.text('absent', { name: target })]);
    this.#target.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === target)));

    const whisper = target !== EVERYONE;
    this.#form.classList.toggle('whisper', whisper);
    this.#text.placeholder = whisper ? this.#translator.text('placeholderWhisper', { name: target }) : this.#translator.text('placeholder');
    this.#button.disabled = !this.#enabled;
    this.#target.disabled = !this.#enabled;
    if (this.#alertKey) this.#complain(...this.#alertKey);
    if (this.#alertKey?.[0] === 'targetAbsent' && !this.#isAbsent(target)) this.#complain();
  }

  #isAbsent(target) {
    return target !== EVERYONE && !this.#others.includes(target);
  }

  #complain(key, values) {
    this.#alertKey = key && [key, values];
    this.#alert.textContent = key ? this.#translator.text(key, values) : '';
  }

  /** As tall as its text; the style sheet sets the most. */
  #fit() {
    this.#text.style.height = 'auto';
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}
