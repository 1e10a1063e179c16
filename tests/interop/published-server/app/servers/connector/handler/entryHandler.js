module.exports = app => ({
  /** Binds the session and joins the room; the room's server is told when it closes. */
  enter({ username, rid }, session, next) {
    session.bind(username, () => {});
    session.set('rid', rid);
    session.push('rid', () => {});
    session.on('closed', closed => app.rpc.chat.roomRemote.leave(closed, closed.uid, app.get('serverId'), rid, () => {}));
    app.rpc.chat.roomRemote.add(session, username, app.get('serverId'), rid, users => next(null, { users }));
  },
});
