//! The arguments of `pomelo add`: the entry of a new server.

use serde_json::{Map, Value};

use crate::failure::Failure;

/// An entry as in servers.json, with the type, of arguments like `port=6051`.
///
/// # Errors
/// If one isn't like that, or something that every server has is missing.
pub fn parse(arguments: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut entry = Map::new();
    for argument in arguments {
        let Some((key, text)) = argument.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Failure::Usage(format!("`{argument}` isn't like key=value")));
        };
        if entry.insert(key.to_owned(), value(text)).is_some() {
            return Err(Failure::Usage(format!("`{key}` is given twice")));
        }
    }
    let missing = missing(&entry);
    if missing.is_empty() {
        return Ok(entry);
    }
    Err(Failure::Usage(format!(
        "Miss necessary server parameters. These are missing: {}",
        missing.join(", ")
    )))
}

/// Whole numbers, true and false are what they look like; anything else is text.
fn value(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
    }
}

fn missing(entry: &Map<String, Value>) -> Vec<&'static str> {
    // A gate is only for clients, and has no port for servers.
    let needed: [(&[&str], &str); 4] = [
        (&["serverType"], "serverType"),
        (&["id", "clusterCount"], "id (or clusterCount)"),
        (&["host"], "host"),
        (&["port", "clientPort"], "port (or clientPort)"),
    ];
    let lacks = |keys: &[&str]| !keys.iter().any(|key| entry.get(*key).is_some_and(|value| *value != ""));
    needed.into_iter().filter(|(keys, _)| lacks(keys)).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(line: &str) -> Result<Value, String> {
        let arguments: Vec<_> = line.split(' ').map(str::to_owned).collect();
        parse(&arguments).map(Value::Object).map_err(|failure| failure.to_string())
    }

    #[test]
    fn numbers_and_truths_are_recognized() {
        let entry = parsed("id=c-1 serverType=connector host=10.0.0.7 port=4050 frontend=true args=a=b");
        let wanted = json!({"id": "c-1", "serverType": "connector", "host": "10.0.0.7", "port": 4050, "frontend": true, "args": "a=b"});
        assert_eq!(entry, Ok(wanted));
    }

    #[test]
    fn a_cluster_needs_no_id() {
        let entry = parsed("clusterCount=2 serverType=chat host=127.0.0.1 port=6053++").unwrap();
        assert_eq!((&entry["clusterCount"], &entry["port"]), (&json!(2), &json!("6053++")));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = parsed("id=chat-1 port=1 host=").unwrap_err();
        assert_eq!(error, "Miss necessary server parameters. These are missing: serverType, host");
        let error = parsed("serverType=gate host=h").unwrap_err();
        assert!(error.ends_with(": id (or clusterCount), port (or clientPort)"), "{error}");
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(parsed("id").unwrap_err(), "`id` isn't like key=value");
        assert_eq!(parsed("=3").unwrap_err(), "`=3` isn't like key=value");
        assert_eq!(parsed("id=1 id=2").unwrap_err(), "`id` is given twice");
    }
}
