//! A joining server: what was said of it when it was started, over what servers.json has of its id, if anything.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Config;
use crate::value::{Error, ErrorKind, Result, ServerInfo};

impl Config {
    /// What a server is by an entry that was said, such as on its command line, over what servers.json has of its id.
    ///
    /// # Errors
    /// If the id or the type is missing or another one than servers.json has, or a value can't be read.
    pub(crate) fn joining(&self, entry: Map<String, Value>) -> Result<Arc<ServerInfo>> {
        let wrong = |why: &dyn std::fmt::Display| Error::of(ErrorKind::Config, why);
        let id = entry.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if id.is_empty() {
            return Err(wrong(&"the server to run has no id"));
        }
        let listed = self.servers.iter().find(|info| info.id == *id.as_str());
        let listed = listed.map(serde_json::to_value).transpose();
        let mut all = match listed.map_err(|error| wrong(&error))? {
            Some(Value::Object(listed)) => listed,
            _ => Map::new(),
        };
        let (says, said) = (all.get("serverType"), entry.get("serverType"));
        match (says, said) {
            (Some(says), Some(said)) if says != said => {
                let file = &self.servers_file;
                return Err(wrong(&format_args!(
                    "{id} is said to be of type {said}, but {file} has it as {says}"
                )));
            }
            (None, None) => return Err(wrong(&format_args!("nothing says of which type {id} is"))),
            _ => {}
        }
        if entry.contains_key("clientPort") && !entry.contains_key("frontend") && says.is_none() {
            all.insert("frontend".to_owned(), true.into());
        }
        all.extend(entry);
        let info = ServerInfo::read(&all)
            .map_err(|mismatch| wrong(&format_args!("{id}: {}: {}", mismatch.key, mismatch.problem)))?;
        Ok(Arc::new(info))
    }

    /// Puts a server into the list, in place of that of its id.
    pub(crate) fn put(&mut self, info: Arc<ServerInfo>) {
        match self.servers.iter_mut().find(|known| known.id == info.id) {
            Some(known) => *known = info,
            None => self.servers.push(info),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn joining(said: Value) -> Result<Arc<ServerInfo>, String> {
        let file = r#"{ "chat": [{ "id": "chat-1", "host": "10.0.0.1", "port": 4050, "area": 7 }] }"#;
        let config = Config::from_servers(file, "development").unwrap();
        let Value::Object(said) = said else { panic!("an entry") };
        config.joining(said).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_said_goes_before_what_the_file_has() {
        let listed = joining(json!({ "id": "chat-1", "host": "10.0.0.9" })).unwrap();
        assert_eq!((&*listed.host, listed.port, &*listed.server_type), ("10.0.0.9", Some(4050), "chat"));
        assert_eq!(listed.setting("area"), Some(&7.into()));
        let unlisted = joining(json!({ "id": "chat-2", "serverType": "chat", "port": "4051" })).unwrap();
        assert_eq!((&*unlisted.host, unlisted.port, unlisted.frontend), ("127.0.0.1", Some(4051), false));
        let frontend =
            joining(json!({ "id": "c-1", "serverType": "connector", "clientPort": 3050 })).unwrap();
        assert!(frontend.frontend, "clients connect to it");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (said, wants) in [
            (json!({ "serverType": "chat" }), "no id"),
            (json!({ "id": "chat-2" }), "of which type chat-2 is"),
            (json!({ "id": "chat-1", "serverType": "area" }), "said to be of type \"area\""),
            (json!({ "id": "chat-1", "port": 99_999 }), "chat-1: port"),
            (json!({ "id": "chat-1", "host": "a:1" }), "chat-1: host"),
        ] {
            let error = joining(said).unwrap_err();
            assert!(error.contains(wants), "{error}");
        }
    }
}
