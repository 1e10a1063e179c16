//! Bodies: handshakes, and protobuf by a schema with every type.

use pomelo_fuzz::fuzz;
use pomelo_net::protocol::handshake::{Handshake, HandshakeOptions, HandshakeRequest};
use pomelo_net::protocol::protobuf::{Protos, Schema};
use pomelo_net::protocol::text;
use serde_json::{Value, json};

#[test]
fn fuzz_handshake() {
    let samples: [&[u8]; 5] = [
        b"{\"sys\":{\"type\":\"js-websocket\",\"version\":\"0.0.1\",\"rsa\":{},\"protoVersion\":0},\"user\":{}}",
        b"{\"sys\":{\"type\":1,\"dictVersion\":\"x\",\"rsa\":{\"rsa_n\":\"a\",\"rsa_e\":\"b\"}},\"user\":[1.0,\"\\ud83d\"]}",
        b"{\"sys\":null}",
        b"[[[[{\"a\":[1e400,-0,5e0,\"\xed\xa0\xbd\"]}]]]]",
        b"\"\xf0\x9f\x98\x80\xed\xa0\xbd\xed\xb8\x80\xff\"",
    ];
    let handshake = Handshake::new(HandshakeOptions::default()).unwrap();
    fuzz("handshake", &samples, |_, input| {
        assert!(text::decode(input).len() <= 3 * input.len());
        let Ok(request) = HandshakeRequest::parse(input) else { return };
        let answer = handshake.accept(&request, Some(&request.user)).expect("it is short enough");
        assert!(answer.len() > 4);
    });
}

fn schema() -> Schema {
    let point = json!({ "required uInt32 x": 1, "optional sInt32 y": 2 });
    let protos = json!({ "r": {
        "message Point": point,
        "optional uInt32 u": 1,
        "optional int32 i": 2,
        "optional sInt32 s": 3,
        "optional float f": 4,
        "optional double d": 5,
        "optional string t": 6,
        "optional Point p": 7,
        "repeated Point ps": 8,
        "repeated string ts": 9,
        "repeated uInt32 us": 10,
        "repeated double ds": 300,
    } });
    Protos::parse(&protos, &Value::Null).unwrap().server().message("r").unwrap().clone()
}

fn values() -> [Value; 4] {
    [
        json!({}),
        json!({ "u": 4_294_967_296_u64, "i": -1, "s": -70_000, "f": 1.5, "d": -1e300, "t": "pömelo" }),
        json!({ "p": { "x": 1, "y": -2 }, "ps": [{ "x": 3 }, { "x": 300, "y": 0 }], "ts": ["", "a", "bc"] }),
        json!({ "us": [0, 127, 128, 70_000], "ds": [0.5, 1.25], "t": "" }),
    ]
}

#[test]
fn fuzz_protobuf() {
    let schema = schema();
    let samples = values().map(|value| schema.encode(&value).unwrap().to_vec());
    fuzz("protobuf", &samples, |_, input| {
        let Ok(value) = schema.decode::<Value>(input) else { return };
        // What JSON has no number for is null, and can't be written.
        let Ok(written) = schema.encode(&value) else { return };
        let again = schema.decode::<Value>(&written).expect("what was written can be read");
        let written_again = schema.encode(&again).expect("what was written can be written again");
        assert_eq!(written_again, written);
    });
}
