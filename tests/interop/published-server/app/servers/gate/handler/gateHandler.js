module.exports = app => ({
  queryEntry(message, session, next) {
    const [connector] = app.getServersByType('connector') ?? [];
    next(null, connector ? { code: 200, host: connector.host, port: connector.clientPort } : { code: 500 });
  },
});
