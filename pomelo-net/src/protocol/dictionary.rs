//! The dictionary: routes as numbers, so that a message spends two bytes on its route.

use indexmap::IndexMap;
use serde_json::{Map, Value};
use thiserror::Error;

use super::js;
use super::message::{RouteName, RouteRef};
use super::version::Version;

/// Why there is no dictionary.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DictionaryError {
    /// The user's dictionary is neither an array nor empty.
    #[error("dictionary.json must be an array of routes or {{}}, but it is {0}")]
    NotAnArray(&'static str),
    /// An entry of the user's dictionary is no string.
    #[error("entry {index} of dictionary.json must be a route, but it is {found}")]
    NotARoute {
        /// Which one, from 0.
        index: usize,
        /// What it is instead.
        found: &'static str,
    },
    /// A code has two bytes: there are at most 65,535 of them, from 1.
    #[error("{0} routes are more than a dictionary can number")]
    TooMany(usize),
}

/// Routes and their codes, in both directions, with the fingerprint by which clients remember them.
///
/// ```
/// use pomelo_net::protocol::dictionary::Dictionary;
///
/// // All handlers, sorted whatever their order, then those of dictionary.json, in its order.
/// let handlers = ["gate.gateHandler.queryEntry", "chat.chatHandler.send"];
/// let dictionary = Dictionary::new(handlers, ["onChat"])?;
/// assert_eq!(dictionary.code("chat.chatHandler.send"), Some(1));
/// assert_eq!(dictionary.code("gate.gateHandler.queryEntry"), Some(2));
/// assert_eq!(dictionary.route(3).map(|route| route.as_str().to_owned()).as_deref(), Some("onChat"));
/// # Ok::<(), pomelo_net::protocol::dictionary::DictionaryError>(())
/// ```
///
/// Published clients read `dict` in every handshake where it is used; only those that send a `dictVersion`
/// can be spared it.
#[doc(alias = "useDict")]
#[derive(Debug)]
pub struct Dictionary {
    /// By route, in the order of the codes.
    codes: IndexMap<String, u16>,
    /// By code, less one.
    routes: Vec<RouteName>,
    /// Of the JSON that clients get.
    version: Version,
    /// What a handshake says of it.
    fields: String,
}

impl Dictionary {
    /// Numbers routes from 1: first those of all handlers of all server types (in any order; sorted
    /// here as JavaScript sorts strings), then the user's, as they come.
    ///
    /// A route that comes again gets another code, which is then used to send it; its older code is
    /// still understood. So does pomelo.
    ///
    /// # Errors
    /// [`DictionaryError::TooMany`].
    pub fn new<H, U>(handlers: H, user: U) -> Result<Self, DictionaryError>
    where
        H: IntoIterator<Item: Into<String>>,
        U: IntoIterator<Item: Into<String>>,
    {
        let mut sorted: Vec<String> = handlers.into_iter().map(Into::into).collect();
        sorted.sort_by(|left, right| js::compare(left, right));
        sorted.dedup();
        let all: Vec<String> = sorted.into_iter().chain(user.into_iter().map(Into::into)).collect();
        let mut codes = IndexMap::with_capacity(all.len());
        for (route, code) in all.iter().zip(1_usize..) {
            codes
                .insert(route.clone(), u16::try_from(code).map_err(|_| DictionaryError::TooMany(all.len()))?);
        }
        let dict = dict_json(&codes);
        let version = Version::of(&[&dict]);
        let routes: Vec<RouteName> = all.into_iter().map(RouteName::from).collect();
        let fields = fields_json(&dict, &routes, &version);
        Ok(Self { codes, routes, version, fields })
    }

    /// The user's routes, from the parsed `dictionary.json`: an array of strings; `{}`, also with comments such as `"//"`, or
    /// `null` is none.
    ///
    /// # Errors
    /// [`DictionaryError::NotAnArray`], [`DictionaryError::NotARoute`].
    pub fn user_routes(file: &Value) -> Result<Vec<String>, DictionaryError> {
        let entries = match file {
            Value::Null => return Ok(Vec::new()),
            Value::Object(map) if map.keys().all(|key| !key.starts_with(char::is_alphanumeric)) => {
                return Ok(Vec::new());
            }
            Value::Array(entries) => entries,
            other => return Err(DictionaryError::NotAnArray(js::kind(other))),
        };
        let route = |(index, entry): (usize, &Value)| match entry {
            Value::String(route) => Ok(route.clone()),
            other => Err(DictionaryError::NotARoute { index, found: js::kind(other) }),
        };
        entries.iter().enumerate().map(route).collect()
    }

    /// The route that has this code.
    pub fn route(&self, code: u16) -> Option<&RouteName> {
        self.routes.get(usize::from(code).checked_sub(1)?)
    }

    /// The code of this route.
    pub fn code(&self, route: &str) -> Option<u16> {
        self.codes.get(route).copied()
    }

    /// How to send this route: by code if it has one.
    pub fn compress<'a>(&self, route: &'a str) -> RouteRef<'a> {
        self.code(route).map_or(RouteRef::Name(route), RouteRef::Code)
    }

    /// Its fingerprint: base64 of the MD5 sum of its JSON.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The four fields of a handshake that describe it, as JSON without braces, written once.
    pub(super) fn handshake_fields(&self) -> &str {
        &self.fields
    }
}

fn dict_json(codes: &IndexMap<String, u16>) -> String {
    let mut dict: Map<String, Value> =
        codes.iter().map(|(route, code)| (route.clone(), Value::from(*code))).collect();
    js::order_keys(&mut dict);
    Value::Object(dict).to_string()
}

fn fields_json(dict: &str, routes: &[RouteName], version: &Version) -> String {
    let entry = |(code, route): (usize, &RouteName)| (code.to_string(), Value::from(route.as_str()));
    let by_code = Value::Object((1..).zip(routes).map(entry).collect());
    format!(r#""dict":{dict},"routeToCode":{dict},"codeToRoute":{by_code},"dictVersion":"{version}""#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NONE: [&str; 0] = [];

    #[test]
    fn numbers_handlers_sorted_then_the_users_as_they_come() {
        let dictionary = Dictionary::new(["b.b.b", "a.a.a", "b.b.b"], ["z", "y"]).unwrap();
        let codes: Vec<_> = ["a.a.a", "b.b.b", "z", "y"].map(|route| dictionary.code(route)).into();
        assert_eq!(codes, [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(dictionary.route(2).unwrap().as_str(), "b.b.b");
        assert_eq!((dictionary.route(0), dictionary.route(5)), (None, None));
        assert_eq!(dictionary.compress("z"), RouteRef::Code(3));
        assert_eq!(dictionary.compress("other"), RouteRef::Name("other"));
    }

    #[test]
    fn a_repeated_route_is_understood_by_both_codes() {
        let dictionary = Dictionary::new(["a.a.a"], ["x", "a.a.a"]).unwrap();
        assert_eq!(dictionary.code("a.a.a"), Some(3));
        assert_eq!(dictionary.route(1), dictionary.route(3));
    }

    #[test]
    fn reads_the_users_file() {
        assert_eq!(Dictionary::user_routes(&json!({})), Ok(vec![]));
        assert_eq!(Dictionary::user_routes(&Value::Null), Ok(vec![]));
        assert_eq!(Dictionary::user_routes(&json!(["onChat"])), Ok(vec!["onChat".to_owned()]));
        let refused = Dictionary::user_routes(&json!({ "a": 1 }));
        assert_eq!(refused, Err(DictionaryError::NotAnArray("an object")));
        let refused = Dictionary::user_routes(&json!(["a", 7]));
        assert_eq!(refused, Err(DictionaryError::NotARoute { index: 1, found: "a number" }));
    }

    #[test]
    fn codes_have_two_bytes() {
        let routes = |count: usize| (0..count).map(|n| format!("r{n}"));
        assert_eq!(Dictionary::new(routes(65_535), NONE).unwrap().code("r0"), Some(1));
        assert_eq!(Dictionary::new(routes(65_536), NONE).unwrap_err(), DictionaryError::TooMany(65_536));
    }
}
