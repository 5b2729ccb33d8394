//! `maais witness`: a witness over HTTP. What it cosigns is `maais_audit::Witness`'s decision.
//!
//! Its key and its memory belong together: a key without the memory of what it signed is refused, since it
//! could be made to sign a second history.

mod server;

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use maais_runtime::audit::{self, Cosigner};

use super::Done;
use crate::cli::Witness;
use crate::term::{printable, say_raw};

/// Runs the command.
pub(crate) fn run(args: &Witness) -> Done {
    let key = args.key.clone().unwrap_or_else(|| args.state.join("key"));
    let cosigner = cosigner(&args.state, &key, args.name.as_deref())?;
    say_raw!("vkey {}", cosigner.vkey());
    let disk = Arc::new(audit::storage::Disk);
    let witness = audit::Witness::open(&args.state, cosigner, &args.logs, disk)?;
    for (origin, size) in witness.seen() {
        say_raw!("log {} cosigned at {size} records", printable(origin, 200));
    }
    server::serve(args.listen, Arc::new(witness))?;
    Ok(ExitCode::SUCCESS)
}

/// The key in the file, which must be the one that this folder belongs to; on first use, a new one.
fn cosigner(state: &Path, path: &Path, name: Option<&str>) -> Result<Cosigner, String> {
    let failed =
        |path: &Path, error: &dyn std::fmt::Display| format!("cannot use `{}`: {error}", path.display());
    let marker = state.join("vkey");
    let used = match fs::read_to_string(&marker) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        text => Some(text.map_err(|error| failed(&marker, &error))?.trim_end().to_owned()),
    };
    let cosigner = match fs::read_to_string(path) {
        Ok(text) => {
            is_private(path)?;
            Cosigner::from_secret(&text).map_err(|error| failed(path, &error))?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && used.is_none() => {
            let cosigner = Cosigner::generate(name).map_err(|error| failed(path, &error))?;
            fs::DirBuilder::new().recursive(true).mode(0o700).create(state).map_err(|e| failed(state, &e))?;
            write_new(path, &format!("{}\n", cosigner.to_secret()), 0o600).map_err(|e| failed(path, &e))?;
            write_new(&marker, &format!("{}\n", cosigner.vkey()), 0o644).map_err(|e| failed(&marker, &e))?;
            return Ok(cosigner);
        }
        Err(error) => return Err(failed(path, &error)),
    };
    match used {
        Some(used) if used == cosigner.vkey().to_string() => Ok(cosigner),
        Some(used) => Err(format!("the folder `{}` belongs to the witness `{used}`", state.display())),
        None => Err(format!(
            "the key `{}` has no memory in `{}`: if it ever cosigned, use the folder of that time, or a new key and \
             folder; if it never did, write its public half `{}` to `{}`",
            path.display(),
            state.display(),
            cosigner.vkey(),
            marker.display()
        )),
    }
}

/// Refuses a key that others can read.
fn is_private(path: &Path) -> Result<(), String> {
    let mode = fs::metadata(path).map_or(0, |data| data.permissions().mode() & 0o777);
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(format!(
            "the key `{0}` is open to others (mode {mode:o}): `chmod 600 {0}`, and if somebody may have read it, \
             begin as a new witness",
            path.display()
        )),
    }
}

/// Writes a file that is not there yet; it is on the disk afterwards.
fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = fs::File::options().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(dir)?.sync_all()
}
