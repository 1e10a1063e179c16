//! The codec: JSON in hexadecimal digits, for all routes.

use pomelo::ext::codec::{Bytes, Codec, Deserializer, Error, ErrorKind, Result, Serialize, Value};

/// JSON in hexadecimal digits.
pub struct Hex;

impl Hex {
    /// The digits of a text.
    pub fn encode(text: &str) -> Bytes {
        text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into()
    }

    /// The text of digits.
    ///
    /// # Errors
    /// If they are none.
    pub fn decode(digits: &[u8]) -> Result<String> {
        let wrong = || Error::of(ErrorKind::BadMessage, "no hexadecimal digits");
        let byte = |pair: &[u8]| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        };
        let bytes = digits.chunks(2).map(byte).collect::<Option<Vec<u8>>>().ok_or_else(wrong)?;
        String::from_utf8(bytes).map_err(|_| wrong())
    }
}

impl Codec for Hex {
    fn encode(&self, _: &str, value: &dyn Serialize) -> Option<Result<Bytes>> {
        let text = serde_json::to_string(value);
        Some(text.map(|text| Self::encode(&text)).map_err(Error::from))
    }

    fn encode_known(&self, _: &str, value: &Value) -> Option<Bytes> {
        serde_json::to_string(value).ok().map(|text| Self::encode(&text))
    }

    fn decode(
        &self,
        _: &str,
        bytes: &[u8],
        visit: &mut dyn FnMut(&mut dyn Deserializer<'_>) -> Result<()>,
    ) -> Result<()> {
        let text = Self::decode(bytes)?;
        let mut json = serde_json::Deserializer::from_str(&text);
        visit(&mut <dyn Deserializer<'_>>::erase(&mut json))
    }
}
