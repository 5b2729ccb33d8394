//! Where things are, what cargo knows of the workspace, and how a tool is started in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What PyO3 would learn by asking an interpreter. Maturin writes such a file and names it in the environment, cargo
/// alone does not; the difference would make each rebuild what the other has built.
const PYO3_CONFIG: &str = "\
implementation=CPython
version=3.10
target_abi=CPython-abi3-3.10
shared=true
build_flags=
suppress_build_script_link_lines=false
";

pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    /// `cargo metadata`: packages with their licences, the resolved graph with its features.
    pub(crate) metadata: Value,
}

impl Workspace {
    pub(crate) fn open() -> Result<Self, String> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().ok_or("xtask must lie in the workspace")?.to_path_buf();
        let metadata = cargo_metadata(&root)?;
        let target = metadata
            .get("target_directory")
            .and_then(Value::as_str)
            .map(PathBuf::from)
            .ok_or("`cargo metadata` names no target directory")?;
        let workspace = Self { root, target, metadata };
        write(&workspace.pyo3_config(), PYO3_CONFIG)?;
        Ok(workspace)
    }

    /// A tool, started in the root, without what an outer Python or cargo run would leak into it.
    pub(crate) fn tool(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PYO3_CONFIG_FILE", self.pyo3_config());
        for name in ["PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "CARGO_MANIFEST_DIR"] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn cargo<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = self.tool(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        command
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Whether a file with such a name lies right in the folder.
    pub(crate) fn has_file(&self, folder: &str, wanted: fn(&str) -> bool) -> bool {
        let entries = std::fs::read_dir(self.root.join(folder));
        entries.into_iter().flatten().flatten().any(|entry| entry.file_name().to_str().is_some_and(wanted))
    }

    fn pyo3_config(&self) -> PathBuf {
        self.target.join("xtask").join("pyo3.txt")
    }
}

fn cargo_metadata(root: &Path) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["metadata", "--format-version", "1"]);
    serde_json::from_str(&output(&mut command)?).map_err(|error| format!("`cargo metadata`: {error}"))
}

/// Runs with the terminal as its output; an exit code other than 0 is an error that shows the command.
pub(crate) fn stream(command: &mut Command) -> Result<(), String> {
    println!("$ {}", shown(command));
    let status = command.status().map_err(|error| format!("cannot start {}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{status} of `{}`", shown(command))) }
}

/// What the command prints, or what it complains about.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let done = command.output().map_err(|error| format!("cannot start {}: {error}", shown(command)))?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        let complaint = String::from_utf8_lossy(&done.stderr);
        Err(format!("{} of `{}`: {}", done.status, shown(command), complaint.trim()))
    }
}

/// Whether the tool is there at all: it starts and is content.
pub(crate) fn answers(command: &mut Command) -> bool {
    command.output().is_ok_and(|done| done.status.success())
}

/// Creates the folder; leaves an equal file untouched, since cargo looks at its date.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    if std::fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    let folder = path.parent().ok_or("a file without a folder")?;
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Removes the folder with all that is in it, if it is there.
pub(crate) fn clear(folder: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
