//! The address of a handler's method: `serverType.handler.method`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A parsed route, such as `chat.chatHandler.send`. Cheap to clone.
///
/// Its text is what a client sends, or what the dictionary has for the number that it sends. What a server
/// pushes has no such route but a free text.
///
/// ```
/// use pomelo::request::Route;
///
/// let route = Route::parse("chat.chatHandler.send")?;
/// assert_eq!((route.server_type(), route.handler(), route.method()), ("chat", "chatHandler", "send"));
/// assert!(Route::parse("chat.send").is_err());
/// # Ok::<(), pomelo::request::RouteError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Route(Arc<Inner>);

#[derive(PartialEq, Eq, Hash)]
struct Inner {
    /// The whole route.
    text: Box<str>,
    /// Where the dot before the handler is.
    first_dot: usize,
    /// Where the dot before the method is.
    last_dot: usize,
}

impl Route {
    /// Parses `serverType.handler.method`.
    ///
    /// # Errors
    /// If it hasn't exactly three parts, or one is empty.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        let mut dots = text.match_indices('.').map(|(at, _)| at);
        let (Some(first_dot), Some(last_dot), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(RouteError { route: text.to_owned() });
        };
        if first_dot == 0 || last_dot == first_dot + 1 || last_dot + 1 == text.len() {
            return Err(RouteError { route: text.to_owned() });
        }
        Ok(Self(Arc::new(Inner { text: text.into(), first_dot, last_dot })))
    }

    /// The whole route.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The first part: which type of server handles it.
    pub fn server_type(&self) -> &str {
        &self.0.text[..self.0.first_dot]
    }

    /// The second part.
    pub fn handler(&self) -> &str {
        &self.0.text[self.0.first_dot + 1..self.0.last_dot]
    }

    /// The third part.
    pub fn method(&self) -> &str {
        &self.0.text[self.0.last_dot + 1..]
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.text, f)
    }
}

impl Serialize for Route {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A text that is no route of a handler's method.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{route}` is not a route: serverType.handler.method")]
pub struct RouteError {
    route: String,
}

/// The routes that the application's servers have handlers for, parsed once.
#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    all: Arc<Vec<String>>,
    parsed: HashMap<String, Route, RandomState>,
}

impl RouteTable {
    pub(crate) fn new(all: &Arc<Vec<String>>) -> Self {
        let parsed = all.iter().filter_map(|route| Some((route.clone(), Route::parse(route).ok()?)));
        Self { all: all.clone(), parsed: parsed.collect() }
    }

    /// All of them, in no particular order.
    pub(crate) fn all(&self) -> &[String] {
        &self.all
    }

    /// Parses a route; one that is known costs a look-up.
    ///
    /// # Errors
    /// If it isn't of the form `serverType.handler.method`.
    pub(crate) fn parse(&self, route: &str) -> Result<Route, RouteError> {
        match self.parsed.get(route) {
            Some(route) => Ok(route.clone()),
            None => Route::parse(route),
        }
    }

    /// Whether some server has a handler for that route, as far as the application says.
    pub(crate) fn knows(&self, route: &Route) -> bool {
        self.parsed.contains_key(route.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_exactly_three_parts() {
        let route = Route::parse("chat.chatHandler.send").unwrap();
        assert_eq!((route.server_type(), route.handler(), route.method()), ("chat", "chatHandler", "send"));
        for wrong in ["", "chat", "chat.send", "a.b.c.d", ".b.c", "a..c", "a.b."] {
            assert!(Route::parse(wrong).is_err(), "{wrong}");
        }
    }
}
