//! Replies: what servers answered to one ask, as its operator gets it.

use std::collections::BTreeSet;

use pomelo_core::value::ServerId;
use pomelo_core::wire::envelope::AskError;
use serde_json::Value;

use crate::status::{Replied, Reply};
use crate::wire::operator::{Answer, Refusal};

/// What the answers of several servers to one ask may have together, so that one frame carries them.
const MAX_REPLIES_BYTES: usize = 6 * 1024 * 1024;

/// The answer to an ask of an admin module. Where all servers were asked, those that have no such module are left out.
///
/// # Errors
/// If all servers that could be asked refuse for the same reason: then it is one error.
pub(crate) fn answer(
    is_of_all: bool,
    module: &str,
    answers: Vec<(ServerId, Result<Value, AskError>)>,
) -> Result<Answer, Refusal> {
    if let Some(refusal) = refused_by_all(answers.iter().map(|(_, answer)| answer), module) {
        return Err(refusal);
    }
    let is_left_out =
        |answer: &Result<Value, AskError>| is_of_all && matches!(answer, Err(AskError::NoSuchModule { .. }));
    let mut room = MAX_REPLIES_BYTES;
    let told = answers.into_iter().filter(|(_, answer)| !is_left_out(answer));
    let replies = told.map(|(id, answer)| Reply {
        id,
        replied: match answer {
            Ok(answer) => fitting(answer, &mut room),
            Err(error) => Replied::Error(error.to_string()),
        },
    });
    Ok(Answer::Replies(replies.collect()))
}

/// An answer, if there is room for it.
fn fitting(answer: Value, room: &mut usize) -> Replied {
    let length = answer.to_string().len();
    match room.checked_sub(length) {
        Some(rest) => {
            *room = rest;
            Replied::Answer(answer)
        }
        None => {
            Replied::Error(format!("its answer of {length} bytes is one too many: ask fewer servers at once"))
        }
    }
}

/// What is in the way of an ask, if that is the same at all servers which could be asked.
fn refused_by_all<'a>(
    answers: impl Iterator<Item = &'a Result<Value, AskError>> + Clone,
    module: &str,
) -> Option<Refusal> {
    let heard =
        answers.filter(|answer| !matches!(answer, Err(error) if error.is_down() || error.is_silence()));
    let is_unknown = |answer: &Result<Value, AskError>| matches!(answer, Err(AskError::NoSuchModule { .. }));
    let denied = |answer: &Result<Value, AskError>| match answer {
        Err(AskError::Denied { needed }) => Some(needed.number()),
        _ => None,
    };
    let known_there = heard.clone().filter(|answer| !is_unknown(answer));
    if let Some(needed) = known_there.clone().find_map(denied) {
        return known_there
            .clone()
            .all(|answer| denied(answer).is_some())
            .then_some(Refusal::Denied { needed });
    }
    let mut known: BTreeSet<&String> = BTreeSet::new();
    for answer in heard.clone() {
        let Err(AskError::NoSuchModule { known: of_server, .. }) = answer else { return None };
        known.extend(of_server);
    }
    let (module, known) = (module.to_owned(), known.into_iter().cloned().collect());
    heard.clone().next().is_some().then_some(Refusal::NoSuchModule { module, known })
}

#[cfg(test)]
mod tests {
    use pomelo_core::value::{Error, ErrorKind, Level};

    use super::*;

    fn unknown(known: &[&str]) -> Result<Value, AskError> {
        let known = known.iter().map(|name| (*name).to_owned()).collect();
        Err(AskError::NoSuchModule { server: "chat-1".into(), module: "m".into(), known })
    }

    fn failed(kind: ErrorKind) -> Result<Value, AskError> {
        Err(Error::of(kind, "why").into())
    }

    #[test]
    fn what_all_servers_refuse_is_one_error_and_the_rest_is_each_servers_own() {
        let denied = || Err(AskError::Denied { needed: Level::Everything });
        let of = |answers: &[Result<Value, AskError>]| {
            refused_by_all(answers.iter(), "m").map(|refusal| match refusal {
                Refusal::NoSuchModule { known, .. } => known.join(" "),
                Refusal::Denied { needed } => needed.to_string(),
                other => panic!("{other:?}"),
            })
        };
        let silent = || failed(ErrorKind::Deadline);
        assert_eq!(of(&[unknown(&["b"]), unknown(&["a", "b"])]).as_deref(), Some("a b"));
        assert_eq!(of(&[unknown(&["a"]), failed(ErrorKind::Refused), silent()]).as_deref(), Some("a"));
        assert_eq!(of(&[unknown(&["a"]), Ok(Value::Null)]), None);
        assert_eq!(of(&[unknown(&["a"]), failed(ErrorKind::Application)]), None);
        assert_eq!(of(&[unknown(&["a"]), denied()]).as_deref(), Some("1"));
        assert_eq!(of(&[denied(), Ok(Value::Null)]), None);
        assert_eq!(of(&[silent(), failed(ErrorKind::Refused)]), None, "nobody knows whether there is one");
    }

    #[test]
    fn an_answer_too_many_is_an_error_of_its_server() {
        let mut room = 10;
        assert_eq!(fitting("1234".into(), &mut room), Replied::Answer("1234".into()));
        assert!(matches!(fitting("1234".into(), &mut room), Replied::Error(why) if why.contains("6 bytes")));
        assert_eq!((fitting(7.into(), &mut room), room), (Replied::Answer(7.into()), 3));
    }
}
