/** The page: asks the connector whether the game server is well. */
import { PomeloClient } from './lib/pomelo/index.js';

const CONNECTOR_PORT = 3010; // clientPort in game-server/config/servers.json

const button = document.getElementById('test');
const answer = document.getElementById('answer');

button.addEventListener('click', async () => {
  button.disabled = true;
  show('…');
  try {
    show(await ask(), 'good');
  } catch (error) {
    show(`No answer: ${error.message}. Is the game server running?`, 'bad');
  } finally {
    button.disabled = false;
  }
});

async function ask() {
  const client = new PomeloClient();
  try {
    await client.connect(`ws://${location.hostname}:${CONNECTOR_PORT}`);
    const { msg } = await client.request('connector.entryHandler.entry');
    return msg;
  } finally {
    client.close();
  }
}

function show(text, tone = '') {
  answer.textContent = text;
  answer.className = tone;
}
