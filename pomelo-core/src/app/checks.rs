//! Checks of how an application is put together, before anything of it starts.
//!
//! | what is said | and there is | is |
//! |---|---|---|
//! | a type in servers.json, `configure`, `route` or `mount` | no such type in `servers!` | an error, with the type that was probably meant |
//! | `configure` for `master` | no such server here | a warning |
//! | an environment in `configure` | none of that name | a warning |
//! | a frontend in servers.json | no connector | an error |
//! | a trait in `servers!` | nothing mounted | an error |
//! | a setting that pomelo reads itself | a method for it here | a warning (`reserved`) |
//! | a variable like `POMELO_EVN` | none that is read | a warning (`variables`) |

use super::builder::{Builder, Step, items};
use super::cluster::{Cluster, ServerType};
use super::configure::Configure;
use super::start_error::StartError;
use super::{App, reserved};
use crate::value::config::{Config, NO_SERVER, listed};
use crate::value::spelling::{did_you_mean, nearest};
use crate::value::{ServerId, ServerInfo};

/// Environments that every application may have steps for.
const USUAL: [&str; 2] = ["development", "production"];
/// pomelo's type of the master, which is no server here.
const MASTER: &str = "master";

/// Logs what may be a mistake; at DEBUG what is said already.
pub(super) fn log<'a>(warnings: impl Iterator<Item = &'a String>, is_said: bool) {
    for warning in warnings {
        match is_said {
            true => tracing::debug!("{warning}"),
            false => tracing::warn!("{warning}"),
        }
    }
}

/// Checks what all servers have in common; returns what may be a mistake, a line each.
pub(super) fn check<R: Cluster>(
    builder: &Builder<R>,
    config: &Config,
    wanted: impl Fn(&ServerInfo) -> bool,
) -> Result<Vec<String>, StartError> {
    let mut warnings = Vec::new();
    if config.servers.is_empty() {
        return Err(StartError::config(format_args!("{}: {NO_SERVER}", config.servers_file)));
    }
    for info in &config.servers {
        if !is_known::<R>(&info.server_type) {
            let at = format!("{}: {} is of type", config.servers_file, info.id);
            return Err(unknown::<R>(&at, &info.server_type));
        }
    }
    for step in builder.steps.iter().filter(|step| step.is_written) {
        let place = format!(".configure({:?}, {:?}, …)", step.envs, step.types);
        for server_type in items(&step.types).filter(|item| *item != "all") {
            warnings.extend(check_type::<R>(&place, server_type)?);
        }
        warnings.extend(check_environments(&place, step, config));
    }
    for server_type in builder.routed.iter().filter(|routed| *routed != "default") {
        warnings.extend(check_type::<R>(&format!(".route({server_type:?}, …)"), server_type)?);
    }
    for (server_type, _) in &builder.mounts {
        warnings.extend(check_type::<R>(&format!(".mount({server_type:?}, …)"), server_type)?);
    }
    check_frontends(builder, config, wanted)?;
    warnings.extend(check_environment(builder, config));
    Ok(warnings)
}

/// Checks one server that its steps have set up.
pub(super) fn check_server<R: Cluster>(setup: &Configure<R>, config: &Config) -> Result<(), StartError> {
    let info = &setup.info;
    log(reserved::warnings(setup).iter(), false);
    for server_type in setup.routers.keys().filter(|routed| *routed != "default" && *routed != MASTER) {
        if !is_known::<R>(server_type) {
            let at = format!("{}: a router is for servers of type", info.id);
            return Err(unknown::<R>(&at, server_type));
        }
    }
    match (setup.connectors.is_empty(), info.frontend) {
        (false, false) => Err(StartError::config(format_args!(
            "{}: {} has a connector and is no frontend: set \"frontend\": true",
            config.servers_file, info.id
        ))),
        (true, true) => Err(no_connector(&info.id, &info.server_type, config)),
        _ => setup.limits.check().map_err(|error| StartError::Config { source: error.context(&info.id) }),
    }
}

/// A frontend for which no step is has no connector: that is known before a step has run.
fn check_frontends<R: Cluster>(
    builder: &Builder<R>,
    config: &Config,
    wanted: impl Fn(&ServerInfo) -> bool,
) -> Result<(), StartError> {
    let is_set_up = |server_type: &str| {
        builder.steps.iter().any(|step| step.is_written && step.is_for(&config.env, server_type))
    };
    let mut frontends = config.servers.iter().filter(|info| info.frontend && wanted(info));
    let lost = frontends.find(|info| !is_set_up(&info.server_type));
    lost.map_or(Ok(()), |info| Err(no_connector(&info.id, &info.server_type, config)))
}

fn no_connector(id: &ServerId, server_type: &str, config: &Config) -> StartError {
    let (file, env) = (&config.servers_file, &config.env);
    let why = format_args!(
        "{file}: {id} is a frontend and has no connector in the environment `{env}`: \
         .configure(\"{env}\", \"{server_type}\", |app| app.connector(…)) adds one"
    );
    StartError::missing(id, why)
}

fn is_known<R: Cluster>(server_type: &str) -> bool {
    R::SERVERS.iter().any(|known| known.name == server_type)
}

fn unknown<R: Cluster>(at: &str, server_type: &str) -> StartError {
    let known = || R::SERVERS.iter().map(|known: &ServerType| known.name);
    let hint = match server_type.contains([',', ' ', ';']) {
        true => "; types are separated by `|`".to_owned(),
        false => did_you_mean(server_type, known()),
    };
    StartError::config(format_args!(
        "{at} `{server_type}`, which `servers!` doesn't list: it lists {}{hint}",
        listed(known())
    ))
}

/// An unknown type is an error, pomelo's `master` a warning.
fn check_type<R: Cluster>(place: &str, server_type: &str) -> Result<Option<String>, StartError> {
    if is_known::<R>(server_type) {
        return Ok(None);
    }
    if server_type == MASTER {
        return Ok(Some(format!(
            "{place} does nothing: the master is no server here, master.json has what it is set up with"
        )));
    }
    Err(unknown::<R>(&format!("{place} is for servers of type"), server_type))
}

/// Environments of a step that there are not.
fn check_environments<R>(place: &str, step: &Step<R>, config: &Config) -> Vec<String> {
    let known = known_environments(config);
    let missing: Vec<_> = items(&step.envs).filter(|env| *env != "all" && !known.contains(env)).collect();
    let meant = missing.iter().filter_map(|env| Some((*env, nearest(env, known.iter().copied())?)));
    let mut warnings: Vec<_> = meant
        .map(|(env, meant)| format!("{place}: there is no environment `{env}`, did you mean `{meant}`?"))
        .collect();
    if warnings.is_empty() && missing.len() == items(&step.envs).count() {
        warnings.push(format!(
            "{place} is for no environment that there is: servers run in `{}`, known are {}",
            config.env,
            listed(&known)
        ));
    }
    warnings
}

fn known_environments(config: &Config) -> Vec<&str> {
    let mut known: Vec<&str> = config.environments.iter().map(String::as_str).collect();
    for env in USUAL.into_iter().chain([config.env.as_str()]) {
        if !known.contains(&env) {
            known.push(env);
        }
    }
    known
}

/// An environment that no step is for, although there are steps.
fn check_environment<R: Cluster>(builder: &Builder<R>, config: &Config) -> Option<String> {
    let written = || builder.steps.iter().filter(|step| step.is_written);
    let is_for = |step: &Step<R>| items(&step.envs).any(|env| env == "all" || env == config.env);
    if written().count() == 0 || written().any(is_for) {
        return None;
    }
    let mut others: Vec<_> = written().flat_map(|step| items(&step.envs)).collect();
    others.sort_unstable();
    others.dedup();
    Some(format!("no .configure(…) is for the environment `{}`, they are for {}", config.env, listed(others)))
}

/// What `servers!` lists by its trait must have been mounted by hand.
pub(crate) fn check_mounted<R: Cluster>(
    app: &App<R>,
    mount: &super::cluster::Mount<R>,
) -> Result<(), StartError> {
    let Some(listed) = R::SERVERS.iter().find(|known| known.name == app.server_type()) else { return Ok(()) };
    let has_handler = |name: &str| mount.parts.handlers.iter().any(|(table, _)| table.name == name);
    let has_remote = |name: &str| mount.parts.remotes.iter().any(|(table, _)| table.name == name);
    let missing = listed.handlers.iter().find(|table| !has_handler(table.name));
    let missing = missing.or_else(|| listed.remotes.iter().find(|table| !has_remote(table.name)));
    match missing {
        None => Ok(()),
        Some(table) => {
            let why = format_args!(
                "{}: `servers!` lists `{}` by its trait; mount an implementation with `.mount(\"{}\", …)`",
                app.server_id(),
                table.name,
                listed.name
            );
            Err(StartError::missing(app.server_id(), why))
        }
    }
}

/// Without the feature nothing runs by the calendar, and nobody would notice.
#[cfg(not(feature = "crons"))]
pub(super) fn check_no_crons<R: Cluster>(app: &App<R>) -> Result<(), StartError> {
    let Some(section) = app.config().section("crons.json")? else { return Ok(()) };
    match section.entries_of(app.server_type())?.is_empty() {
        true => Ok(()),
        false => Err(StartError::from(section.wrong(format_args!(
            "there are crons for `{}`, and the feature `crons` of pomelo is off: turn it on, or take them out",
            app.server_type()
        )))),
    }
}
