module.exports = app => {
  const room = rid => app.get('channelService').getChannel(rid, true);
  return {
    add(uid, sid, rid, done) {
      room(rid).add(uid, sid);
      done(room(rid).getMembers());
    },

    leave(uid, sid, rid, done) {
      room(rid).leave(uid, sid);
      room(rid).pushMessage('onLeave', { user: uid });
      done();
    },
  };
};
