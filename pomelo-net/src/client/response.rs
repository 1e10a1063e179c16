//! Response: what a server sends for a request, a value or an error's code.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Agreement, BodyError};

/// The code of a response that is none of an error, where there is one; pomelo's own applications write it.
const OK: i64 = 200;

/// The response to a request, not read yet.
#[derive(Debug, Clone)]
pub struct Response {
    pub(super) route: String,
    pub(super) body: Bytes,
    pub(super) agreement: Arc<Agreement>,
}

impl Response {
    /// The route of the request.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The body, as it came.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Reads the body: by the schema of the route, or as JSON.
    ///
    /// # Errors
    /// [`BodyError`] if it is no `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, BodyError> {
        self.agreement.decode(&self.route, &self.body)
    }

    /// The code of an error: an object's whole number `code`, but for 200 and 0.
    ///
    /// An error of a handler is `{"code":…}`, as are a route that isn't there or a server that is down (`{"code":500}`). 200 is how
    /// applications of pomelo say that all is well, and 0 is no error in JavaScript; servers never send it for one.
    pub fn error_code(&self) -> Option<i64> {
        // Only objects have keys, but a list may be read as a struct.
        let is_list = self.body.trim_ascii_start().first() == Some(&b'[');
        let Coded { code } = self.decode::<Coded>().ok().filter(|_| !is_list)?;
        code.as_i64().filter(|code| ![OK, 0].contains(code))
    }
}

#[derive(Deserialize)]
struct Coded {
    #[serde(default)]
    code: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_an_object_with_a_code() {
        for (body, expected) in [
            (r#"{"code":500}"#, Some(500)),
            (r#" {"a":[1,{"code":3}],"code":-1.0}"#, Some(-1)),
            (r#"{"code":200,"users":[]}"#, None),
            (r#"{"code":0}"#, None),
            (r#"{"code":"de"}"#, None),
            (r#"{"users":["code"]}"#, None),
            ("[500]", None),
            ("500", None),
            ("", None),
            ("nonsense", None),
        ] {
            let body = Bytes::from_static(body.as_bytes());
            let response = Response { route: "a.b.c".to_owned(), body, agreement: Arc::default() };
            assert_eq!(response.error_code(), expected, "{response:?}");
        }
    }
}
