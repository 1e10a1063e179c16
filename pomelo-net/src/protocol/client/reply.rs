//! The handshake of a client: its request, and the server's reply as it understands it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::known::Versioned;
use super::routes::Routes;
use super::{Agreement, CloseReason, Known, ReplyError, Settings, schemas};
use crate::protocol::package::{Package, PackageError, PackageKind};
use crate::protocol::protobuf::Protos;
use crate::protocol::text;

/// The code of a handshake that went well.
const OK: u64 = 200;
/// The code of a refusal that names none, as the published clients read it.
const UNNAMED_REFUSAL: u64 = 500;

/// The package that a client begins with.
///
/// # Errors
/// [`PackageError::TooLong`] if `user` doesn't fit a package.
pub(super) fn request(settings: &Settings, known: &Known) -> Result<Bytes, PackageError> {
    let mut sys = Map::new();
    sys.insert("type".to_owned(), settings.client_type.as_str().into());
    sys.insert("version".to_owned(), settings.client_version.as_str().into());
    let versions = [("dictVersion", known.dictionary_version()), ("protoVersion", known.proto_version())];
    for (key, version) in versions {
        if let Some(version) = version {
            sys.insert(key.to_owned(), version.into());
        }
    }
    let body = json!({ "sys": sys, "user": settings.user });
    Package::encode(PackageKind::Handshake, body.to_string().as_bytes())
}

/// What a server answers.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    sys: Option<Sys>,
    #[serde(default)]
    user: Value,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Sys {
    /// Seconds.
    heartbeat: Option<f64>,
    dict: Option<HashMap<String, u16>>,
    /// The same as `dict`; some servers have only this one.
    route_to_code: Option<HashMap<String, u16>>,
    dict_version: Option<String>,
    use_dict: bool,
    protos: Option<Value>,
    use_proto: bool,
}

/// What a reply means, given what the client has already; adds to that what is new.
pub(super) fn agree(body: &[u8], known: &mut Known) -> Result<Agreement, CloseReason> {
    let Reply { code, sys, user } = parse(body)?;
    if code.as_u64() != Some(OK) {
        return Err(CloseReason::Refused { code: code.as_u64().unwrap_or(UNNAMED_REFUSAL), user });
    }
    let mut sys = sys.unwrap_or_default();
    let routes = dictionary(&mut sys, known);
    let protos = protos(&sys, known)?;
    Ok(Agreement { heartbeat: interval(sys.heartbeat), routes, protos, user })
}

fn parse(body: &[u8]) -> Result<Reply, ReplyError> {
    let body = text::decode(body);
    let plain = pomelo_json::from_plain(body.as_bytes());
    Ok(plain.or_else(|_| pomelo_json::from_str(&body))?)
}

fn interval(seconds: Option<f64>) -> Option<Duration> {
    let interval = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    interval.filter(|interval| !interval.is_zero())
}

fn dictionary(sys: &mut Sys, known: &mut Known) -> Arc<Routes> {
    match sys.route_to_code.take().or(sys.dict.take()) {
        Some(codes) => {
            let value = Arc::new(Routes::new(codes));
            if let Some(version) = &sys.dict_version {
                known.dictionary = Some(Versioned { version: version.as_str().into(), value: value.clone() });
            }
            value
        }
        None => {
            let kept = known.dictionary.as_ref().filter(|_| sys.use_dict);
            kept.map(|kept| kept.value.clone()).unwrap_or_default()
        }
    }
}

fn protos(sys: &Sys, known: &mut Known) -> Result<Option<Arc<Protos>>, ReplyError> {
    let Some(protos) = &sys.protos else {
        let kept = known.protos.as_ref().filter(|_| sys.use_proto);
        return Ok(kept.map(|kept| kept.value.clone()));
    };
    let value = Arc::new(schemas::read(protos)?);
    if let Some(version) = protos.get("version").and_then(Value::as_str) {
        known.protos = Some(Versioned { version: version.into(), value: value.clone() });
    }
    Ok(Some(value))
}
