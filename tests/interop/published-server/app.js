// The chat service on the published pomelo: a gate, a connector with dictionary and protobuf, and a chat server.
const pomelo = require('pomelo');

const app = pomelo.createApp();
app.set('name', 'published-chat');
app.configure('production', 'gate', () => {
  app.set('connectorConfig', { connector: pomelo.connectors.hybridconnector, useProtobuf: true });
});
app.configure('production', 'connector', () => {
  app.set('connectorConfig', { connector: pomelo.connectors.hybridconnector, heartbeat: 1, useDict: true, useProtobuf: true });
});
app.start();

process.on('uncaughtException', error => console.error(error.stack));
