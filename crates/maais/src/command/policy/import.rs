//! `maais policy import`: typed `tools:` from what an MCP server says of its tools.
//!
//! Only what the schema states is used. `format: uri` is a URL; a string without a format is text, so nothing is
//! guessed from a name: the views already look at names.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;

use maais_runtime::core::json;
use serde_json::Value;

use crate::command::Done;
use crate::term::say_raw;

/// Prints `tools:`.
pub(super) fn run(file: &Path) -> Done {
    let cannot = |error: io::Error| format!("cannot read `{}`: {error}", file.display());
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map_err(cannot)?;
        bytes
    } else {
        fs::read(file).map_err(cannot)?
    };
    let value = json::parse(&bytes).map_err(|error| format!("`{}`: {error}", file.display()))?;
    let tools = ["/result/tools", "/tools", ""].into_iter().find_map(|at| value.pointer(at)?.as_array());
    let Some(tools) = tools else {
        return Err("this is no answer to `tools/list`: it has no list `tools`".into());
    };
    let mut typed = BTreeMap::new();
    for (at, tool) in tools.iter().enumerate() {
        let Some(name) = tool.get("name").and_then(Value::as_str) else {
            return Err(format!("tool {at} has no `name`").into());
        };
        if typed.insert(name, parameters(name, tool)?).is_some() {
            return Err(format!("the tool `{name}` is there twice").into());
        }
    }
    say_raw!("tools:");
    for (name, parameters) in typed {
        let list: Vec<String> =
            parameters.iter().map(|(name, kind)| format!("{}: {kind}", quoted(name))).collect();
        say_raw!("  {}: {{{}}}", quoted(name), list.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

fn parameters<'v>(tool: &str, value: &'v Value) -> Result<BTreeMap<&'v str, &'static str>, String> {
    let Some(schema) = value.get("inputSchema") else { return Ok(BTreeMap::new()) };
    let properties = match schema.get("properties") {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(properties)) => properties,
        Some(_) => return Err(format!("`{tool}`: `properties` is no object")),
    };
    Ok(properties.iter().map(|(name, schema)| (name.as_str(), kind(schema))).collect())
}

/// What JSON Schema says exactly; everything else is `any`.
fn kind(schema: &Value) -> &'static str {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    match (text("type"), text("format")) {
        (Some("string"), Some("uri" | "url" | "iri" | "hostname")) => "url",
        (Some("string"), Some("email" | "idn-email")) => "email",
        (Some("string"), Some("path" | "file-path")) => "path",
        (Some("string"), _) => "text",
        (Some("number" | "integer"), _) => "number",
        (Some("boolean"), _) => "boolean",
        (Some("array"), _) => "list",
        (Some("object"), _) => "object",
        _ => "any",
    }
}

/// JSON's quotes are YAML's double quotes.
fn quoted(name: &str) -> String {
    let plain = name.chars().next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        && !["null", "true", "false", "Null", "NULL", "True", "TRUE", "False", "FALSE"].contains(&name);
    if plain { name.to_owned() } else { Value::from(name).to_string() }
}
