//! What the parameters of tools are, as their operator declares it.
//!
//! A declaration only adds: a parameter that is declared a URL is looked at as one even if nothing in its name
//! or text says so. Nothing is hidden from a policy by a declaration.

use std::collections::BTreeMap;

use crate::request::ActionRequest;

/// What a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterType {
    /// A URL, or a host.
    Url,
    /// A path of a file.
    Path,
    /// A shell command.
    Command,
    /// An SQL statement.
    Sql,
    /// An e-mail address.
    Email,
    /// An amount of money.
    Money,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Text.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
    /// Whatever it is.
    Any,
}

impl ParameterType {
    /// The names in policies.
    pub const NAMES: [(&'static str, Self); 12] = [
        ("url", Self::Url),
        ("path", Self::Path),
        ("command", Self::Command),
        ("sql", Self::Sql),
        ("email", Self::Email),
        ("money", Self::Money),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("text", Self::Text),
        ("list", Self::List),
        ("object", Self::Object),
        ("any", Self::Any),
    ];

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, kind)| kind)
    }

    /// The name in policies.
    pub fn name(self) -> &'static str {
        Self::NAMES.into_iter().find(|(_, kind)| *kind == self).map_or("any", |(name, _)| name)
    }
}

/// A parameter was declared twice, differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contradiction;

/// What is declared of all tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolTypes {
    tools: BTreeMap<String, BTreeMap<String, ParameterType>>,
}

impl ToolTypes {
    /// Declares a tool, perhaps without parameters.
    pub fn declare(&mut self, tool: &str) {
        self.tools.entry(tool.to_owned()).or_default();
    }

    /// Declares a parameter.
    ///
    /// # Errors
    /// When it is declared as something else already.
    pub fn add(&mut self, tool: &str, parameter: &str, kind: ParameterType) -> Result<(), Contradiction> {
        let parameters = self.tools.entry(tool.to_owned()).or_default();
        match parameters.insert(parameter.to_owned(), kind) {
            Some(before) if before != kind => Err(Contradiction),
            _ => Ok(()),
        }
    }

    /// The parameters of a tool, if it is declared.
    pub fn parameters(&self, tool: &str) -> Option<&BTreeMap<String, ParameterType>> {
        self.tools.get(tool)
    }

    /// What an action's parameter is declared to be.
    pub fn of(&self, request: &ActionRequest, parameter: &str) -> Option<ParameterType> {
        self.tools.get(request.target().as_str())?.get(parameter).copied()
    }

    /// Every tool, its parameters and their types.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, ParameterType>)> {
        self.tools.iter().map(|(name, parameters)| (name.as_str(), parameters))
    }

    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }
}
