//! Text as URL, path and glob: bounded, never a panic; a canonical URL is its own canonical form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_core::glob::Glob;
use maais_core::view::path::{self, PathOutcome};
use maais_core::view::url::{self, UrlOutcome};

fuzz_target!(|text: &str| {
    if let UrlOutcome::Parsed(view) = url::view(text) {
        if let UrlOutcome::Parsed(again) = url::view(&view.canonical) {
            assert_eq!(again.host, view.host, "{text:?}");
            assert_eq!(again.class, view.class, "{text:?}");
        }
    }
    let _ = url::find(text);
    let _ = url::all_in(text, 16);
    if let PathOutcome::Path(view) = path::normalise(text) {
        let _ = path::critical(&view);
        let _ = path::secret_place(&view);
    }
    if let Ok(glob) = Glob::new(text) {
        let _ = glob.matches(text);
    }
});
