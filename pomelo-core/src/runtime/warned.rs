//! Warnings that are said once for each key.

use std::sync::RwLock;

/// The keys of which it was said. Few, and made by the configuration.
#[derive(Debug, Default)]
pub(crate) struct Warned(RwLock<Vec<Box<str>>>);

impl Warned {
    /// Whether it is the first time for that key.
    pub(crate) fn is_news(&self, key: &str) -> bool {
        let is_known = |keys: &[Box<str>]| keys.iter().any(|known| **known == *key);
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
