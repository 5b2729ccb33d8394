//! The demonstration's log, checked by tools that are not ours: Go's `x/mod/sumdb` as Debian ships it, and `aics-tlog`
//! from PyPI. Each must accept it, and reject it with one byte changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::apt;
use crate::program::program;
use crate::python;
use crate::suites::Verdict;
use crate::workspace::{Workspace, answers, clear, output, stream};

/// Where Debian puts the sources of Go packages.
const GO_SOURCES: &str = "/usr/share/gocode";
const AICS: &str = "aics-tlog==0.2.1";
/// Records that our own proofs are made of.
const PROVED: [u64; 3] = [0, 3, 100];

/// What they are given.
struct Material {
    folder: PathBuf,
    vkey: String,
}

pub(crate) fn run(workspace: &Workspace) -> Result<Verdict, String> {
    let material = Material::of_the_demonstration(workspace)?;
    let go = go_checker(workspace)?;
    judge("x/mod", &material, &|records, tiles| {
        let mut check = workspace.tool(&go);
        check.arg(&material.vkey).args([tiles, records]);
        for index in PROVED {
            check.arg(material.folder.join(format!("{index}.proof"))).arg(index.to_string());
        }
        check
    })?;
    let Some(packages) = aics(workspace)? else {
        println!("skipped: {AICS} cannot be had for this Python");
        return Ok(Verdict::Passed);
    };
    judge("aics-tlog", &material, &|records, tiles| {
        let mut check = python::interpreter(workspace);
        check.env("PYTHONPATH", &packages).arg("xtask/third-party/aics.py").arg(&material.vkey);
        check.args([tiles, records]);
        check
    })?;
    Ok(Verdict::Passed)
}

impl Material {
    fn of_the_demonstration(workspace: &Workspace) -> Result<Self, String> {
        let home = workspace.target.join("xtask").join("demo");
        let folder = workspace.target.join("xtask").join("third-parties");
        clear(&folder)?;
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let audit = |arguments: &[&str]| {
            let mut command = program(workspace);
            command.arg("audit").args(arguments).env("MAAIS_HOME", &home);
            command
        };
        let report = output(audit(&["verify", "--json"]).arg(&home))?;
        let report: Value =
            serde_json::from_str(&report).map_err(|error| format!("`verify --json`: {error}"))?;
        let vkey =
            report.pointer("/logs/0/vkey").and_then(Value::as_str).ok_or("the log has no key")?.to_owned();
        stream(audit(&["tiles"]).arg(folder.join("tiles")))?;
        for index in PROVED {
            let proof = output(&mut audit(&["prove", &index.to_string()]))?;
            put(&folder.join(format!("{index}.proof")), proof.as_bytes())?;
        }
        let mut records = Vec::new();
        let segments = home.join("log/0/seg");
        let entries = fs::read_dir(&segments)
            .map_err(|error| format!("cannot list {}: {error}", segments.display()))?;
        let mut paths: Vec<PathBuf> =
            entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        for path in paths {
            records
                .extend(fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?);
        }
        put(&folder.join("records.jsonl"), &records)?;
        put(&folder.join("edited.jsonl"), &with_another_byte(&records))?;
        copy(&folder.join("tiles"), &folder.join("edited-tiles"))?;
        let tile = folder.join("edited-tiles/tile/0");
        let name =
            fs::read_dir(&tile).ok().and_then(|mut found| found.next()?.ok()).ok_or("there is no tile")?;
        let mut path = name.path();
        if path.is_dir() {
            path = fs::read_dir(&path)
                .ok()
                .and_then(|mut found| found.next()?.ok())
                .ok_or("there is no tile")?
                .path();
        }
        let bytes = fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        put(&path, &with_another_byte(&bytes))?;
        Ok(Self { folder, vkey })
    }
}

/// The genuine log must be accepted, the others not.
fn judge(who: &str, material: &Material, check: &dyn Fn(&str, &str) -> Command) -> Result<(), String> {
    let path = |name: &str| material.folder.join(name).to_string_lossy().into_owned();
    stream(&mut check(&path("records.jsonl"), &path("tiles")))?;
    for (records, tiles) in [("edited.jsonl", "tiles"), ("records.jsonl", "edited-tiles")] {
        if answers(&mut check(&path(records), &path(tiles))) {
            return Err(format!("{who} accepted {records} with {tiles}"));
        }
        println!("{who} rejects {records} with {tiles}");
    }
    Ok(())
}

fn go_checker(workspace: &Workspace) -> Result<PathBuf, String> {
    let sources = Path::new(GO_SOURCES).join("src/golang.org/x/mod/sumdb/tlog");
    if !answers(Command::new("go").arg("version")) || !sources.is_dir() {
        apt::install("Go or its x/mod is missing", &["golang-go", "golang-golang-x-mod-dev"])?;
    }
    let program = workspace.target.join("xtask").join("xmod");
    let mut build = workspace.tool("go");
    build.args(["build", "-o"]).arg(&program).arg("xtask/third-party/xmod/main.go");
    build.env("GO111MODULE", "off").env("GOPATH", GO_SOURCES).env("GOFLAGS", "");
    build.env("GOCACHE", workspace.target.join("xtask").join("go-cache"));
    stream(&mut build)?;
    Ok(program)
}

/// In a folder of its own: it asks for a newer Python than it needs.
fn aics(workspace: &Workspace) -> Result<Option<PathBuf>, String> {
    let packages = workspace.target.join("xtask").join("aics");
    let importable = |packages: &Path| {
        answers(python::interpreter(workspace).env("PYTHONPATH", packages).args(["-c", "import aics_tlog"]))
    };
    if !importable(&packages) {
        let mut install =
            python::module(workspace, "pip", ["install", "--quiet", "--ignore-requires-python"]);
        install.arg("--target").arg(&packages).arg(AICS);
        if stream(&mut install).is_err() || !importable(&packages) {
            return Ok(None);
        }
    }
    Ok(Some(packages))
}

fn with_another_byte(bytes: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let middle = changed.len() / 2;
    if let Some(byte) = changed.get_mut(middle) {
        *byte ^= 1;
    }
    changed
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).map_err(failed)?;
        }
    }
    Ok(())
}
