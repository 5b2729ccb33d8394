//! `maais audit export`.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::ProgressBar;
use maais_query::cursor::Cursor;
use maais_query::export::{Anchor, ExportError, Exported, Format, Observe, encoder, export};
use maais_query::logs;
use maais_runtime::audit::Folder;
use tempfile::NamedTempFile;

use super::super::{Done, verdict};
use super::query::{bytes_bar, report};
use crate::cli::Export;
use crate::term::printable;

/// Exit code when nobody reads what is written any more: that of a program that SIGPIPE ends.
const BROKEN_PIPE: u8 = 128 + 13;

pub(super) fn run(args: &Export) -> Done {
    let format = Format::ALL.into_iter().find(|format| format.name() == args.format);
    let format = format.ok_or_else(|| format!("`{}` is no format", args.format))?;
    let filter = args.select.to_filter()?;
    let logs = logs(&args.select.home)?;
    let mut cursor = args.cursor.as_deref().map(Cursor::read).transpose()?.unwrap_or_default();
    let output = Output::open(args, format)?;
    let mut encoder = encoder(format, output.file()?, output.at_start)?;
    let mut run = Run {
        sync: output.file()?,
        cursor: args.cursor.as_deref(),
        streams: output.streams(),
        bar: bar(args),
    };
    let exported = export(&logs, &filter, &mut cursor, &mut *encoder, &mut run);
    drop(encoder);
    run.bar.finish_and_clear();
    let exported = match exported {
        Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(ExitCode::from(BROKEN_PIPE));
        }
        exported => exported?,
    };
    if let Some(path) = output.finish(args.cursor.is_some())? {
        if let Some(file) = args.cursor.as_deref().filter(|_| !run.streams) {
            cursor.write(file)?;
        }
        if args.with_checkpoint {
            write_checkpoints(&path, &exported.anchors, &logs)?;
        }
        anstream::eprintln!("{} records in {}", exported.records, path.display());
    }
    Ok(end(&exported))
}

fn end(exported: &Exported) -> ExitCode {
    exported.damage.iter().for_each(report);
    verdict(exported.damage.is_empty())
}

/// A bar would run through records that are printed to the same terminal.
fn bar(args: &Export) -> ProgressBar {
    let prints = args.output.is_none() && io::stdout().is_terminal();
    if prints { ProgressBar::hidden() } else { bytes_bar() }
}

/// Where the records go.
struct Output {
    target: Target,
    /// Whether nothing is written there yet.
    at_start: bool,
}

enum Target {
    Stdout(File),
    Append(File, PathBuf),
    /// Written beside, then put in its place.
    Replace(NamedTempFile, PathBuf),
}

impl Output {
    fn open(args: &Export, format: Format) -> Result<Self, Box<dyn std::error::Error>> {
        let Some(path) = args.output.clone() else {
            let stdout = io::stdout();
            if format == Format::Parquet && stdout.is_terminal() {
                return Err("parquet is not for terminals; name a file with `-o`".into());
            }
            let file = File::from(stdout.as_fd().try_clone_to_owned()?);
            return Ok(Self { target: Target::Stdout(file), at_start: true });
        };
        let failed = |source: io::Error| format!("cannot write `{}`: {source}", path.display());
        if args.cursor.is_some() && !format.can_append() && path.exists() {
            let name = format.name();
            return Err(format!(
                "`{}` is there, and {name} cannot be appended; name a new file",
                path.display()
            )
            .into());
        }
        if args.cursor.is_some() && format.can_append() {
            let (file, at_start) = open_to_append(&path).map_err(failed)?;
            return Ok(Self { target: Target::Append(file, path), at_start });
        }
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(dir).map_err(failed)?;
        Ok(Self { target: Target::Replace(file, path), at_start: true })
    }

    fn file(&self) -> io::Result<File> {
        match &self.target {
            Target::Stdout(file) | Target::Append(file, _) => file.try_clone(),
            Target::Replace(file, _) => file.as_file().try_clone(),
        }
    }

    /// Whether what is written is there at once, so that the cursor may move on the way.
    fn streams(&self) -> bool {
        !matches!(self.target, Target::Replace(..))
    }

    /// Puts the file in its place. Answers with the path, unless it is standard output.
    fn finish(self, is_new: bool) -> Result<Option<PathBuf>, String> {
        let (file, path) = match self.target {
            Target::Stdout(_) => return Ok(None),
            Target::Append(_, path) => return Ok(Some(path)),
            Target::Replace(file, path) => (file, path),
        };
        let failed = |source: io::Error| format!("cannot write `{}`: {source}", path.display());
        file.as_file().sync_all().map_err(failed)?;
        let placed = if is_new { file.persist_noclobber(&path) } else { file.persist(&path) };
        placed.map_err(|error| failed(error.error))?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        Ok(Some(path))
    }
}

/// A line that a killed run left without an end gets one, so that only it is lost.
fn open_to_append(path: &Path) -> io::Result<(File, bool)> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
    let length = file.metadata()?.len();
    if length > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
    }
    Ok((file, length == 0))
}

struct Run<'a> {
    sync: File,
    cursor: Option<&'a Path>,
    streams: bool,
    bar: ProgressBar,
}

impl Observe for Run<'_> {
    fn progress(&mut self, bytes: u64, total: u64) {
        self.bar.set_length(total.max(bytes));
        self.bar.set_position(bytes);
    }

    fn batch(&mut self, cursor: &Cursor) -> Result<(), ExportError> {
        let Some(path) = self.cursor.filter(|_| self.streams) else {
            return Ok(());
        };
        match self.sync.sync_all() {
            // Pipes and terminals have nothing to flush.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => return Err(error.into()),
            _ => {}
        }
        cursor.write(path)?;
        Ok(())
    }
}

/// `FILE.checkpoint`; of several logs, `FILE.<slot>.checkpoint` each.
fn write_checkpoints(path: &Path, anchors: &[Anchor], logs: &[Folder]) -> Result<(), String> {
    for anchor in anchors {
        let mut name = OsString::from(path);
        let slot =
            logs.iter().find(|log| log.origin() == anchor.origin).and_then(|log| log.dir().file_name());
        if let Some(slot) = slot.filter(|_| logs.len() > 1) {
            name.push(".");
            name.push(slot);
        }
        name.push(".checkpoint");
        std::fs::write(&name, &anchor.note).map_err(|source| {
            format!("cannot write the checkpoint of `{}`: {source}", printable(&anchor.origin, 80))
        })?;
    }
    Ok(())
}
