//! Where the engine keeps its data and finds its settings and policies.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{Clock, SystemClock};

/// The settings file that is read when it exists and none is named.
const SETTINGS_FILE: &str = "maais.yaml";

/// Whose actions are counted together for limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counting {
    /// All of an agent's, whatever the session: what protects a running system.
    #[default]
    ByAgent,
    /// Those of one session of an agent: for replaying recorded sessions faster than they happened, each
    /// as if it were alone.
    BySession,
}

/// What a [`crate::Runtime`] is opened with.
#[derive(Clone)]
pub struct Config {
    /// The data directory.
    pub home: PathBuf,
    /// The settings file. None: the defaults.
    pub settings: Option<PathBuf>,
    /// Policy files, folders of them, or names of packs. None: those of the settings, or else `baseline`.
    pub policies: Vec<PathBuf>,
    /// The first part of the log's name, which tells deployments apart.
    pub deployment: String,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Whose actions are counted together for limits.
    pub counting: Counting,
    /// Where the log is written. None: the file system. A seam for tests that let the disk fail.
    pub storage: Option<Arc<dyn maais_audit::storage::Storage>>,
}

impl Default for Config {
    /// `MAAIS_HOME` or `.maais`; `MAAIS_CONFIG`, or `maais.yaml` if there is one.
    fn default() -> Self {
        let here = PathBuf::from(SETTINGS_FILE);
        Self {
            home: env::var_os("MAAIS_HOME")
                .filter(|v| !v.is_empty())
                .map_or_else(|| ".maais".into(), PathBuf::from),
            settings: match env::var_os("MAAIS_CONFIG").filter(|v| !v.is_empty()) {
                Some(path) => Some(path.into()),
                None => here.is_file().then_some(here),
            },
            policies: Vec::new(),
            deployment: "maais".to_owned(),
            clock: Arc::new(SystemClock::default()),
            counting: Counting::default(),
            storage: None,
        }
    }
}

impl Config {
    /// The defaults with that data directory and nothing from the environment.
    pub fn at(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            settings: None,
            policies: Vec::new(),
            deployment: "maais".to_owned(),
            clock: Arc::new(SystemClock::default()),
            counting: Counting::default(),
            storage: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("home", &self.home)
            .field("settings", &self.settings)
            .field("policies", &self.policies)
            .field("deployment", &self.deployment)
            .finish_non_exhaustive()
    }
}
