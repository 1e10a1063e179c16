/**
 * The page in two languages. A text is a string with `{names}`, or a function of the values for them.
 *
 * @module i18n
 */
const people = (one, many) => ({ count }) => (count === 1 ? one : many).replace('{count}', count);

const TEXTS = {
  en: {
    title: 'Pomelo chat',
    language: 'Language',
    joinHeading: 'Pull up a chair.',
    joinLead: 'Pick a name and a room. Everyone who names the same room meets there.',
    name: 'Your name',
    room: 'Room',
    join: 'Join the room',
    joining: 'Joining…',
    nameMissing: 'Please enter a name.',
    roomMissing: 'Please enter a room.',
    nameStar: 'A name can’t contain an asterisk (*).',
    roomStar: 'A room can’t contain an asterisk (*).',
    badGate: 'The address in “?gate=” should look like host:port.',
    duplicate: '“{name}” is already logged in to “{room}”. Choose another name, or leave on the other device first.',
    unreachable: 'No answer from the server at {gate}. Is it running?',
    noServer: 'The server has no connector to offer at the moment. Try again shortly.',
    refused: 'The server didn’t let you in. Try again shortly.',
    kick: 'The server removed you from “{room}”.',
    kickReason: 'The server removed you from “{room}”. Reason given: {reason}',
    youLeft: 'You left “{room}”.',
    connected: 'Connected',
    disconnected: 'Not connected',
    leave: 'Leave',
    peopleHere: people('{count} person here', '{count} people here'),
    people: 'People',
    you: 'you',
    me: 'You',
    whisperHint: 'Choose a name to whisper.',
    whisperTo: 'Whisper to {name}',
    waiting: 'Connection lost.',
    waitingDuplicate: 'The server still holds your old session.',
    waitingToReturn: 'The server doesn’t answer.',
    returning: 'Coming back to the room…',
    waitingAttempt: 'Attempt {attempt} in {seconds} s.',
    rejoining: 'Trying to come back…',
    retryNow: 'Try now',
    messages: 'Messages',
    invite: 'Nobody else is here yet. Send them this link:',
    inviteHere: 'Nobody else is here yet. Open this link in another tab; it works on this computer only:',
    inviteLink: 'Link to this room',
    copyLink: 'Copy link',
    copied: 'Copied',
    entered: 'You are in “{room}”.',
    cameBack: 'Connected again. What was said meanwhile isn’t shown.',
    lost: 'The connection was lost.',
    added: '{name} came in.',
    left: '{name} left.',
    whisperedToYou: '{name} whispers to you',
    youWhispered: 'You whisper to {name}',
    newMessages: 'New messages',
    to: 'To',
    everyone: 'Everyone',
    absent: '{name} (not here)',
    message: 'Message',
    placeholder: 'Write to everyone',
    placeholderWhisper: 'Only {name} will see this',
    send: 'Send',
    targetAbsent: '{name} isn’t here. Choose whom to write to.',
    notSent: 'Not sent: the connection broke. Your text is still here.',
    notTaken: 'The server didn’t take this message. Your text is still here.',
  },
  zh: {
    title: 'Pomelo 聊天室',
    language: '语言',
    joinHeading: '坐下来，聊一聊。',
    joinLead: '取个名字，选个房间。填同一个房间的人，会在那里相遇。',
    name: '你的名字',
    room: '房间',
    join: '进入房间',
    joining: '正在进入…',
    nameMissing: '请填写名字。',
    roomMissing: '请填写房间。',
    nameStar: '名字里不能有星号（*）。',
    roomStar: '房间名里不能有星号（*）。',
    badGate: '“?gate=” 里的地址应写成 主机:端口。',
    duplicate: '“{name}”已经登录了房间“{room}”。请换个名字，或先在另一台设备上离开。',
    unreachable: '服务器 {gate} 没有应答，它在运行吗？',
    noServer: '服务器暂时没有可用的连接服务器，请稍后再试。',
    refused: '服务器没有让你进入，请稍后再试。',
    kick: '服务器已将你移出房间“{room}”。',
    kickReason: '服务器已将你移出房间“{room}”。原因：{reason}',
    youLeft: '你离开了房间“{room}”。',
    connected: '已连接',
    disconnected: '未连接',
    leave: '离开',
    peopleHere: people('{count} 人在场', '{count} 人在场'),
    people: '在场的人',
    you: '你',
    me: '我',
    whisperHint: '点一个名字，就能说悄悄话。',
    whisperTo: '悄悄对 {name} 说',
    waiting: '连接已断开。',
    waitingDuplicate: '服务器还保留着你之前的会话。',
    waitingToReturn: '服务器没有应答。',
    returning: '正在回到房间…',
    waitingAttempt: '{seconds} 秒后第 {attempt} 次重连。',
    rejoining: '正在重连…',
    retryNow: '立即重连',
    messages: '消息',
    invite: '这里还没有别人。把这个链接发给他们：',
    inviteHere: '这里还没有别人。请在另一个标签页打开这个链接；它只在这台电脑上有效：',
    inviteLink: '房间的链接',
    copyLink: '复制链接',
    copied: '已复制',
    entered: '你进入了房间“{room}”。',
    cameBack: '已重新连接。断开期间的消息不会显示。',
    lost: '连接断开了。',
    added: '{name} 进来了。',
    left: '{name} 离开了。',
    whisperedToYou: '{name} 悄悄对你说',
    youWhispered: '你悄悄对 {name} 说',
    newMessages: '有新消息',
    to: '对',
    everyone: '所有人',
    absent: '{name}（不在场）',
    message: '消息',
    placeholder: '对所有人说',
    placeholderWhisper: '只有 {name} 能看到',
    send: '发送',
    targetAbsent: '{name} 不在场，请选择要对谁说。',
    notSent: '未发送：连接断开了，文字还在输入框里。',
    notTaken: '服务器没有接收这条消息，文字还在输入框里。',
  },
};

const TAGS = { en: 'en', zh: 'zh-CN' };
const languageOf = tag => tag.slice(0, 2).toLowerCase();
const STORAGE_KEY = 'chat language';

export class Translator {
  #storage;
  #preferred;
  #language;
  #listeners = [];

  /** @param {Storage} storage remembers the choice @param {readonly string[]} preferred the browser's languages, best first */
  constructor(storage, preferred) {
    this.#storage = storage;
    this.#preferred = preferred;
    const stored = storage.getItem(STORAGE_KEY);
    this.#language = stored in TEXTS ? stored : (preferred.map(languageOf).find(tag => tag in TEXTS) ?? 'en');
  }

  get language() {
    return this.#language;
  }

  /** @returns {string} for the `lang` attribute: what the page's texts are in */
  get tag() {
    return TAGS[this.#language];
  }

  /** @returns {string} for `Intl`: the reader's own kind of this language */
  get locale() {
    return this.#preferred.find(tag => languageOf(tag) === this.#language) ?? this.tag;
  }

  /** @param {'en' | 'zh'} language */
  choose(language) {
    this.#language = language;
    this.#storage.setItem(STORAGE_KEY, language);
    for (const listener of this.#listeners) listener();
  }

  /** @param {() => void} listener called after every change */
  onChange(listener) {
    this.#listeners.push(listener);
  }

  /** @param {string} key @param {{[name: string]: string | number}} [values] @returns {string} */
  text(key, values = {}) {
    const text = TEXTS[this.#language][key];
    if (typeof text === 'function') return text(values);
    return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  }

  /** Fills `data-text` (content), `data-label` (aria-label) and `data-hint` (placeholder) of everything under `root`. */
  apply(root) {
    for (const element of root.querySelectorAll('[data-text]')) element.textContent = this.text(element.dataset.text);
    for (const element of root.querySelectorAll('[data-label]')) element.setAttribute('aria-label', this.text(element.dataset.label));
    for (const element of root.querySelectorAll('[data-hint]')) element.placeholder = this.text(element.dataset.hint);
  }
}
