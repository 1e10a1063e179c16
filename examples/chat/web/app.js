/**
 * The page: joins the parts and shows which of its two screens is on.
 *
 * @module app
 */
import { ChatRoom, EVERYONE } from './chat-room.js';
import { Composer } from './composer.js';
import { gateUrlOf } from './gate-url.js';
import { Translator } from './i18n.js';
import { Invite } from './invite.js';
import { MessageLog } from './message-log.js';
import { Place } from './place.js';
import { safeStorage } from './safe-storage.js';
import { StatusBar } from './status-bar.js';
import { UserList } from './user-list.js';

const $ = id => document.getElementById(id);
const storage = safeStorage('localStorage');
const place = new Place(location, history, safeStorage('sessionStorage'));
const gateUrl = gateUrlOf(location, new URLSearchParams(location.search).get('gate'));

const translator = new Translator(storage, navigator.languages);
const room = new ChatRoom({ gateUrl, pageHost: location.hostname, client: { storage } });
const log = new MessageLog($('log'), $('more'), translator);
const users = new UserList({ count: $('people-count'), list: $('people-list') }, translator, name => {
  showPeople(false);
  composer.whisperTo(name);
});
const composer = new Composer(
  { form: $('composer'), target: $('target'), text: $('text'), button: $('send'), alert: $('composer-alert') },
  translator,
  (text, target) => room.send(text, target),
);
const status = new StatusBar({ bar: $('status'), text: $('status-text'), countdown: $('status-countdown') }, translator);

const invite = new Invite({ box: $('invite'), text: $('invite-text'), link: $('invite-link'), copy: $('invite-copy') }, translator);

let alert = { key: undefined, values: {} };
let count = 0;
let wasIn = false;
let lost = false;

room.on('state', change => {
  status.show(change);
  composer.setEnabled(change.state === 'in');
  if (change.state === 'in') enterRoom();
  if (change.cause === 'reload') showRoom();
  if (change.state === 'waiting' && wasIn && !lost) {
    lost = true;
    log.notice('lost', {}, 'break');
  }
  render();
});
room.on('users', names => {
  count = names.length;
  users.show(names, room.name);
  composer.setOthers(names.filter(name => name !== room.name));
  invite.show(count === 1 ? place.linkTo(room.room) : undefined);
  render();
});
room.on('message', ({ from, target, text }) => log.message({ from, target, text, own: from === room.name, whisper: target !== EVERYONE }));
room.on('added', name => log.notice('added', { name }));
room.on('left', name => log.notice('left', { name }));
room.on('error', error => console.warn(error));
room.on('ended', error => leaveRoom(error.kind === 'kick' && error.reason ? 'kickReason' : error.kind, { reason: error.reason }));

$('join-form').addEventListener('submit', async event => {
  event.preventDefault();
  if (room.state !== 'out') return;
  const name = $('name').value.trim();
  const rid = $('room').value.trim();
  const [field, complaint] = complaintAbout(name, rid);
  complain(complaint);
  if (complaint) {
    $(field).focus();
    return;
  }
  storage.setItem('chat name', name);
  storage.setItem('chat room', rid);
  try {
    await room.join(name, rid);
  } catch (error) {
    if (error.kind) complain(error.kind === 'kick' && error.reason ? 'kickReason' : error.kind, { name, room: rid, gate: gateUrl, reason: error.reason });
    $('name').focus();
  }
});

$('leave').addEventListener('click', () => {
  room.leave();
  leaveRoom('youLeft');
});
$('retry').addEventListener('click', () => {
  composer.focus(); // the button is about to go
  room.retryNow();
});
window.addEventListener('online', () => room.retryNow());
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && room.retryNow());

$('people-toggle').addEventListener('click', () => showPeople($('people-toggle').ariaExpanded !== 'true'));
$('chat').addEventListener('keydown', event => {
  if (event.key !== 'Escape' || $('people-toggle').ariaExpanded !== 'true') return;
  showPeople(false);
  $('people-toggle').focus();
});

for (const button of document.querySelectorAll('[data-language]')) {
  button.addEventListener('click', () => translator.choose(button.dataset.language));
}
translator.onChange(render);

$('name').value = storage.getItem('chat name') ?? '';
$('room').value = place.room || (storage.getItem('chat room') ?? '');
render();
$($('name').value && !$('room').value ? 'room' : 'name').focus();
const left = place.left();
if (left && gateUrl) room.comeBack(left.name, left.room);

/** First entry, or return after a lost connection. */
function enterRoom() {
  place.enter(room.name, room.room);
  if (lost) log.notice('cameBack', {}, 'break');
  else {
    showRoom();
    log.notice('entered', { room: room.room });
    composer.setEnabled(true);
    composer.focus();
  }
  wasIn = true;
  lost = false;
}

function showRoom() {
  if (!$('chat').hidden) return;
  log.clear();
  composer.clear();
  showPeople(false);
  $('join').hidden = true;
  $('chat').hidden = $('leave').hidden = false;
}

function leaveRoom(key, values = {}) {
  place.leave();
  wasIn = lost = false;
  $('chat').hidden = $('leave').hidden = true;
  $('join').hidden = false;
  complain(key, { name: room.name, room: room.room, gate: gateUrl, ...values });
  $('name').focus();
}

function complain(key, values = {}) {
  alert = { key, values };
  render();
}

function complaintAbout(name, rid) {
  if (!gateUrl) return ['name', 'badGate'];
  if (!name) return ['name', 'nameMissing'];
  if (name.includes('*')) return ['name', 'nameStar']; // the service's uid is name*room, and * means everyone
  if (!rid) return ['room', 'roomMissing'];
  if (rid.includes('*')) return ['room', 'roomStar'];
  return [];
}

function showPeople(shown) {
  $('people-toggle').ariaExpanded = String(shown);
  $('people').classList.toggle('shown', shown);
}

function render() {
  translator.apply(document);
  document.documentElement.lang = translator.tag;
  document.title = room.state === 'out' ? translator.text('title') : `${room.room} – ${translator.text('title')}`;
  for (const button of document.querySelectorAll('[data-language]')) button.ariaPressed = String(button.dataset.language === translator.language);

  const joining = room.state === 'joining';
  $('join-button').textContent = translator.text(joining ? 'joining' : 'join');
  $('join-button').disabled = joining;
  setText($('join-alert'), alert.key ? translator.text(alert.key, alert.values) : '');
  $('join-alert').classList.toggle('mild', alert.key === 'youLeft');

  $('room-name').textContent = room.room;
  const connected = room.state === 'in';
  $('connection').classList.toggle('off', !connected);
  setText($('connection'), translator.text(connected ? 'connected' : 'disconnected'));
  $('people-toggle').textContent = count ? translator.text('peopleHere', { count }) : translator.text('people');
  $('people-hint').hidden = count < 2;
}

/** Live regions are only written when they change. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
