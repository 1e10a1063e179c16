//! Requests of operators, as a master answers them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::future::{BoxFuture, join_all};
use pomelo_core::metrics::Report;
use pomelo_core::value::{Error, ErrorKind, ServerId};

use crate::hub::Hub;
use crate::operator::{Desk, Done, Operator};
use crate::status::Which;
use crate::wire::operator::{Answer, Refusal, Request};
use crate::wire::server::Question;
use crate::{orders, replies};

impl Desk for Hub {
    fn perform(self: Arc<Self>, request: Request, operator: Operator) -> BoxFuture<'static, Done> {
        Box::pin(async move {
            let ending = request.ends_master().then(|| Ending(self.clone()));
            let answer = perform(self, request, operator).await;
            Done { answer, then: ending.map(|ending| Box::new(ending) as Box<dyn Send>) }
        })
    }
}

/// The master ends when this is dropped, also by a panic.
struct Ending(Arc<Hub>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.ending.send_replace(true);
    }
}

/// Does what an operator wants, whose level was checked.
async fn perform(hub: Arc<Hub>, request: Request, operator: Operator) -> Result<Answer, Refusal> {
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
        Request::Ask { to, module, body, within_ms } => {
            let Operator { user, level } = operator;
            ask(&hub, to.as_ref(), Question { module, user, level, body, within_ms }).await?
        }
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

/// Has servers answer, all at once.
async fn ask(hub: &Hub, to: Option<&Which>, question: Question) -> Result<Answer, Refusal> {
    let ids = match to {
        None => hub.look(|registry| registry.entries().map(|entry| entry.info.id.clone()).collect()),
        Some(which) => orders::which(hub, which)?,
    };
    let question = &question;
    let asked = ids.iter().map(|id| async move {
        let found = hub.look(|registry| registry.get(id).map(|entry| (entry.link(), entry.state())));
        let told = match found {
            Some((Some(link), _)) => hub.put(id, link, question.clone()).await,
            Some((None, state)) => Err(Error::of(ErrorKind::Refused, format_args!("{id} is {state}")).into()),
            None => Err(Error::of(ErrorKind::NoServer, format_args!("there is no server `{id}`")).into()),
        };
        (id.clone(), told)
    });
    replies::answer(to.is_none(), &question.module, join_all(asked).await)
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
    let tail = crate::children::tail(&file, lines.min(crate::children::MAX_LOG_LINES)).await;
    if hub.config.id == id && tail.is_err() {
        let why = format!("{id} runs in the foreground; its log is what it prints there");
        return Err(Refusal::Invalid(why));
    }
    tail.map(Answer::Lines).map_err(|error| cannot_read(&file, &error))
}

fn cannot_read(file: &Path, error: &std::io::Error) -> Refusal {
    Refusal::Invalid(format!("cannot read {}: {error}", file.display()))
}
