//! The LangGraph integration: the Python package looks for ways around itself.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Evidence, ensure};

/// Runs the package's own search for a bypass in that Python, or in the one at hand.
pub(super) fn check(python: Option<&Path>) -> Evidence {
    let program = python.map_or_else(at_hand, |path| path.as_os_str().to_owned());
    let home = tempfile::tempdir()?;
    let output = Command::new(&program)
        .args(["-m", "maais._probe", "--json"])
        .env("MAAIS_HOME", home.path())
        .current_dir(home.path())
        .output()
        .map_err(|error| {
            format!("not run: cannot start `{}`: {error}; name one with --python", program.display())
        })?;
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().last().unwrap_or("nothing").to_owned();
        format!(
            "not run: `{}` has no working maais with LangGraph ({said}); `pip install '.[langgraph]'` there, or name another with --python",
            program.display()
        )
    })?;
    let checks = report.get("checks").and_then(Value::as_array).cloned().unwrap_or_default();
    let failed: Vec<&str> = checks
        .iter()
        .filter(|c| c.get("ok") != Some(&Value::Bool(true)))
        .filter_map(|c| c.get("name")?.as_str())
        .collect();
    ensure(failed.is_empty(), format!("a way around: {}", failed.join(", ")))?;
    ensure(report.get("ok") == Some(&Value::Bool(true)) && !checks.is_empty(), "the search did not finish")?;
    let names: Vec<&str> = checks.iter().filter_map(|c| c.get("name")?.as_str()).collect();
    Ok(format!("{} searches found no way around: {}", names.len(), names.join(", ")))
}

/// The Python of the active environment, or the system's.
fn at_hand() -> OsString {
    let active = env::var_os("VIRTUAL_ENV").map(|folder| Path::new(&folder).join("bin/python"));
    active.filter(|python| python.exists()).map_or_else(|| "python3".into(), Into::into)
}
