//! Protobuf: any schema, any value of it, and bytes that are no value of it.

use pomelo_net::protocol::protobuf::{Protos, Schema};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A field's type, with values of it.
#[derive(Debug, Clone)]
enum Kind {
    Scalar(&'static str),
    Message(Vec<Field>),
}

#[derive(Debug, Clone)]
struct Field {
    option: &'static str,
    kind: Kind,
}

fn kinds() -> impl Strategy<Value = Kind> {
    let scalars = prop::sample::select(vec!["uInt32", "int32", "sInt32", "float", "double", "string"]);
    scalars.prop_map(Kind::Scalar).prop_recursive(3, 20, 5, |inner| fields(inner).prop_map(Kind::Message))
}

fn fields(kinds: impl Strategy<Value = Kind>) -> impl Strategy<Value = Vec<Field>> {
    let options = prop::sample::select(vec!["required", "optional", "repeated"]);
    prop::collection::vec((options, kinds).prop_map(|(option, kind)| Field { option, kind }), 0..5)
}

/// The message as it stands in a protos file; fields are called f0, f1, …
fn definition(fields: &[Field]) -> Value {
    let mut message = Map::new();
    for (at, Field { option, kind }) in fields.iter().enumerate() {
        let name = match kind {
            Kind::Scalar(name) => (*name).to_owned(),
            Kind::Message(inner) => {
                message.insert(format!("message M{at}"), definition(inner));
                format!("M{at}")
            }
        };
        message.insert(format!("{option} {name} f{at}"), json!(at * 7 + 1));
    }
    Value::Object(message)
}

fn schema(fields: &[Field]) -> Schema {
    let protos = Protos::parse(&json!({ "r": definition(fields) }), &Value::Null).unwrap();
    protos.server().message("r").unwrap().clone()
}

fn values(fields: Vec<Field>) -> BoxedStrategy<Value> {
    let members: Vec<_> = fields.into_iter().enumerate().map(|(at, field)| member(at, field)).collect();
    let object =
        |members: Vec<Option<(String, Value)>>| Value::Object(members.into_iter().flatten().collect());
    members.prop_map(object).boxed()
}

fn member(at: usize, Field { option, kind }: Field) -> BoxedStrategy<Option<(String, Value)>> {
    let most = if matches!(kind, Kind::Scalar(_)) { 200 } else { 4 };
    let one = match kind {
        Kind::Scalar("uInt32") => (0..1_u64 << 53).prop_map(Value::from).boxed(),
        Kind::Scalar("int32" | "sInt32") => (-(1_i64 << 53) + 1..1_i64 << 53).prop_map(Value::from).boxed(),
        Kind::Scalar("float") => (-1e9_f32..1e9).prop_map(Value::from).boxed(),
        Kind::Scalar("double") => (-1e300_f64..1e300).prop_map(Value::from).boxed(),
        Kind::Scalar(_) => any::<String>().prop_map(Value::from).boxed(),
        Kind::Message(fields) => values(fields),
    };
    let value = match option {
        "required" => one.prop_map(Some).boxed(),
        "optional" => prop::option::of(one).boxed(),
        // An empty array is not written, so it would come back as none.
        _ => prop::option::of(prop::collection::vec(one, 1..most).prop_map(Value::from)).boxed(),
    };
    value.prop_map(move |value| value.map(|value| (format!("f{at}"), value))).boxed()
}

fn schemas_and_values() -> impl Strategy<Value = (Schema, Value)> {
    fields(kinds()).prop_flat_map(|fields| (Just(schema(&fields)), values(fields)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_value_of_any_schema_comes_back((schema, value) in schemas_and_values()) {
        let written = schema.encode(&value).unwrap();
        prop_assert_eq!(schema.decode::<Value>(&written).unwrap(), value);
    }

    #[test]
    fn changed_bytes_are_survived(
        (schema, value) in schemas_and_values(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end: prop::sample::Index,
    ) {
        let mut written = schema.encode(&value).unwrap().to_vec();
        prop_assume!(!written.is_empty());
        for (at, byte) in changes {
            let at = at.index(written.len());
            written[at] = byte;
        }
        written.truncate(end.index(written.len()) + 1);
        let _ = schema.decode::<Value>(&written);
    }

    #[test]
    fn noise_is_survived(
        fields in fields(kinds()),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = schema(&fields).decode::<Value>(&noise);
    }
}
