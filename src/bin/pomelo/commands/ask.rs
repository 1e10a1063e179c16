//! `pomelo ask`.

use std::time::Duration;

use serde_json::Value;

use super::render;
use crate::admin::{Replied, Reply, Which};
use crate::cli::Ask;
use crate::failure::Failure;
use crate::output::Done;
use crate::table::{self, Tone, cell};

/// Asks an admin module of servers, and shows what each answers. An answer that is missing is a failure.
pub async fn run(ask: &Ask) -> Result<Done, Failure> {
    let body = body_of(ask.body.as_deref())?;
    let to = match (&ask.server_type, ask.ids.as_slice()) {
        (Some(server_type), _) => Some(Which::Type(server_type.clone())),
        (None, []) => None,
        (None, ids) => Some(Which::Ids(ids.to_vec())),
    };
    let operator = &ask.operator;
    let admin = operator.connect().await?;
    let replies = admin.ask_module(to, &ask.module, body, Duration::from_secs(ask.timeout)).await;
    let replies = replies.map_err(|error| operator.failed(error))?;
    let ok = replies.iter().all(|reply| matches!(reply.replied, Replied::Answer(_)));
    Ok(Done { text: render(operator, &replies, || text_of(&replies, false)), ok })
}

/// JSON; `null` if there is none.
fn body_of(text: Option<&str>) -> Result<Value, Failure> {
    let Some(text) = text else { return Ok(Value::Null) };
    serde_json::from_str(text).map_err(|error| Failure::Usage(format!("--body `{text}` is no JSON: {error}")))
}

/// What people read: a line for each server; under it what is longer than a line.
fn text_of(replies: &[Reply], plain: bool) -> String {
    let is_short = |reply: &Reply| match &reply.replied {
        Replied::Answer(answer) => !matches!(answer, Value::Array(_) | Value::Object(_)),
        Replied::Error(_) => true,
    };
    if replies.iter().all(is_short) {
        let rows = replies.iter().map(|reply| {
            let (text, tone) = match &reply.replied {
                Replied::Answer(answer) => (short(answer), Tone::Plain),
                Replied::Error(why) => (why.clone(), Tone::Bad),
            };
            [cell(&*reply.id, Tone::Plain), cell(text, tone)]
        });
        let mut table = table::headless(rows);
        if plain {
            table.force_no_tty();
        }
        return if replies.is_empty() { String::new() } else { table::render(&table) };
    }
    let long = |reply: &Reply| match &reply.replied {
        Replied::Answer(answer) => format!("{}:\n{answer:#}\n", reply.id),
        Replied::Error(why) => format!("{}: {why}\n", reply.id),
    };
    replies.iter().map(long).collect::<Vec<_>>().join("\n")
}

/// A text without its quotes; `ok` where there is nothing to say.
fn short(answer: &Value) -> String {
    match answer {
        Value::Null => "ok".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn replies(answers: Value) -> Vec<Reply> {
        serde_json::from_value(answers).unwrap()
    }

    #[test]
    fn short_answers_are_a_line_each_and_long_ones_follow_their_servers_name() {
        let short = json!([{ "id": "chat-1", "answer": 3 }, { "id": "chat-10", "answer": null },
            { "id": "chat-2", "error": "chat-2 is down" }]);
        let wanted = "chat-1   3\nchat-10  ok\nchat-2   chat-2 is down\n";
        assert_eq!(text_of(&replies(short), true), wanted);
        let long =
            json!([{ "id": "chat-1", "answer": ["ann"] }, { "id": "chat-2", "error": "chat-2 is down" }]);
        assert_eq!(text_of(&replies(long), true), "chat-1:\n[\n  \"ann\"\n]\n\nchat-2: chat-2 is down\n");
    }

    #[test]
    fn a_body_is_json() {
        assert_eq!(body_of(None).unwrap(), Value::Null);
        assert_eq!(body_of(Some("{\"uid\": 7}")).unwrap(), json!({ "uid": 7 }));
        let error = body_of(Some("uid=7")).unwrap_err().to_string();
        assert!(error.starts_with("--body `uid=7` is no JSON"), "{error}");
    }
}
