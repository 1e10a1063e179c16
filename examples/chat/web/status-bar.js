/**
 * Tells that the connection is lost, and when the next attempt is. Screen readers hear the sentence, not every second.
 *
 * @module status-bar
 */
export class StatusBar {
  #bar;
  #text;
  #countdown;
  #translator;
  #current;
  #timer;

  /** @param {{bar: HTMLElement, text: HTMLElement, countdown: HTMLElement}} elements @param {import('./i18n.js').Translator} translator */
  constructor({ bar, text, countdown }, translator) {
    this.#bar = bar;
    this.#text = text;
    this.#countdown = countdown;
    this.#translator = translator;
    translator.onChange(() => this.#render());
  }

  /** @param {{state: import('./chat-room.js').State, attempt?: number, until?: number, cause?: string}} state */
  show(state) {
    clearInterval(this.#timer);
    this.#current = state.state === 'waiting' || state.state === 'rejoining' ? state : undefined;
    if (state.state === 'waiting') this.#timer = setInterval(() => this.#tick(), 200);
    this.#render();
  }

  #render() {
    this.#bar.hidden = !this.#current;
    if (!this.#current) return;
    const { state, cause } = this.#current;
    this.#bar.classList.toggle('busy', state === 'rejoining');
    setText(this.#text, this.#translator.text(keyOf(state, cause)));
    this.#tick();
  }

  #tick() {
    const { state, attempt, until } = this.#current;
    const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    setText(this.#countdown, state === 'waiting' ? this.#translator.text('waitingAttempt', { attempt, seconds }) : '');
  }
}

function keyOf(state, cause) {
  if (state === 'rejoining') return cause === 'reload' ? 'returning' : 'rejoining';
  if (cause === 'duplicate') return 'waitingDuplicate';
  return cause === 'unreachable' || cause === 'noServer' ? 'waitingToReturn' : 'waiting';
}

/** An unchanged live region must not be written again, or it is read again. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
