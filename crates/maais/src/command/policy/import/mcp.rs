//! Typed `tools:` from what an MCP server says of its tools.
//!
//! Only what the schema states is used. `format: uri` is a URL; a string without a format is text, so nothing is
//! guessed from a name: the views already look at names.

use std::collections::BTreeMap;

use maais_runtime::core::json;
use serde_json::Value;

use super::draft::name;

/// Whether the text is an answer to `tools/list`.
pub(super) fn is(text: &str) -> bool {
    json::parse(text.as_bytes()).is_ok_and(|value| tools(&value).is_some())
}

/// `tools:`, below the line that says where they come from.
pub(super) fn import(text: &str, origin: &str) -> Result<String, String> {
    let value = json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let Some(tools) = tools(&value) else {
        return Err("this is no answer to `tools/list`: it has no list `tools`".into());
    };
    let mut typed = BTreeMap::new();
    for (at, tool) in tools.iter().enumerate() {
        let Some(name) = tool.get("name").and_then(Value::as_str) else {
            return Err(format!("tool {at} has no `name`"));
        };
        if typed.insert(name, parameters(name, tool)?).is_some() {
            return Err(format!("the tool `{name}` is there twice"));
        }
    }
    let head = if typed.is_empty() { "tools: {}" } else { "tools:" };
    let mut lines = vec![format!("# {origin}"), head.to_owned()];
    for (tool, parameters) in typed {
        let list: Vec<String> =
            parameters.iter().map(|(parameter, kind)| format!("{}: {kind}", name(parameter))).collect();
        lines.push(format!("  {}: {{{}}}", name(tool), list.join(", ")));
    }
    Ok(lines.join("\n"))
}

fn tools(value: &Value) -> Option<&Vec<Value>> {
    ["/result/tools", "/tools", ""].into_iter().find_map(|at| value.pointer(at)?.as_array())
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
