//! Embeds the rule packs that ship, so that the engine has policies without any file on the machine.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../policies");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut code = String::from("/// Every pack: its name, and the names and texts of its files.\n");
    code.push_str("pub(crate) const PACKS: &[(&str, &[(&str, &str)])] = &[\n");
    for pack in sorted(&folder)?.into_iter().filter(|path| path.is_dir()) {
        let name = file_name(&pack);
        let _ = writeln!(code, "    ({name:?}, &[");
        for file in sorted(&pack)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "yaml")) {
            println!("cargo::rerun-if-changed={}", file.display());
            let label = format!("{name}/{}", file_name(&file));
            let path = file.canonicalize()?;
            let _ = writeln!(code, "        ({label:?}, include_str!({:?})),", path.display().to_string());
        }
        code.push_str("    ]),\n");
    }
    code.push_str("];\n");
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(out.join("packs.rs"), code)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
