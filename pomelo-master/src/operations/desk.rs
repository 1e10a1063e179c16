//! The desk of a server: does what operators want there, for the whole cluster.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use pomelo_core::server::Operated;
use pomelo_core::value::ServerInfo;
use serde_json::Value;

use super::asker::{Asker, refusal};
use super::modules::{LogEnd, Status};
use super::{listing, orders};
use crate::operator::{Desk, Done, Operator};
use crate::replies;
use crate::status::Which;
use crate::wire::operator::{Answer, Refusal, Request};

/// How long a server has for the end of its log.
const LOG_TIMEOUT: Duration = Duration::from_secs(5);

/// A server, as operators meet it at its port.
pub(super) struct ServerDesk {
    server: Operated,
}

impl ServerDesk {
    pub(super) fn new(server: Operated) -> Self {
        Self { server }
    }
}

impl Desk for ServerDesk {
    fn perform(self: Arc<Self>, request: Request, operator: Operator) -> BoxFuture<'static, Done> {
        let asker = Asker::new(self.server.clone(), operator);
        Box::pin(async move {
            match perform(&asker, request).await {
                Ok((answer, end)) => {
                    Done { answer: Ok(answer), then: end.map(|end| Box::new(end) as Box<dyn Send>) }
                }
                Err(refusal) => Done { answer: Err(refusal), then: None },
            }
        })
    }
}

async fn perform(asker: &Asker, request: Request) -> Result<(Answer, Option<orders::OwnEnd>), Refusal> {
    let answer = match request {
        Request::List => Answer::Servers(listing::list(asker).await),
        Request::Report { id } => report(asker, &id).await?,
        Request::Log { id, lines } => log(asker, &id, lines).await?,
        Request::Ask { to, module, body, within_ms } => {
            let within = Duration::from_millis(within_ms);
            ask(asker, to.as_ref(), &module, &body, within).await?
        }
        Request::Stop { ids } => {
            let (outcomes, end) = orders::stop(asker, &ids).await?;
            return Ok((Answer::Outcomes(outcomes), end));
        }
        Request::Restart { which } => {
            let (outcomes, end) = orders::restart(asker, &which).await?;
            return Ok((Answer::Outcomes(outcomes), end));
        }
        Request::Started | Request::Start { .. } => return Err(masterless("start servers", START)),
        Request::Add { .. } => return Err(masterless("add servers", ADD)),
        Request::Kill | Request::KillThese { .. } => return Err(masterless("kill servers", KILL)),
    };
    Ok((answer, None))
}

const START: &str = "\
Whatever supervises the processes starts them, such as systemd or Kubernetes: each runs the application with `--server-id ID`, and
joins the others by itself.";

const ADD: &str = "\
A server joins by starting. Where the discovery learns of servers by themselves (etcd, NATS), run the application with `--type TYPE
--id ID`; else give it an entry in servers.json and run it with `--server-id ID`, and servers that have read the file before that expect
it after a restart.";

const KILL: &str = "\
`stop` has servers drain and end. One that doesn't is ended where it runs: `pomelo list` has its host and process.";

fn masterless(what: &str, instead: &str) -> Refusal {
    Refusal::Masterless { what: what.to_owned(), instead: instead.to_owned() }
}

/// The server of that id.
fn one(asker: &Asker, id: &str) -> Result<Arc<ServerInfo>, Refusal> {
    let known = asker.known(&[id.to_owned()])?;
    known.into_iter().next().ok_or_else(|| Refusal::UnknownServer(id.into()))
}

async fn report(asker: &Asker, id: &str) -> Result<Answer, Refusal> {
    let info = one(asker, id)?;
    let status = asker.status::<Status>(&info.id, "status").await;
    let mut report = status.map_err(|error| refusal(&info.id, error))?.report;
    // As in a list: nothing of servers that are down.
    report.missing_links.retain(|link| asker.server.is_up(&link.server));
    Ok(Answer::Report(Box::new(report)))
}

async fn log(asker: &Asker, id: &str, lines: usize) -> Result<Answer, Refusal> {
    let info = one(asker, id)?;
    let lines = asker.ask(&info.id, "log", &LogEnd { lines }, LOG_TIMEOUT).await;
    lines.map(Answer::Lines).map_err(|error| refusal(&info.id, error))
}

async fn ask(
    asker: &Asker,
    to: Option<&Which>,
    module: &str,
    body: &Value,
    within: Duration,
) -> Result<Answer, Refusal> {
    let servers = asker.which(to)?;
    let asked = servers.iter().map(|info| asker.ask::<Value>(&info.id, module, body, within));
    let answers = servers.iter().map(|info| info.id.clone()).zip(join_all(asked).await).collect();
    replies::answer(to.is_none(), module, answers)
}
