//! Facts of Node's `JSON.parse` about odd texts, and that ours are the same. `tests/interop/json-facts.mjs` has written the facts.

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Fact {
    text: String,
    /// None if it is refused; of `null`, `Some(Null)`.
    #[serde(default, deserialize_with = "some")]
    value: Option<Value>,
}

fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn facts() -> Vec<Fact> {
    serde_json::from_str(include_str!("facts.json")).unwrap()
}

/// Whether they are the same to JavaScript, where all numbers are floats.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => ours.as_f64() == theirs.as_f64(),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            let has = |(key, value)| theirs.get(key).is_some_and(|theirs| same(value, theirs));
            ours.len() == theirs.len() && ours.iter().all(has)
        }
        (ours, theirs) => ours == theirs,
    }
}

#[test]
fn what_json_parse_takes_is_taken_and_means_the_same() {
    let facts = facts();
    let taken: Vec<_> = facts.iter().filter_map(|fact| Some((&fact.text, fact.value.as_ref()?))).collect();
    assert!(taken.len() > 500);
    for (text, theirs) in taken {
        let ours = pomelo_json::from_str::<Value>(text);
        assert!(ours.as_ref().is_ok_and(|ours| same(ours, theirs)), "{text:?}: {ours:?} for {theirs}");
    }
}

#[test]
fn what_json_parse_refuses_is_refused() {
    let facts = facts();
    let refused: Vec<_> = facts.iter().filter(|fact| fact.value.is_none()).collect();
    assert!(refused.len() > 200);
    for Fact { text, .. } in refused {
        let ours = pomelo_json::from_str::<Value>(text);
        assert!(matches!(ours, Err(pomelo_json::Error::Syntax(_))), "{text:?}: {ours:?}");
    }
}

/// Then it makes no difference which of them has read a text.
#[test]
fn what_serde_json_takes_means_the_same() {
    for Fact { text, .. } in facts() {
        if let Ok(theirs) = serde_json::from_str::<Value>(&text) {
            let ours = pomelo_json::from_str::<Value>(&text).unwrap();
            assert!(same(&ours, &theirs), "{text:?}: {ours} for {theirs}");
            let plain = pomelo_json::from_plain::<Value>(text.as_bytes()).unwrap();
            assert_eq!(plain.to_string(), ours.to_string(), "{text:?}");
        }
    }
}
