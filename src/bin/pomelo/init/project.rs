//! The files of a new project.

use std::fmt::Write;

use super::{InitError, Source};

/// A project that is to be written.
pub struct Project {
    /// What the game server's package is called.
    pub name: String,
    /// Where it gets pomelo-rs from.
    pub source: Source,
    /// Whether it has a page to try it from.
    pub page: bool,
}

macro_rules! template {
    ($($path:literal)*) => {
        &[$(($path, include_str!(concat!("template/", $path)))),*]
    };
}

/// Lines that end like this are for projects with a page.
const PAGE_ONLY: &str = " @page";

/// Their path and text. A `Cargo.toml` in a folder of a package would keep cargo from packing that folder, hence the
/// other name.
const FILES: &[(&str, &str)] = template![
    "README.md"
    "gitignore"
    "game-server/manifest.toml"
    "game-server/src/main.rs"
    "game-server/src/connector.rs"
    "game-server/config/servers.json"
    "game-server/config/master.json"
    "game-server/config/adminUser.json"
    "game-server/config/adminServer.json"
    "game-server/config/dictionary.json"
    "game-server/config/serverProtos.json"
    "game-server/config/clientProtos.json"
    "logs/README.md"
    "shared/README.md"
];

const PAGE: &[(&str, &str)] = template![
    "game-server/src/page.rs"
    "web-server/public/index.html"
    "web-server/public/style.css"
    "web-server/public/app.js"
];

macro_rules! client {
    ($($file:literal)*) => {
        &[$((
            concat!("web-server/public/lib/pomelo/", $file),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/clients/js/src/", $file)),
        )),*]
    };
}

/// The JavaScript client.
const CLIENT: &[(&str, &str)] = client![
    "agreement.js"
    "backoff.js"
    "client.js"
    "connection.js"
    "emitter.js"
    "errors.js"
    "events.js"
    "gate.js"
    "handshake.js"
    "heartbeat.js"
    "index.js"
    "limit.js"
    "options.js"
    "protobuf-bytes.js"
    "protobuf.js"
    "protocol.js"
    "requests.js"
    "stay-connected.js"
];

/// Checkouts build with this compiler, so projects that depend on one do too.
const TOOLCHAIN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rust-toolchain.toml"));

impl Project {
    /// Each file's path in the project, and its text.
    ///
    /// # Errors
    /// If there are no random numbers for the servers' token.
    pub fn files(&self) -> Result<Vec<(&'static str, String)>, InitError> {
        let token = token()?;
        let fill = |&(path, text): &(&'static str, &str)| (target(path), self.fill(text, &token));
        let mut files: Vec<_> = FILES.iter().map(fill).collect();
        if self.page {
            files.extend(PAGE.iter().map(fill));
            files.extend(CLIENT.iter().map(|&(path, text)| (path, text.to_owned())));
        }
        if let Source::Path(_) = self.source {
            files.push(("game-server/rust-toolchain.toml", TOOLCHAIN.to_owned()));
        }
        Ok(files)
    }

    fn fill(&self, text: &str, token: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        for line in text.lines() {
            let line = match line.strip_suffix(PAGE_ONLY) {
                Some(_) if !self.page => continue,
                Some(line) => line,
                None => line,
            };
            filled.push_str(line);
            filled.push('\n');
        }
        filled
            .replace("{{name}}", &self.name)
            .replace("{{pomelo}}", &self.source.dependency())
            .replace("{{token}}", token)
    }
}

/// Where a file of the template goes.
fn target(path: &'static str) -> &'static str {
    match path {
        "gitignore" => ".gitignore",
        "game-server/manifest.toml" => "game-server/Cargo.toml",
        _ => path,
    }
}

/// What servers prove to the master that they are of this application by; nobody guesses 32 random bytes.
fn token() -> Result<String, InitError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn files(page: bool) -> Vec<(&'static str, String)> {
        let source = Source::Version("0.1.0".into());
        Project { name: "hello".into(), source, page }.files().unwrap()
    }

    fn text<'a>(files: &'a [(&'static str, String)], path: &str) -> &'a str {
        &files.iter().find(|(name, _)| *name == path).unwrap_or_else(|| panic!("no {path}")).1
    }

    #[test]
    fn nothing_of_the_template_is_left_over() {
        for page in [true, false] {
            for (path, text) in files(page) {
                let left = ["{{name}}", "{{pomelo}}", "{{token}}", PAGE_ONLY, " \n"];
                assert!(!text.is_empty() && left.iter().all(|mark| !text.contains(mark)), "{path}");
            }
        }
    }

    #[test]
    fn json_and_toml_are_what_they_say() {
        for (path, text) in files(true) {
            if path.ends_with(".json") {
                serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            }
            if path.ends_with(".toml") {
                toml::from_str::<toml::Table>(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            }
        }
    }

    #[test]
    fn servers_json_is_read_for_both_environments() {
        let files = files(true);
        let servers = text(&files, "game-server/config/servers.json");
        for env in ["development", "production"] {
            let config = pomelo::config::Config::from_servers(servers, env).unwrap();
            assert_eq!(config.servers[0].client_port, Some(3010));
        }
    }

    #[test]
    fn a_project_for_tcp_has_no_page_and_needs_nothing_for_one() {
        let files = files(false);
        assert!(files.iter().all(|(path, _)| !path.contains("page") && !path.starts_with("web-server")));
        let manifest: toml::Table = toml::from_str(text(&files, "game-server/Cargo.toml")).unwrap();
        assert!(manifest["dependencies"].get("axum").is_none());
        assert!(!text(&files, "game-server/src/main.rs").contains("page"));
    }

    #[test]
    fn every_module_that_the_page_imports_is_there() {
        let files = files(true);
        let scripts = files.iter().filter(|(path, _)| path.ends_with(".js"));
        for (path, script) in scripts {
            let folder = path.rsplit_once('/').unwrap().0;
            for import in script.lines().filter_map(|line| line.split_once(" from './")) {
                let module = import.1.split('\'').next().unwrap();
                text(&files, &format!("{folder}/{module}"));
            }
        }
    }

    #[test]
    fn each_project_has_a_token_of_its_own() {
        let (one, other) = (files(false), files(false));
        let path = "game-server/config/adminServer.json";
        assert_ne!(text(&one, path), text(&other, path));
        let tokens: Value = serde_json::from_str(text(&one, path)).unwrap();
        assert_eq!(tokens[0]["token"].as_str().unwrap().len(), 64);
    }
}
