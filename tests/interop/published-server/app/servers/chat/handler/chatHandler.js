module.exports = app => ({
  send({ content, target }, session, next) {
    const room = app.get('channelService').getChannel(session.get('rid'), false);
    room.pushMessage('onChat', { msg: content, from: session.uid, target });
    next(null, {});
  },
});
