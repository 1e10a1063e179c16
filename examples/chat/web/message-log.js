/**
 * The list of messages and notices, oldest first.
 *
 * @module message-log
 */
import { linked } from './links.js';
import { hueOf } from './name-hue.js';

const LIMIT = 500;
/** A run is messages of one sender to the same reader, under one name. */
const RUN_MS = 10 * 60_000;
const NEAR_END_PX = 60;

export class MessageLog {
  #list;
  #more;
  #translator;
  #entries = [];
  #follows = true;
  #lastTop = 0;

  /** @param {HTMLElement} list @param {HTMLButtonElement} more shown when messages come below what is in view @param {import('./i18n.js').Translator} translator */
  constructor(list, more, translator) {
    this.#list = list;
    this.#more = more;
    this.#translator = translator;
    list.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    more.addEventListener('click', () => {
      this.scrollToEnd();
      list.focus();
    });
    new ResizeObserver(() => this.#follows && this.scrollToEnd()).observe(list);
    translator.onChange(() => this.#render());
  }

  clear() {
    this.#entries = [];
    this.#list.replaceChildren();
    this.#follows = true;
    this.#more.hidden = true;
  }

  /** @param {string} key a text of `i18n.js` @param {object} [values] @param {'plain' | 'break'} [look] */
  notice(key, values = {}, look = 'plain') {
    const item = element('li', `notice ${look}`);
    this.#append(item, { fill: () => item.replaceChildren(this.#translator.text(key, values)) });
  }

  /** @param {{from: string, target: string, text: string, own: boolean, whisper: boolean}} message */
  message({ from, target, text, own, whisper }) {
    const at = new Date();
    const last = this.#entries.at(-1);
    const inRun = last?.from === from && last.whisper === whisper && last.target === target && at - last.start < RUN_MS;
    const item = element('li', ['message', own && 'own', whisper && 'whisper', inRun && 'follows'].filter(Boolean).join(' '));
    item.style.setProperty('--hue', String(hueOf(from)));
    const who = element('b', 'who');
    who.dir = 'auto';
    const time = element('time');
    time.dateTime = at.toISOString();
    const head = element('p', 'head');
    head.append(who, ' ', time);
    const body = element('p', 'body');
    body.dir = 'auto';
    body.append(...linked(text));
    item.append(head, body);
    // Of a run, the first message of each minute shows the time.
    if (inRun && minuteOf(last.at) !== minuteOf(at)) item.classList.add('later');
    const fill = () => {
      who.textContent = headOf(this.#translator, { from, target, own, whisper });
      time.textContent = new Intl.DateTimeFormat(this.#translator.locale, { hour: 'numeric', minute: '2-digit' }).format(at);
      item.title = new Intl.DateTimeFormat(this.#translator.locale, { dateStyle: 'long', timeStyle: 'medium' }).format(at);
    };
    this.#append(item, { fill, from, target, whisper, at, start: inRun ? last.start : at }, own);
  }

  scrollToEnd() {
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#follows = true;
    this.#more.hidden = true;
  }

  #append(item, entry, follow = false) {
    entry.fill();
    this.#entries.push({ ...entry, item });
    this.#list.append(item);
    if (this.#entries.length > LIMIT) this.#entries.shift().item.remove();
    if (follow || this.#follows) this.scrollToEnd();
    else this.#more.hidden = false;
  }

  #render() {
    for (const { fill } of this.#entries) fill();
  }

  /** Only scrolling up stops following: a list that gets smaller is no wish to stay behind. */
  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#list;
    const nearEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (nearEnd || scrollTop < this.#lastTop) this.#follows = nearEnd;
    if (nearEnd) this.#more.hidden = true;
    this.#lastTop = scrollTop;
  }
}

function headOf(translator, { from, target, own, whisper }) {
  if (whisper) return own ? translator.text('youWhispered', { name: target }) : translator.text('whisperedToYou', { name: from });
  return own ? translator.text('me') : from;
}

function minuteOf(date) {
  return Math.floor(date / 60_000);
}

function element(tag, className = '') {
  const node = document.createElement(tag);
  node.className = className;
  return node;
}
