//! Placeholder that the next commits fill.
fn main() {}
