//! `pomelo stop`, `kill`, `restart` and `add`: what changes servers, and what became of each.

use serde_json::{Map, Value};

use super::render;
use crate::admin::{Admin, AdminError, Outcome, Which};
use crate::failure::Failure;
use crate::operator::Operator;
use crate::output::{Done, say};
use crate::table::{self, Tone, cell};

/// A change to the servers.
#[derive(Debug)]
pub enum Change {
    /// Stop these, or the whole application if it is none.
    Stop(Vec<String>),
    /// End these at once, or everything if it is none.
    Kill(Vec<String>),
    /// Restart these, or those of the type, or all but the master.
    Restart {
        /// These.
        ids: Vec<String>,
        /// Those of this type.
        server_type: Option<String>,
    },
    /// Add what this entry describes.
    Add(Map<String, Value>),
}

/// Has the master make the change.
pub async fn run(change: Change, operator: &Operator) -> Result<Done, Failure> {
    let admin = operator.connect().await?;
    if !operator.json {
        announce(&change);
    }
    let (done, failed) = summaries(&change);
    let outcomes = make(change, &admin).await.map_err(|error| operator.failed(error))?;
    let ok = outcomes.iter().all(|outcome| outcome.ok);
    let text = render(operator, &outcomes, || text_of(&outcomes, done, failed));
    Ok(Done { text, ok })
}

async fn make(change: Change, admin: &Admin) -> Result<Vec<Outcome>, AdminError> {
    match change {
        Change::Stop(ids) => admin.stop(&ids).await,
        Change::Kill(ids) if ids.is_empty() => admin.kill().await,
        Change::Kill(ids) => admin.kill_these(&ids).await,
        Change::Restart { server_type: Some(server_type), .. } => {
            admin.restart(Which::Type(server_type)).await
        }
        Change::Restart { ids, server_type: None } if ids.is_empty() => {
            let servers = admin.list().await?.into_iter().filter(|server| server.server_type != "master");
            admin.restart(Which::Ids(servers.map(|server| server.id.into()).collect())).await
        }
        Change::Restart { ids, server_type: None } => admin.restart(Which::Ids(ids)).await,
        Change::Add(entry) => admin.add(entry).await,
    }
}

/// Says what is going to take a while.
fn announce(change: &Change) {
    match change {
        Change::Stop(ids) if ids.is_empty() => {
            say(format_args!("Closing the application......\nPlease wait......"))
        }
        Change::Stop(ids) => say(format_args!("Closing {}......", ids.join(", "))),
        Change::Restart { .. } => say(format_args!("Restarting one server after the other......")),
        Change::Kill(_) | Change::Add(_) => {}
    }
}

/// The last line if all went well, and if not: pomelo's words, which scripts may look for.
fn summaries(change: &Change) -> (&'static str, &'static str) {
    match change {
        Change::Stop(_) => ("Stopped.", "These were not stopped"),
        Change::Kill(ids) if !ids.is_empty() => ("Killed.", "These were not killed"),
        Change::Kill(_) => ("All the servers have been terminated!", "There may be some servers remained"),
        Change::Restart { .. } => ("Successfully restart server.", "restart fails server ids"),
        Change::Add(_) => ("Successfully add server.", "These were not added"),
    }
}

fn text_of(outcomes: &[Outcome], done: &str, failed: &str) -> String {
    let table = outcomes_table(outcomes);
    let failures: Vec<_> =
        outcomes.iter().filter(|outcome| !outcome.ok).map(|outcome| &*outcome.id).collect();
    let summary =
        if failures.is_empty() { done.to_owned() } else { format!("{failed}: {}", failures.join(", ")) };
    if outcomes.is_empty() { format!("{summary}\n") } else { format!("{}{summary}\n", table::render(&table)) }
}

fn outcomes_table(outcomes: &[Outcome]) -> comfy_table::Table {
    table::headless(outcomes.iter().map(|Outcome { id, ok, message }| {
        let (mark, tone) = if *ok { ("ok", Tone::Good) } else { ("failed", Tone::Bad) };
        [cell(mark, tone), cell(&**id, Tone::Plain), cell(message, Tone::Plain)]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        vec![
            Outcome { id: "chat-server-1".into(), ok: true, message: "down".into() },
            Outcome { id: "gate-1".into(), ok: false, message: "still runs as process 4242".into() },
        ]
    }

    #[test]
    fn each_outcome_is_a_line_and_the_last_one_names_the_failures() {
        let mut table = outcomes_table(&outcomes());
        table.force_no_tty();
        let wanted = "ok      chat-server-1  down\nfailed  gate-1         still runs as process 4242\n";
        assert_eq!(table::render(&table), wanted);
        let (done, failed) = summaries(&Change::Kill(vec![]));
        let text = text_of(&outcomes(), done, failed);
        assert!(text.ends_with("There may be some servers remained: gate-1\n"), "{text}");
        let text = text_of(&outcomes()[..1], done, failed);
        assert!(text.ends_with("All the servers have been terminated!\n"), "{text}");
    }
}
