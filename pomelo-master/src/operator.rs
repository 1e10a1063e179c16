//! An operator's connection, on the master's side.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pomelo_core::metrics::Report;
use pomelo_core::value::ServerId;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::config::Level;
use crate::hub::Hub;
use crate::orders;
use crate::wire::operator::{Answer, Asked, Refusal, Request, ToOperator};
use crate::wire::{BEAT_INTERVAL, Wire, WireError};

/// The lines of a log that are sent at once.
const MAX_LOG_LINES: usize = 10_000;

/// Answers an operator until it leaves. An order that was begun goes on when it does.
pub(crate) async fn serve(hub: Arc<Hub>, mut wire: Wire<TcpStream>, user: String, level: Level) {
    loop {
        let asked: Result<Asked, WireError> = wire.receive().await;
        let Asked { ask, request } = match asked {
            Ok(asked) => asked,
            Err(WireError::Closed) => return,
            Err(error) => return tracing::warn!(user, %error, "the connection of an operator is gone"),
        };
        if let Err(error) = answer(&hub, &mut wire, ask, request, &user, level).await {
            return tracing::warn!(user, %error, "the connection of an operator is gone");
        }
    }
}

async fn answer(
    hub: &Arc<Hub>,
    wire: &mut Wire<TcpStream>,
    ask: u64,
    request: Request,
    user: &str,
    level: Level,
) -> Result<(), WireError> {
    let needed = request.level();
    if level.number() > needed.number() {
        tracing::warn!(user, ?request, "denied");
        let answer = Err(Refusal::Denied { needed: needed.number() });
        return wire.send(&ToOperator::Answer { ask, answer }).await;
    }
    tracing::info!(user, ?request, "an operator asks");
    let (mut answered, told) = carry_out(hub.clone(), request);
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

/// Begins what an operator wants. It is carried out whatever becomes of the operator and of the connection; the end of the
/// master is a part of it, and comes once the answer is with the operator, or nobody wants it.
fn carry_out(hub: Arc<Hub>, request: Request) -> (oneshot::Receiver<Result<Answer, Refusal>>, Told) {
    let ((answer, answered), (told, heard)) = (oneshot::channel(), oneshot::channel());
    tokio::spawn(async move {
        let ending = request.ends_master().then(|| Ending(hub.clone()));
        let done = perform(hub, request).await;
        if answer.send(done).is_ok() {
            // An error is what is waited for: the sender is dropped.
            let _ = heard.await;
        }
        drop(ending);
    });
    (answered, told)
}

/// The master ends when this is dropped, also by a panic.
struct Ending(Arc<Hub>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.ending.send_replace(true);
    }
}

/// Does what an operator wants, whose level was checked.
async fn perform(hub: Arc<Hub>, request: Request) -> Result<Answer, Refusal> {
    Ok(match request {
        Request::List => Answer::Servers(hub.list().await),
        Request::Started => Answer::Outcomes(hub.started().await),
        Request::Report { id } => report(&hub, &id).await?,
        Request::Log { id, lines } => log(&hub, &id, lines).await?,
        Request::Stop { ids } => Answer::Outcomes(orders::stop(&hub, &ids).await?),
        Request::Kill => Answer::Outcomes(orders::kill(&hub).await),
        Request::KillThese { ids } => Answer::Outcomes(orders::kill_these(&hub, &ids).await?),
        Request::Start { env, servers } => Answer::Outcomes(orders::start(&hub, &env, servers).await?),
        Request::Restart { which } => Answer::Outcomes(orders::restart(&hub, &which).await?),
        Request::Add { entry } => Answer::Outcomes(orders::add(&hub, entry).await?),
    })
}

async fn report(hub: &Hub, id: &str) -> Result<Answer, Refusal> {
    if hub.config.id == id {
        return Err(Refusal::Invalid(format!("{id} is the master; only servers have a report")));
    }
    let id = ServerId::from(id);
    let found = hub.look(|registry| registry.get(&id).map(|entry| (entry.link(), entry.state())));
    let (link, state) = found.ok_or_else(|| Refusal::UnknownServer(id.clone()))?;
    let link = link.ok_or_else(|| Refusal::NotUp { id: id.clone(), state })?;
    let status = hub.ask(link).await.ok_or_else(|| Refusal::NoAnswer(id.clone()))?;
    // What both ends say, and nothing of servers that are down.
    let missing_links = hub.look(|registry| {
        let entry = registry.get(&id)?;
        Some(registry.missing_links(entry, Instant::now()))
    });
    let missing_links = missing_links.unwrap_or_default();
    Ok(Answer::Report(Box::new(Report { missing_links, ..status.report })))
}

async fn log(hub: &Hub, id: &str, lines: usize) -> Result<Answer, Refusal> {
    let logs = &hub.children.logs;
    // Only names that the master knows become paths.
    let file = if hub.config.id == id {
        logs.of_master()
    } else if hub.look(|registry| registry.has_known(id)) {
        logs.of(id)
    } else {
        return Err(Refusal::UnknownServer(id.into()));
    };
    let tail = crate::children::tail(&file, lines.min(MAX_LOG_LINES)).await;
    if hub.config.id == id && tail.is_err() {
        let why = format!("{id} runs in the foreground; its log is what it prints there");
        return Err(Refusal::Invalid(why));
    }
    tail.map(Answer::Lines).map_err(|error| cannot_read(&file, &error))
}

fn cannot_read(file: &Path, error: &std::io::Error) -> Refusal {
    Refusal::Invalid(format!("cannot read {}: {error}", file.display()))
}
