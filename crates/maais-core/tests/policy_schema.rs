//! The checked-in JSON Schema is the one that the loader's tables make.

#![expect(clippy::disallowed_methods, reason = "the schema is a file")]

use maais_core::policy::schema::schema;
use serde_json::Value;

#[test]
fn the_schema_that_is_checked_in_is_fresh() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/policy.json");
    let checked_in: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(checked_in, schema(), "run `cargo xtask schema`");
}
