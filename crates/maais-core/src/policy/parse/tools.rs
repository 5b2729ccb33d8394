//! What the parameters of tools are.

use super::super::tools::{ParameterType, ToolTypes};
use crate::document::{Node, Reader, listed};
use crate::suggest::did_you_mean;

/// `tools: {copy_file: {source: path, dest: path}}`.
pub(super) fn tools(reader: &mut Reader<'_>, node: &Node, types: &mut ToolTypes) {
    let Some(fields) = reader.open_map(node, "tools") else { return };
    for (tool, node) in fields.iter() {
        let Some(parameters) = reader.open_map(node, &tool.text) else { continue };
        types.declare(&tool.text);
        for (name, node) in parameters.iter() {
            let Some(text) = reader.text(node, &name.text) else { continue };
            let Some(kind) = ParameterType::from_name(&text) else {
                let names = ParameterType::NAMES.map(|(name, _)| name);
                let help = format!("one of {}{}", listed(&names), did_you_mean(&text, names));
                reader.error(&node.span, format!("unknown type `{text}`"), "unknown", Some(help));
                continue;
            };
            if types.add(&tool.text, &name.text, kind).is_err() {
                let message = format!("`{}.{}` is declared as something else, too", tool.text, name.text);
                reader.error(&name.span, message, "here", None);
            }
        }
    }
}
