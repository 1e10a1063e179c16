//! The dictionary as a client has it: the numbers that a server gave to routes.

use std::collections::HashMap;

use crate::protocol::message::{RouteName, RouteRef};

/// Routes and their codes, in both directions. Unlike a server's
/// [`Dictionary`](crate::protocol::dictionary::Dictionary), it takes whatever numbers it is told.
#[derive(Debug, Default)]
pub(super) struct Routes {
    codes: HashMap<String, u16>,
    names: HashMap<u16, RouteName>,
}

impl Routes {
    pub(super) fn new(codes: HashMap<String, u16>) -> Self {
        let names = codes.iter().map(|(name, code)| (*code, RouteName::from(name.as_str()))).collect();
        Self { codes, names }
    }

    /// The route that has this code.
    pub(super) fn name(&self, code: u16) -> Option<&RouteName> {
        self.names.get(&code)
    }

    /// How to send a route: by code if it has one.
    pub(super) fn compress<'a>(&self, route: &'a str) -> RouteRef<'a> {
        self.codes.get(route).map_or(RouteRef::Name(route), |code| RouteRef::Code(*code))
    }

    /// The name of a route to remember; what the dictionary has is shared.
    pub(super) fn remember(&self, route: &str) -> RouteName {
        let known = self.codes.get(route).and_then(|code| self.name(*code));
        known.filter(|name| name.as_str() == route).cloned().unwrap_or_else(|| route.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_routes_of_one_code_are_both_sent_by_it() {
        let routes = Routes::new([("a.b.c".to_owned(), 7), ("a.b.d".to_owned(), 7)].into());
        for route in ["a.b.c", "a.b.d"] {
            assert_eq!(routes.compress(route), RouteRef::Code(7));
            assert_eq!(routes.remember(route).as_str(), route);
        }
        assert_eq!(routes.compress("x"), RouteRef::Name("x"));
        assert!(routes.name(7).is_some() && routes.name(8).is_none());
    }
}
