//! Paths.

/// A path in canonical, purely lexical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathView {
    /// `/` as the only separator, no `.`, no inner `..`, no doubled slash.
    pub text: String,
    /// Starts at a root, a drive, a share or a home.
    pub absolute: bool,
    /// Leaves its start by `..`.
    pub escapes: bool,
}

/// What a text says as a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathOutcome {
    /// One meaning.
    Path(PathView),
    /// None, or several; says why.
    Unparseable(&'static str),
}

/// Reads a text that is meant to be a path.
pub fn normalise(text: &str) -> PathOutcome {
    let _ = text;
    PathOutcome::Unparseable("not written yet")
}

/// Whether the text plainly is a path as a whole.
pub fn looks_like_path(text: &str) -> bool {
    text.starts_with('/')
}

/// The kind of critical place that a write would hit.
pub fn critical(path: &PathView) -> Option<&'static str> {
    let _ = path;
    None
}

/// The kind of secret that a read would reveal.
pub fn secret_place(path: &PathView) -> Option<&'static str> {
    let _ = path;
    None
}
