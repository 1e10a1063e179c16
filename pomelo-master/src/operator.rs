//! An operator's connection, on the side of whoever lets operators in: a master, or a server.

use std::sync::Arc;

use futures::future::BoxFuture;
use pomelo_core::value::Level;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::wire::operator::{Answer, Asked, Refusal, Request, ToOperator};
use crate::wire::{BEAT_INTERVAL, Wire, WireError};

/// Somebody who has proved to be an operator.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub(crate) user: String,
    pub(crate) level: Level,
}

/// Who does what operators want.
pub(crate) trait Desk: Send + Sync + 'static {
    /// Does what an operator wants, to its end. It was checked that the operator may want that; what only an admin module's server
    /// knows is checked there.
    fn perform(self: Arc<Self>, request: Request, operator: Operator) -> BoxFuture<'static, Done>;
}

/// What became of a request.
pub(crate) struct Done {
    pub(crate) answer: Result<Answer, Refusal>,
    /// Dropped once the operator has the answer, or is gone: an end of whom it spoke to comes by that.
    pub(crate) then: Option<Box<dyn Send>>,
}

/// Answers an operator until it leaves. An order that was begun goes on when it does.
pub(crate) async fn serve<D: Desk>(desk: Arc<D>, mut wire: Wire<TcpStream>, operator: Operator) {
    let user = operator.user.clone();
    loop {
        let asked: Result<Asked, WireError> = wire.receive().await;
        let Asked { ask, request } = match asked {
            Ok(asked) => asked,
            Err(WireError::Closed) => return,
            Err(error) => return tracing::warn!(user, %error, "the connection of an operator is gone"),
        };
        if let Err(error) = answer(&desk, &mut wire, ask, request, &operator).await {
            return tracing::warn!(user, %error, "the connection of an operator is gone");
        }
    }
}

async fn answer<D: Desk>(
    desk: &Arc<D>,
    wire: &mut Wire<TcpStream>,
    ask: u64,
    request: Request,
    operator: &Operator,
) -> Result<(), WireError> {
    let (needed, user) = (request.level(), &operator.user);
    if !operator.level.allows(needed) {
        tracing::warn!(user, request = request.shown(), "denied");
        let answer = Err(Refusal::Denied { needed: needed.number() });
        return wire.send(&ToOperator::Answer { ask, answer }).await;
    }
    tracing::info!(user, request = request.shown(), "an operator asks");
    let (mut answered, told) = carry_out(desk.clone(), request, operator.clone());
    let mut beat = tokio::time::interval(BEAT_INTERVAL);
    let answer = loop {
        tokio::select! {
            done = &mut answered => break done.unwrap_or_else(|_| Err(Refusal::Invalid("it failed inside".into()))),
            _ = beat.tick() => wire.send(&ToOperator::Working).await?,
        }
    };
    let sent = wire.send(&ToOperator::Answer { ask, answer }).await;
    drop(told);
    sent
}

/// An operator has the answer, or is gone.
type Told = oneshot::Sender<()>;

/// Begins what an operator wants. It is carried out whatever becomes of the operator and of the connection; an end of whoever
/// carries it out is a part of it, and comes once the answer is with the operator, or nobody wants it.
fn carry_out<D: Desk>(
    desk: Arc<D>,
    request: Request,
    operator: Operator,
) -> (oneshot::Receiver<Result<Answer, Refusal>>, Told) {
    let ((send, answered), (told, heard)) = (oneshot::channel(), oneshot::channel());
    tokio::spawn(async move {
        let Done { answer, then } = desk.perform(request, operator).await;
        if send.send(answer).is_ok() {
            // An error is what is waited for: the sender is dropped.
            let _ = heard.await;
        }
        drop(then);
    });
    (answered, told)
}
