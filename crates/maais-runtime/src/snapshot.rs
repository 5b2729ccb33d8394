//! Policies and settings as they are at one moment: immutable, taken once for each action.
//!
//! Either everything loads or nothing does. A folder without policies is an error: whoever named it did
//! not mean "deny everything, silently".

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use maais_core::decide::decide;
use maais_core::decision::Decision;
use maais_core::diagnostic::{Diagnostics, Source};
use maais_core::facts::{Facts, Memo};
use maais_core::policy::{self, PolicySet};
use maais_core::request::ActionRequest;
use maais_core::settings::{self, Settings};
use maais_core::state::State;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// The version of this engine.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The pack that is loaded when nobody names policies.
const DEFAULT_PACK: &str = "baseline";
/// Folders within folders.
const DEPTH_MAX: usize = 16;
/// Files in one set.
const FILES_MAX: usize = 10_000;

/// The packs that are built in and may be named instead of a path.
pub const PACK_NAMES: [&str; 6] =
    ["baseline", "atlas", "owasp-agentic", "coding-agent", "data-protection", "finance"];

/// Policies and settings in force.
#[derive(Debug)]
pub struct Snapshot {
    /// The policies.
    pub policies: PolicySet,
    /// The settings.
    pub settings: Settings,
    /// `sha256:…` over policies, settings and the version of the engine.
    pub digest: String,
    /// The version of the engine that loaded them.
    pub engine: String,
    /// The files that the policies came from.
    pub files: Vec<String>,
    /// What their authors should know.
    pub warnings: Diagnostics,
}

/// Why policies or settings did not load.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file or folder cannot be read.
    #[error("cannot read `{path}`: {error}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Neither a path nor a pack.
    #[error("`{path}` is neither a file, a folder nor a pack (packs: {})", PACK_NAMES.join(", "))]
    NotFound {
        /// What was named.
        path: String,
    },
    /// A folder without policies.
    #[error("there are no policies (`*.yaml`) in `{path}`")]
    NoPolicies {
        /// Which.
        path: String,
    },
    /// More files or deeper folders than are read.
    #[error("`{path}` holds more than {FILES_MAX} files or folders deeper than {DEPTH_MAX}")]
    TooMany {
        /// Where it stopped.
        path: String,
    },
    /// Something in the files is wrong; nothing was loaded.
    #[error("{0}")]
    Invalid(Diagnostics),
}

impl From<Diagnostics> for SnapshotError {
    fn from(problems: Diagnostics) -> Self {
        Self::Invalid(problems)
    }
}

impl Snapshot {
    /// Loads settings and policies.
    ///
    /// # Errors
    /// Everything that is wrong with either, at once; then nothing is loaded.
    pub fn load(settings_file: Option<&Path>, policies: &[PathBuf]) -> Result<Self, SnapshotError> {
        Sources::read(settings_file, policies)?.load(VERSION)
    }

    /// The facts of an action, with what the policies declare of tools.
    pub(crate) fn facts<'a>(&'a self, request: &'a ActionRequest, memo: &'a dyn Memo) -> Facts<'a> {
        Facts::new(request, memo).typed(self.policies.tools())
    }

    /// The roles that the settings give an agent.
    pub(crate) fn roles_of(&self, request: &ActionRequest) -> Vec<String> {
        self.settings.roles_of(request.agent_id().as_str())
    }

    /// Decides, and says under what: all that follows from a state. The engine and a replay both ask here.
    pub(crate) fn decide(&self, facts: &Facts<'_>, state: &State) -> Decision {
        self.sign(decide(&self.policies, &self.settings, facts, state), &state.tenant)
    }

    /// The same decision, with the policies and the tenant that it was made under.
    pub(crate) fn sign(&self, mut decision: Decision, tenant: &str) -> Decision {
        decision.metadata.insert("snapshot".into(), self.digest.clone().into());
        decision.metadata.insert("tenant".into(), tenant.into());
        decision
    }
}

/// What a snapshot is made of, as people wrote it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sources {
    pub(crate) settings: Option<Source>,
    pub(crate) policies: Vec<Source>,
}

impl Sources {
    /// Reads what is named, or else what the settings name.
    pub(crate) fn read(settings_file: Option<&Path>, policies: &[PathBuf]) -> Result<Self, SnapshotError> {
        let settings = settings_file.map(read).transpose()?;
        let base = settings_file.and_then(Path::parent).unwrap_or(Path::new(""));
        let named: Vec<PathBuf> = match (policies, &settings) {
            ([], Some(source)) => {
                let settings = settings::parse(source)?.settings;
                settings.policies.iter().map(|path| relative_to(base, path)).collect()
            }
            (named, _) => named.to_vec(),
        };
        let policies = match named.as_slice() {
            [] => pack(DEFAULT_PACK).unwrap_or_default(),
            named => policy_sources(named)?,
        };
        Ok(Self { settings, policies })
    }

    /// Makes a snapshot of them, as that version of the engine would name it.
    pub(crate) fn load(&self, engine: &str) -> Result<Snapshot, SnapshotError> {
        let (settings, mut warnings) = match &self.settings {
            None => (Settings::default(), Diagnostics::default()),
            Some(source) => {
                let loaded = settings::parse(source)?;
                (loaded.settings, loaded.warnings)
            }
        };
        let loaded = policy::load(&self.policies)?;
        warnings.0.extend(loaded.warnings.0);
        let settings_text = self.settings.as_ref().map_or("", |source| &source.text);
        Ok(Snapshot {
            digest: digest(engine, loaded.policies.digest(), settings_text),
            engine: engine.to_owned(),
            files: self.policies.iter().map(|source| source.name.to_string()).collect(),
            policies: loaded.policies,
            settings,
            warnings,
        })
    }
}

/// A path in a settings file is relative to that file; a pack's name is itself.
fn relative_to(base: &Path, path: &str) -> PathBuf {
    if PACK_NAMES.contains(&path) && !base.join(path).exists() { path.into() } else { base.join(path) }
}

/// The documents that paths and names of packs stand for, and those that they include.
///
/// # Errors
/// When one of them is not there or cannot be read.
pub fn policy_sources(named: &[PathBuf]) -> Result<Vec<Source>, SnapshotError> {
    let mut sources = Vec::new();
    for path in named {
        if path.exists() {
            sources.extend(policy_files(path)?.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?);
        } else if let Some(pack) = path.to_str().and_then(pack) {
            sources.extend(pack);
        } else {
            return Err(SnapshotError::NotFound { path: path.display().to_string() });
        }
    }
    add_included(&mut sources)?;
    Ok(sources)
}

/// Files that others include are loaded with them; one that is not there is told by who includes it.
fn add_included(sources: &mut Vec<Source>) -> Result<(), SnapshotError> {
    let mut at = 0;
    while let Some(source) = sources.get(at) {
        at += 1;
        for name in policy::includes(source).into_iter().flatten() {
            let known = sources.iter().any(|source| *source.name == name);
            if !known && Path::new(&name).is_file() {
                sources.push(read(Path::new(&name))?);
            }
        }
        if sources.len() > FILES_MAX {
            return Err(SnapshotError::TooMany { path: "the included files".to_owned() });
        }
    }
    Ok(())
}

/// The files of a pack that is built in.
fn pack(name: &str) -> Option<Vec<Source>> {
    let (_, files) = PACKS.iter().find(|(pack, _)| *pack == name)?;
    Some(files.iter().map(|(name, text)| Source::new(*name, *text)).collect())
}

/// The policy files that a path stands for: itself, or every `*.yaml` and `*.yml` below it, but for
/// folders named `tests`, in the order of their names.
///
/// # Errors
/// When the path cannot be read, or holds no policies.
pub fn policy_files(path: &Path) -> Result<Vec<PathBuf>, SnapshotError> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    walk(path, 0, &mut files)?;
    files.sort();
    if files.is_empty() {
        return Err(SnapshotError::NoPolicies { path: path.display().to_string() });
    }
    Ok(files)
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), SnapshotError> {
    let unreadable = |error| SnapshotError::Unreadable { path: folder.display().to_string(), error };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
            if depth >= DEPTH_MAX {
                return Err(SnapshotError::TooMany { path: path.display().to_string() });
            }
            walk(&path, depth + 1, files)?;
        } else if is_yaml && path.is_file() {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(SnapshotError::TooMany { path: folder.display().to_string() });
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Source, SnapshotError> {
    let text = fs::read_to_string(file)
        .map_err(|error| SnapshotError::Unreadable { path: file.display().to_string(), error })?;
    Ok(Source::new(file.display().to_string(), text))
}

/// Everything that a decision depends on beside the action and the state.
fn digest(engine: &str, policies: &str, settings: &str) -> String {
    let mut hasher = Sha256::new();
    for part in [engine, policies, settings] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// What a record says of a snapshot that comes into force.
pub(crate) fn describe(snapshot: &Snapshot) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("engine".into(), snapshot.engine.clone().into());
    let files: Vec<String> = snapshot.files.iter().take(100).cloned().collect();
    body.insert("files".into(), json!(files));
    body.insert("policies".into(), snapshot.policies.digest().into());
    body.insert("rules".into(), snapshot.policies.rules().len().into());
    body.insert("snapshot".into(), snapshot.digest.clone().into());
    body
}
