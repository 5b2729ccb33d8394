//! What every engine must do to be compared, and which there are.

use std::borrow::Cow;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::workload::{Request, Workload};
use crate::{Failure, cedar, cel_rules, linear, ours, rego};

/// An engine with its rules loaded.
pub(crate) trait Engine {
    /// Puts the requests into the form that the engine takes. Not measured, for any engine.
    fn prepare(&mut self, requests: &[Request]) -> Result<(), Failure>;

    /// The first rule that matches the request of this number.
    fn decide(&mut self, request: usize) -> Option<Cow<'_, str>>;
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Ours,
    Linear,
    Cedar,
    RegoRvm,
    RegoInterpreter,
    CelCached,
    CelStock,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Ours,
        Self::Linear,
        Self::Cedar,
        Self::RegoRvm,
        Self::RegoInterpreter,
        Self::CelCached,
        Self::CelStock,
    ];

    /// As the command line and the raw runs say it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Linear => "linear",
            Self::Cedar => "cedar",
            Self::RegoRvm => "rego-rvm",
            Self::RegoInterpreter => "rego-interpreter",
            Self::CelCached => "cel-cached",
            Self::CelStock => "cel-stock",
        }
    }

    /// As a reader of the tables knows it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Linear => "plain loop, compiled regexes",
            Self::Cedar => "Cedar",
            Self::RegoRvm => "Rego, regorus bytecode",
            Self::RegoInterpreter => "Rego, regorus interpreter",
            Self::CelCached => "CEL, regexes compiled once",
            Self::CelStock => "CEL, as it comes",
        }
    }

    pub(crate) fn load(self, workload: &Workload) -> Result<Box<dyn Engine>, Failure> {
        Ok(match self {
            Self::Ours => Box::new(ours::load(workload)?),
            Self::Linear => Box::new(linear::load(workload)?),
            Self::Cedar => Box::new(cedar::load(workload)?),
            Self::RegoRvm => Box::new(rego::load_bytecode(workload)?),
            Self::RegoInterpreter => Box::new(rego::load_interpreter(workload)?),
            Self::CelCached => Box::new(cel_rules::load_cached(workload)?),
            Self::CelStock => Box::new(cel_rules::load_stock(workload)?),
        })
    }
}
