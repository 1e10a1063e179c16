//! Warnings that are said once for each key.

use std::sync::RwLock;

/// So many keys are told apart; of more nothing is said, since somebody else may make them up.
const MAX_KEYS: usize = 1_000;

/// The keys of which it was said. Mostly few, and asked for far more often than they are news.
#[derive(Debug, Default)]
pub(crate) struct Warned(RwLock<Vec<Box<str>>>);

impl Warned {
    pub(crate) const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// Whether it is the first time for that key.
    pub(crate) fn is_news(&self, key: &str) -> bool {
        let is_known = |keys: &[Box<str>]| keys.len() >= MAX_KEYS || keys.iter().any(|known| **known == *key);
        if is_known(&self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner())) {
            return false;
        }
        let mut keys = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let is_news = !is_known(&keys);
        if is_news {
            keys.push(key.into());
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_news_once_and_there_is_an_end_to_them() {
        let warned = Warned::new();
        assert_eq!(["a", "b", "a"].map(|key| warned.is_news(key)), [true, true, false]);
        let news = (0..2 * MAX_KEYS).filter(|key| warned.is_news(&key.to_string())).count();
        assert_eq!(news, MAX_KEYS - 2);
    }
}
