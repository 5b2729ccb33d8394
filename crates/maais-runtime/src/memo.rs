//! Remembers what detectors found in a text: pure, costly, and the same for the same text.
//!
//! Decisions are never remembered: a remembered decision would skip limits and the log.

use std::sync::Arc;

use maais_core::detect::{self, Hit};
use maais_core::facts::Memo;
use quick_cache::sync::Cache;

/// Texts that are remembered.
const TEXTS_MAX: usize = 8_192;
/// Shorter texts are scanned faster than they are looked up, longer ones would cost too much memory.
const BYTES: std::ops::RangeInclusive<usize> = 16..=4_096;

/// A parameter's name and its text.
type Text = (Box<str>, Box<str>);

/// Detector results by text.
pub(crate) struct DetectorCache {
    cache: Cache<Text, Arc<[Hit]>>,
}

/// How often the cache helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheStats {
    /// Answers from the cache.
    pub hits: u64,
    /// Texts that had to be scanned.
    pub misses: u64,
}

impl CacheStats {
    /// Share of answers from the cache, from 0 to 1.
    pub fn hit_rate(self) -> f64 {
        let all = self.hits + self.misses;
        if all == 0 { 0.0 } else { self.hits as f64 / all as f64 }
    }
}

/// A lookup key that borrows.
#[derive(Hash)]
struct Borrowed<'a>(&'a str, &'a str);

impl quick_cache::Equivalent<Text> for Borrowed<'_> {
    fn equivalent(&self, key: &Text) -> bool {
        *self.0 == *key.0 && *self.1 == *key.1
    }
}

impl DetectorCache {
    pub(crate) fn new() -> Self {
        Self { cache: Cache::new(TEXTS_MAX) }
    }

    pub(crate) fn stats(&self) -> CacheStats {
        CacheStats { hits: self.cache.hits(), misses: self.cache.misses() }
    }
}

impl Memo for DetectorCache {
    fn sensitive(&self, name: &str, text: &str) -> Arc<[Hit]> {
        if !BYTES.contains(&text.len()) {
            return detect::scan_named(name, text).into();
        }
        if let Some(found) = self.cache.get(&Borrowed(name, text)) {
            return found;
        }
        let found: Arc<[Hit]> = detect::scan_named(name, text).into();
        self.cache.insert((name.into(), text.into()), found.clone());
        found
    }
}
