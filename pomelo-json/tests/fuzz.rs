//! Fuzz target of JSON: what `serde_json` reads is read here too, nothing panics, and nesting is bounded.

use pomelo_fuzz::fuzz;
use serde_json::Value;

#[test]
fn fuzz_json() {
    let samples: [&[u8]; 6] = [
        br#"{"a":[1,-2.5e3,"x\ud83d",true,false,null],"b":{"c":{}}}"#,
        br#"[1e400,18446744073709551616,-0,5.0,"\ud83d\ude00"]"#,
        br#""text \" \\ \/ \b\f\n\r\t""#,
        br#" { "k" : 1 , "k" : 2 } "#,
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        b"{\"a\":{\"a\":{\"a\":{\"a\":[",
    ];
    fuzz("json", &samples, |_, input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let ours = pomelo_json::from_str::<Value>(text);
        if serde_json::from_str::<Value>(text).is_ok() {
            assert!(ours.is_ok(), "{ours:?}");
        }
        if let Ok(value) = ours {
            // What is read has a text that is read as the same.
            let written = value.to_string();
            assert_eq!(pomelo_json::from_str::<Value>(&written).unwrap().to_string(), written);
        }
    });
}
