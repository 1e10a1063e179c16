//! The request that became a websocket, as far as an application wants to know it.

use httparse::Request;

/// The path, the query and the header fields of an upgrade. No longer than the limits of [`UpgradeRules`](super::UpgradeRules).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct UpgradeRequest {
    /// The path as it was sent, such as `/game`; percent signs are not decoded.
    pub path: String,
    /// What follows the question mark.
    pub query: Query,
    /// The header fields.
    pub headers: Headers,
}

impl UpgradeRequest {
    pub(super) fn new(request: &Request<'_, '_>) -> Self {
        let target = request.path.unwrap_or_default();
        // A proxy may ask for all of an address.
        let path = match target.split_once("://") {
            Some((_, rest)) if !target.starts_with('/') => {
                rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
            }
            _ => target,
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.trim_ascii()).into();
        let fields = request.headers.iter().map(|field| (field.name.into(), text(field.value)));
        Self { path: path.to_owned(), query: Query(query.to_owned()), headers: Headers(fields.collect()) }
    }
}

/// The query of a request: `token=abc&room=5`.
///
/// It is what a page can say before any protocol: `new WebSocket("wss://game.example.com/play?token=abc")`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query(String);

impl Query {
    /// The first value of that name, decoded: `+` and `%20` are spaces. None if there is none.
    pub fn get(&self, name: &str) -> Option<String> {
        self.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// All names and values, decoded and in order; a name without `=` has the empty value.
    pub fn iter(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.0.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
    }

    /// As it was sent, without the question mark.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Decodes `%41` and `+`; what is no such thing stays, and what is no UTF-8 becomes U+FFFD.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let (byte, behind) = match (byte, escaped(behind)) {
            (b'%', Some(decoded)) => decoded,
            (b'+', _) => (b' ', behind),
            (byte, _) => (*byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The byte that two hexadecimal digits are, and what follows.
fn escaped(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = bytes.split_first_chunk()?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let value = digit(high)?.checked_mul(16)?.checked_add(digit(low)?)?;
    Some((u8::try_from(value).ok()?, rest))
}

/// Header fields, in the order in which they were sent.
///
/// A value that is no UTF-8 has U+FFFD where it isn't.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(Box<str>, Box<str>)>);

impl Headers {
    /// The first field of that name, whatever its case, such as `Cookie`; without spaces around.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All fields of that name.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Names, as they were sent, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(target: &str) -> UpgradeRequest {
        let head =
            format!("GET {target} HTTP/1.1\r\ncookie:  a=1; b=2 \r\nX: 1\r\nx: 2\r\nName: \u{e9}\r\n\r\n");
        let mut fields = [httparse::EMPTY_HEADER; 8];
        let mut request = Request::new(&mut fields);
        request.parse(head.as_bytes()).unwrap();
        UpgradeRequest::new(&request)
    }

    #[test]
    fn path_query_and_fields_are_what_was_sent() {
        let UpgradeRequest { path, query, headers } =
            read("/game/%41?token=a%2Bb+c%F0%9F%98%80&room=5&room=6&flag&=x&%zz=%4");
        assert_eq!(path, "/game/%41");
        assert_eq!(query.get("token").as_deref(), Some("a+b c😀"));
        assert_eq!((query.get("room").as_deref(), query.get("flag").as_deref()), (Some("5"), Some("")));
        assert_eq!((query.get("none"), query.get("%zz").as_deref()), (None, Some("%4")));
        assert_eq!(query.iter().count(), 6);
        assert_eq!(headers.get("Cookie"), Some("a=1; b=2"));
        assert_eq!(headers.get_all("X").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((headers.get("name"), headers.get("none")), (Some("é"), None));
    }

    #[test]
    fn a_path_is_found_in_every_form_of_a_request() {
        for (target, path, query) in [
            ("/", "/", ""),
            ("/?", "/", ""),
            ("http://host:1/a?b", "/a", "b"),
            ("http://host", "/", ""),
            ("/a?to=http://host/b", "/a", "to=http://host/b"),
            ("*", "*", ""),
        ] {
            let request = read(target);
            assert_eq!((request.path.as_str(), request.query.as_str()), (path, query));
        }
    }
}
