//! Files of a configuration directory that look as if they were read, and aren't.
//!
//! A file that was copied from a pomelo application, and means nothing here, is no error: it would be
//! silently ignored, so it is warned of by name, with what has its place.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::file::File;
use crate::value::spelling::nearest;

/// All files that are read.
const READ: [&str; 9] = [
    "servers.json",
    "dictionary.json",
    "serverProtos.json",
    "clientProtos.json",
    "master.json",
    "adminServer.json",
    "adminUser.json",
    "cluster.json",
    "crons.json",
];

/// Files that pomelo reads and we don't, and what that means.
const PASSED_OVER: [(&str, &str); 2] = [
    ("log4js.json", "is not read: logs are those of the `tracing` subscriber that the program sets up"),
    (
        "masterha.json",
        "is not read: servers go on without their master, and find the one that is started next",
    ),
];

/// A line for each of them.
pub(super) fn warnings(dir: &Path, env: &str) -> Vec<String> {
    let mut warnings: Vec<_> =
        PASSED_OVER.iter().filter_map(|(name, note)| passed_over(dir, env, name, note)).collect();
    for dir in [dir.to_owned(), dir.join(env)] {
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        let missing = || READ.into_iter().filter(|name| !names.iter().any(|there| there == name));
        let is_known =
            |name: &str| READ.contains(&name) || PASSED_OVER.iter().any(|(known, _)| *known == name);
        for name in names.iter().filter(|name| name.ends_with(".json") && !is_known(name)) {
            if let Some(meant) = nearest(name, missing()) {
                let path = dir.join(name);
                warnings.push(format!("{}: is not read; did you mean `{meant}`?", path.display()));
            }
        }
    }
    warnings.extend(hidden(dir, env));
    warnings
}

/// A file of pomelo's that says something for the environment.
fn passed_over(dir: &Path, env: &str, name: &str, note: &str) -> Option<String> {
    let path = match File::find(dir, env, name) {
        Ok(file) => {
            let file = file?;
            let path = file.path.display().to_string();
            if is_empty(file.section(env).value()) {
                return None;
            }
            path
        }
        // It isn't read, so it may be anything.
        Err(_) => dir.join(name).display().to_string(),
    };
    Some(format!("{path}: {note}"))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.values().all(is_empty),
        _ => false,
    }
}

/// Files of the environment's own directory that one in the directory itself hides.
fn hidden(dir: &Path, env: &str) -> Vec<String> {
    let both = READ.into_iter().filter(|name| dir.join(name).is_file() && dir.join(env).join(name).is_file());
    both.map(|name| {
        let (own, first) = (dir.join(env).join(name), dir.join(name));
        format!("{}: is not read, since there is {}", own.display(), first.display())
    })
    .collect()
}
