//! Types from texts that `serde_json` refuses.

use std::collections::BTreeMap;

use pomelo_json::{Error, MAX_DEPTH, SyntaxError, from_plain, from_str, from_value};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Unit {
    id: u64,
    kind: i8,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    target: Option<Box<Unit>>,
    #[serde(default)]
    path: Vec<(i32, i32)>,
    #[serde(default)]
    items: BTreeMap<u32, Item>,
    #[serde(default)]
    speed: f64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Item {
    None,
    Sword(u16),
    Pair(u8, u8),
    Stack { count: u32 },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u32),
    Text(String),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Move { x: i32 },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Flat {
    #[serde(flatten)]
    unit: Simple,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Simple {
    n: u8,
    #[serde(default)]
    f: f32,
}

#[test]
fn a_whole_number_may_be_written_as_a_float_anywhere() {
    let text = r#"{
        "id": 7.0, "kind": -5e0, "name": "x", "speed": 2, "path": [[1.0, 2e0], [-0, 10e-1]],
        "target": {"id": 9007199254740991.0, "kind": 0.0, "target": null},
        "items": {"1": "None", "2": {"Sword": 3.0}, "3": {"Pair": [1e0, 2.0]}, "4": {"Stack": {"count": 4.0}}}
    }"#;
    assert!(serde_json::from_str::<Unit>(text).is_err());
    let unit: Unit = from_str(text).unwrap();
    let target = Unit { id: 9_007_199_254_740_991, ..Unit::default() };
    let items = [(1, Item::None), (2, Item::Sword(3)), (3, Item::Pair(1, 2)), (4, Item::Stack { count: 4 })];
    let expected = Unit {
        id: 7,
        kind: -5,
        name: Some("x".into()),
        target: Some(Box::new(target)),
        path: vec![(1, 2), (0, 1)],
        items: items.into(),
        speed: 2.0,
    };
    assert_eq!(unit, expected);
}

#[test]
fn a_whole_number_is_one_also_where_nothing_else_is_unusual() {
    let text =
        r#"{"id": 7.0, "kind": -5e0, "speed": 2.0, "path": [[1.0, 2]], "items": {"2": {"Pair": [1.0, 2]}}}"#;
    assert_eq!(from_plain::<Unit>(text.as_bytes()).unwrap(), from_str::<Unit>(text).unwrap());
    assert_eq!(from_plain::<Vec<Either>>(b"[1.0]").unwrap(), [Either::Number(1)]);
    assert_eq!(
        from_plain::<Flat>(br#"{"n": 3.0, "f": 2.0}"#).unwrap(),
        Flat { unit: Simple { n: 3, f: 2.0 } }
    );
    let value: Value =
        from_plain(br#"{"a": [1.0, -2e0, 1.5, -0.0], "b": {"c": 9007199254740992.0}}"#).unwrap();
    assert_eq!(value.to_string(), r#"{"a":[1,-2,1.5,-0.0],"b":{"c":9007199254740992.0}}"#);
    for refused in ["1.0 x", "1.", r#""\ud83d""#, "1.5"] {
        assert!(from_plain::<u32>(refused.as_bytes()).is_err(), "{refused}");
    }
    // A text is not copied where none has to be.
    assert_eq!(from_plain::<&str>(br#""a""#).unwrap(), "a");
}

#[test]
fn also_where_serde_keeps_it_until_it_knows_the_type() {
    assert_eq!(
        from_str::<Vec<Either>>(r#"[1.0, "a"]"#).unwrap(),
        [Either::Number(1), Either::Text("a".into())]
    );
    assert_eq!(from_str::<Tagged>(r#"{"type": "Move", "x": -3.0}"#).unwrap(), Tagged::Move { x: -3 });
    assert_eq!(from_str::<Flat>(r#"{"n": 3.0, "f": 2.0}"#).unwrap(), Flat { unit: Simple { n: 3, f: 2.0 } });
}

#[test]
fn what_is_no_integer_is_an_error_that_names_the_field() {
    for (text, error) in [
        (r#"{"id": 1.5, "kind": 0}"#, "id: invalid type: floating point `1.5`, expected u64"),
        (r#"{"id": -1.0, "kind": 0}"#, "id: invalid value: integer `-1`, expected u64"),
        (
            r#"{"id": 9007199254740992.0, "kind": 0}"#,
            "id: invalid type: floating point `9007199254740992.0`, expected u64",
        ),
        (r#"{"id": 1e400, "kind": 0}"#, "id: invalid type: floating point `inf`, expected u64"),
        (r#"{"id": 1, "kind": 200.0}"#, "kind: invalid value: integer `200`, expected i8"),
        (
            r#"{"id": 1, "kind": 0, "path": [[1, 2], [1, 2.5]]}"#,
            "path[1][1]: invalid type: floating point `2.5`, expected i32",
        ),
        (
            r#"{"id": 1, "kind": 0, "path": [[1, 2, 3]]}"#,
            "path[0]: invalid length 3, expected fewer elements in array",
        ),
        (r#"{"id": 1, "kind": 0, "target": {"id": 1}}"#, "target: missing field `kind`"),
        (
            r#"{"id": 1, "kind": 0, "items": {"x": "None"}}"#,
            "items.x: invalid type: string \"x\", expected u32",
        ),
        (
            r#"{"id": 1, "kind": 0, "items": {"1": {"Sword": "no"}}}"#,
            "items.1.Sword: invalid type: string \"no\", expected u16",
        ),
        (
            r#"{"id": 1, "kind": 0, "items": {"1": {"None": 5}}}"#,
            "items.1.None: invalid type: integer `5`, expected unit variant",
        ),
        (
            r#"{"id": 1, "kind": 0, "items": {"1": "Bow"}}"#,
            "items.1: unknown variant `Bow`, expected one of `None`, `Sword`, `Pair`, `Stack`",
        ),
        ("[]", "invalid length 0, expected struct Unit with 7 elements"),
        ("7", "invalid type: integer `7`, expected struct Unit"),
    ] {
        assert_eq!(from_str::<Unit>(text).unwrap_err().to_string(), error);
    }
}

#[test]
fn integers_keep_all_their_digits() {
    let text = format!(r#"{{"id": {}, "kind": 1.0}}"#, u64::MAX);
    assert_eq!(from_str::<Unit>(&text).unwrap().id, u64::MAX);
    assert_eq!(from_str::<i64>("-9223372036854775808").unwrap(), i64::MIN);
    assert_eq!(from_str::<i128>("18446744073709551615").unwrap(), i128::from(u64::MAX));
}

#[test]
fn too_large_a_number_is_infinite() {
    assert_eq!(from_str::<Vec<f64>>("[1e400, -1e400]").unwrap(), [f64::INFINITY, f64::NEG_INFINITY]);
    assert_eq!(from_str::<f64>(&"9".repeat(400)).unwrap(), f64::INFINITY);
    assert_eq!(from_str::<Value>("[1e400, 1]").unwrap(), json!([null, 1]));
}

#[test]
fn half_an_emoji_is_one_replacement_in_texts_and_keys() {
    let read = from_str::<BTreeMap<String, String>>(
        r#"{"\ud83d": "a\ud83d", "\ud83d\ude00": "\ude00b\ud83d\ude00"}"#,
    );
    let expected =
        [("\u{fffd}", "a\u{fffd}"), ("😀", "\u{fffd}b😀")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(read.unwrap(), expected.into());
}

#[test]
fn of_a_key_that_comes_twice_the_last_value_counts() {
    assert_eq!(from_str::<Simple>(r#"{"n": 1, "f": 2, "n": 3}"#).unwrap(), Simple { n: 3, f: 2.0 });
    let value: Value = from_str(r#"{"b": 1, "a": 2, "b": 3}"#).unwrap();
    assert_eq!(value.to_string(), r#"{"b":3,"a":2}"#);
}

#[test]
fn nesting_has_a_limit_that_fits_the_stack_of_a_thread() {
    #[derive(Debug, Deserialize)]
    struct Nested {
        #[serde(default)]
        children: Vec<Nested>,
    }
    let arrays = |depth| "[".repeat(depth) + &"]".repeat(depth);
    let objects = |depth| r#"{"children":["#.repeat(depth / 2) + &"]}".repeat(depth / 2);
    // The stack of tokio's workers, and of the threads of tests.
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || {
        let value: Value = from_str(&arrays(MAX_DEPTH)).unwrap();
        assert_eq!(value.to_string(), arrays(MAX_DEPTH));
        assert_eq!(from_value::<Value>(&value).unwrap(), value);
        assert_eq!(value.clone(), value);
        let nested: Nested = from_str(&objects(MAX_DEPTH)).unwrap();
        assert_eq!(nested.children.len(), 1);
        for text in [
            arrays(MAX_DEPTH + 1),
            objects(MAX_DEPTH + 2),
            "[".repeat(1_000_000),
            r#"{"a":"#.repeat(1_000_000),
        ] {
            assert!(from_str::<Value>(&text) == Err(Error::Syntax(SyntaxError::TooDeep)));
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn a_setting_is_a_whole_number_also_if_it_is_a_float() {
    assert_eq!(from_value::<u32>(&json!(5.0)).unwrap(), 5);
    assert_eq!(from_value::<Vec<Option<i8>>>(&json!([-1.0, null])).unwrap(), [Some(-1), None]);
    assert_eq!(from_value::<Value>(&json!(5.0)).unwrap(), json!(5.0));
    let error = from_value::<Simple>(&json!({ "n": 1.5 })).unwrap_err();
    assert_eq!(error.to_string(), "n: invalid type: floating point `1.5`, expected u8");
}

#[test]
fn a_path_is_shown_no_longer_than_anybody_reads() {
    let text = format!(r#"{{"{}": 0.5}}"#, "k".repeat(100_000)).repeat(1);
    let error = from_str::<BTreeMap<String, u8>>(&text).unwrap_err().to_string();
    assert!(error.len() < 200, "{error}");
    let deep = "[".repeat(900) + "0.5" + &"]".repeat(900);
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum Never {}
    assert!(from_str::<Vec<Vec<Vec<Never>>>>(&deep).unwrap_err().to_string().len() < 300);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(".*", inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in value()) {
        let ours: Value = from_str(&value.to_string()).unwrap();
        let theirs: Value = serde_json::from_str(&value.to_string()).unwrap();
        // As text, since a float that is whole has become an integer.
        prop_assert_eq!(ours.to_string().replace(".0", ""), theirs.to_string().replace(".0", ""));
    }

    #[test]
    fn no_text_panics(text in ".*", cut in 0_usize..100) {
        let _ = from_str::<Value>(&text);
        let _ = from_str::<Unit>(&text);
        let json = json!({ "a": [text, { "b": 1.5 }] }).to_string();
        let cut: String = json.chars().take(cut).collect();
        let _ = from_str::<Value>(&cut);
    }
}
