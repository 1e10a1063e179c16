//! crons.json: what runs when on the servers of a type, as pomelo has it.
//!
//! ```json
//! { "development": { "chat": [
//!     { "id": 1, "time": "0 30 10 * * *", "action": "chatCron.sendMoney" },
//!     { "id": 2, "time": "0 0 4 * * *", "action": "chatCron.clean", "serverId": "chat-server-1" },
//!     { "id": 3, "time": "0 0 5 * * *", "action": "chatCron.rank", "once": true }
//! ] } }
//! ```

use super::schedule::Schedule;
use crate::value::ServerInfo;
use crate::value::config::{Config, ConfigError, Entry, is_comment};
use crate::value::spelling::did_you_mean;

/// The file's name.
pub(super) const CRONS_FILE: &str = "crons.json";

const KEYS: [&str; 5] = ["id", "time", "action", "serverId", "once"];

/// An entry that is for one server.
pub(super) struct FileCron {
    pub(super) id: String,
    pub(super) time: String,
    pub(super) schedule: Schedule,
    /// `chatCron.sendMoney`
    pub(super) action: String,
    /// Whether one server of the type runs it.
    pub(super) once: bool,
}

/// The crons of a server, and what may be a mistake.
pub(super) struct FileCrons {
    pub(super) crons: Vec<FileCron>,
    pub(super) warnings: Vec<String>,
}

/// Reads what the file has for a server; `actions` are those that it has.
///
/// # Errors
/// Which entry is wrong, and what was expected.
pub(super) fn read(config: &Config, info: &ServerInfo, actions: &[String]) -> Result<FileCrons, ConfigError> {
    let mut read = FileCrons { crons: vec![], warnings: vec![] };
    let Some(section) = config.section(CRONS_FILE)? else { return Ok(read) };
    let entries = section.entries_of(&info.server_type)?;
    for entry in &entries {
        read.warnings.extend(entry.unread(&KEYS));
        let cron = one(entry, actions)?;
        match entry.text("serverId", "the id of a server")? {
            Some(id) if config.servers.iter().all(|server| *server.id != *id) => {
                read.warnings.push(entry.note("serverId", format_args!("no server `{id}` is configured")));
            }
            Some(id) if *id != *info.id => {}
            _ if read.crons.iter().any(|other| other.id == cron.id) => {
                return Err(entry.wrong("id", format_args!("`{}` is the id of another cron", cron.id)));
            }
            _ => read.crons.push(cron),
        }
    }
    if entries
        .iter()
        .any(|entry| entry.text("time", "").ok().flatten().is_some_and(|time| names_days_twice(&time)))
    {
        read.warnings.push(section.note(
            &info.server_type,
            "a time that names both a day of the month and a day of the week is due where both match, as in pomelo",
        ));
    }
    Ok(read)
}

/// A line for each type that there is not.
///
/// # Errors
/// If the file can't be read.
pub(super) fn unknown_types(
    config: &Config,
    known: impl Iterator<Item = &'static str> + Clone,
) -> Result<Vec<String>, ConfigError> {
    let Some(section) = config.section(CRONS_FILE)? else { return Ok(vec![]) };
    let types = section.value().as_object().into_iter().flatten().map(|(server_type, _)| server_type);
    let unknown = types.filter(|name| !is_comment(name) && !known.clone().any(|known| known == *name));
    let note = |name: &String| {
        let meant = did_you_mean(name, known.clone());
        section.note(name, format_args!("`servers!` lists no such type{meant}"))
    };
    Ok(unknown.map(note).collect())
}

fn one(entry: &Entry<'_>, actions: &[String]) -> Result<FileCron, ConfigError> {
    let id = entry
        .text("id", "a number or a text")?
        .ok_or_else(|| entry.unexpected("id", "a number or a text"))?;
    let expected = "a text such as \"0 30 10 * * *\"";
    let time = entry.text("time", expected)?.ok_or_else(|| entry.unexpected("time", expected))?;
    let schedule = Schedule::read_file(&time).map_err(|error| entry.wrong("time", error))?;
    let expected = "a text such as \"chatCron.sendMoney\"";
    let action = entry.text("action", expected)?.ok_or_else(|| entry.unexpected("action", expected))?;
    if !actions.contains(&action) {
        return Err(entry.wrong("action", unknown(&action, actions)));
    }
    let once = entry.switch("once")?.unwrap_or(false);
    Ok(FileCron { id, time, schedule, action, once })
}

/// What is said of an action that a server has not.
pub(super) fn unknown(action: &str, actions: &[String]) -> String {
    let known = actions.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
    match actions.is_empty() {
        true => format!("there is no `{action}`: `servers!` lists no `crons: […]` for this type of server"),
        false => format!(
            "there is no `{action}`: there is {known}{}",
            did_you_mean(action, actions.iter().map(String::as_str))
        ),
    }
}

fn names_days_twice(time: &str) -> bool {
    let fields: Vec<&str> = time.split_whitespace().collect();
    fields.get(3).is_some_and(|day| *day != "*") && fields.get(5).is_some_and(|day| *day != "*")
}
