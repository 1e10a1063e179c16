//! The handshake reply: the server's half.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::HandshakeRequest;
use crate::protocol::dictionary::Dictionary;
use crate::protocol::js;
use crate::protocol::package::{Package, PackageError, PackageKind};
use crate::protocol::protobuf::Protos;

/// What clients are told.
///
/// ```
/// use std::time::Duration;
/// use pomelo_net::protocol::handshake::{Handshake, HandshakeOptions, HandshakeRequest};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let options = HandshakeOptions { heartbeat: Some(Duration::from_secs(3)), ..Default::default() };
/// let client = HandshakeRequest::parse(br#"{"sys":{"type":"js-websocket","version":"0.0.1"}}"#)?;
/// let answer = Handshake::new(options)?.accept(&client, None)?;
/// assert_eq!(&answer[4..], br#"{"code":200,"sys":{"heartbeat":3}}"#);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct HandshakeOptions {
    /// How often clients should say that they are there; left out if none. Whole seconds are best:
    /// clients read a number of seconds, and not all of them expect a fraction.
    pub heartbeat: Option<Duration>,
    /// Routes as numbers, if used.
    pub dictionary: Option<Arc<Dictionary>>,
    /// Bodies in protobuf, if used.
    pub protos: Option<Arc<Protos>>,
}

/// The server's side of the handshake: its answers, which are the same for nearly all clients and
/// written once.
#[derive(Debug)]
pub struct Handshake {
    /// What there is to tell.
    options: HandshakeOptions,
    /// By what the client has already: neither, the dictionary, the protos, both.
    answers: [Bytes; 4],
}

impl Handshake {
    /// Prepares the answers.
    ///
    /// # Errors
    /// [`PackageError::TooLong`] if dictionary and protos don't fit one package.
    pub fn new(options: HandshakeOptions) -> Result<Self, PackageError> {
        let answer = |dictionary, protos| write(&options, Known { dictionary, protos }, None);
        let answers =
            [answer(false, false)?, answer(true, false)?, answer(false, true)?, answer(true, true)?];
        Ok(Self { options, answers })
    }

    /// What was given to [`Handshake::new`].
    pub fn options(&self) -> &HandshakeOptions {
        &self.options
    }

    /// The package that accepts a client: `{code:200, sys:{heartbeat?, dict?, routeToCode?, codeToRoute?,
    /// dictVersion?, useDict?, protos?, useProto?}, user?}`, keys in this order.
    ///
    /// A matching `dictVersion` drops the four fields of the dictionary, a matching `protoVersion` drops
    /// `protos`; the `use…` flags stay. `user` is the application's answer to the client's `user`; `null` is left out.
    ///
    /// # Errors
    /// [`PackageError::TooLong`] if `user` makes it exceed a package.
    pub fn accept(&self, request: &HandshakeRequest, user: Option<&Value>) -> Result<Bytes, PackageError> {
        self.answer(self.known(request), user)
    }

    /// What this client has already.
    pub(in crate::protocol) fn known(&self, request: &HandshakeRequest) -> Known {
        let HandshakeOptions { dictionary, protos, .. } = &self.options;
        let (dict, proto) = (request.dict_version.as_deref(), request.proto_version.as_deref());
        Known {
            dictionary: dictionary.as_ref().is_some_and(|dictionary| dictionary.version().matches(dict)),
            protos: protos.as_ref().is_some_and(|protos| protos.version().matches(proto)),
        }
    }

    /// The package that accepts a client who has this already.
    pub(in crate::protocol) fn answer(
        &self,
        known: Known,
        user: Option<&Value>,
    ) -> Result<Bytes, PackageError> {
        let [none, dictionary, protos, both] = &self.answers;
        let user = user.filter(|user| !user.is_null());
        match (user, known.dictionary, known.protos) {
            (Some(_), ..) => write(&self.options, known, user),
            (None, false, false) => Ok(none.clone()),
            (None, true, false) => Ok(dictionary.clone()),
            (None, false, true) => Ok(protos.clone()),
            (None, true, true) => Ok(both.clone()),
        }
    }
}

/// What a client has already, and is not sent again.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::protocol) struct Known {
    /// It sent the version of this dictionary.
    dictionary: bool,
    /// It sent the version of these schemas.
    protos: bool,
}

/// The package that refuses a client: `{"code":…}`, 500 for a handshake that can't be read or that the
/// application refuses, 501 for a client whose type or version is not served. The server closes next.
pub(in crate::protocol) fn refusal(code: u16) -> Bytes {
    let body = json!({ "code": code }).to_string();
    Package::encode(PackageKind::Handshake, body.as_bytes()).unwrap_or_default()
}

fn write(options: &HandshakeOptions, known: Known, user: Option<&Value>) -> Result<Bytes, PackageError> {
    let mut sys = Vec::new();
    if let Some(heartbeat) = options.heartbeat {
        sys.push(format!(r#""heartbeat":{}"#, seconds(heartbeat)));
    }
    if let Some(dictionary) = &options.dictionary {
        if !known.dictionary {
            sys.push(dictionary.handshake_fields().to_owned());
        }
        sys.push(r#""useDict":true"#.to_owned());
    }
    if let Some(protos) = &options.protos {
        if !known.protos {
            sys.push(format!(r#""protos":{}"#, protos.json()));
        }
        sys.push(r#""useProto":true"#.to_owned());
    }
    let user = user.map(|user| format!(r#","user":{user}"#)).unwrap_or_default();
    let body = format!(r#"{{"code":200,"sys":{{{}}}{user}}}"#, sys.join(","));
    Package::encode(PackageKind::Handshake, &js::escape_astral(body.as_bytes()))
}

fn seconds(duration: Duration) -> Value {
    match duration.subsec_nanos() {
        0 => Value::from(duration.as_secs()),
        _ => Value::from(duration.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(package: &Bytes) -> &str {
        str::from_utf8(&package[4..]).unwrap()
    }

    #[test]
    fn says_nothing_that_is_not_configured() {
        let handshake = Handshake::new(HandshakeOptions::default()).unwrap();
        let answer = handshake.accept(&HandshakeRequest::default(), None).unwrap();
        assert_eq!(body(&answer), r#"{"code":200,"sys":{}}"#);
    }

    #[test]
    fn writes_heartbeat_in_seconds_and_the_applications_answer() {
        let options = |millis| HandshakeOptions {
            heartbeat: Some(Duration::from_millis(millis)),
            ..HandshakeOptions::default()
        };
        let answer = |millis| {
            let handshake = Handshake::new(options(millis)).unwrap();
            handshake.accept(&HandshakeRequest::default(), Some(&json!({ "a": "é" }))).unwrap()
        };
        assert_eq!(body(&answer(3000)), r#"{"code":200,"sys":{"heartbeat":3},"user":{"a":"é"}}"#);
        assert_eq!(body(&answer(500)), r#"{"code":200,"sys":{"heartbeat":0.5},"user":{"a":"é"}}"#);
    }

    #[test]
    fn an_answer_of_nothing_is_left_out_and_emoji_are_escaped() {
        let handshake = Handshake::new(HandshakeOptions::default()).unwrap();
        let answer = |user| handshake.accept(&HandshakeRequest::default(), Some(&user)).unwrap();
        assert_eq!(body(&answer(Value::Null)), r#"{"code":200,"sys":{}}"#);
        assert_eq!(body(&answer(json!("好😀"))), r#"{"code":200,"sys":{},"user":"好\ud83d\ude00"}"#);
    }

    #[test]
    fn a_known_dictionary_is_not_sent_again() {
        let dictionary = Arc::new(Dictionary::new(["a.b.c"], ["onChat"]).unwrap());
        let version = dictionary.version().to_string();
        let options = HandshakeOptions { dictionary: Some(dictionary), ..HandshakeOptions::default() };
        let handshake = Handshake::new(options).unwrap();
        let known = HandshakeRequest { dict_version: Some(version.clone()), ..HandshakeRequest::default() };
        let answer = handshake.accept(&known, None).unwrap();
        assert_eq!(body(&answer), r#"{"code":200,"sys":{"useDict":true}}"#);
        let answer = handshake.accept(&HandshakeRequest::default(), None).unwrap();
        let dict = r#"{"a.b.c":1,"onChat":2}"#;
        let expected = format!(
            r#"{{"code":200,"sys":{{"dict":{dict},"routeToCode":{dict},"codeToRoute":{{"1":"a.b.c","2":"onChat"}},"dictVersion":"{version}","useDict":true}}}}"#
        );
        assert_eq!(body(&answer), expected);
    }

    #[test]
    fn a_refusal_is_its_code() {
        assert_eq!(body(&refusal(501)), r#"{"code":501}"#);
    }
}
