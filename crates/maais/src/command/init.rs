//! `maais init`: a commented settings file, a policy of one's own and its cases.

use std::fs;
use std::process::ExitCode;

use super::Done;
use crate::cli::Init;
use crate::term::{GOOD, HEAD, paint, say};

const FILES: [(&str, &str); 3] = [
    ("maais.yaml", include_str!("../../starter/maais.yaml")),
    ("policies/local.yaml", include_str!("../../starter/policies/local.yaml")),
    ("policies/tests/local.yaml", include_str!("../../starter/policies/tests/local.yaml")),
];

/// Writes the files; what is there already stays unless `--force` is given.
pub(crate) fn run(args: &Init) -> Done {
    let present: Vec<&str> =
        FILES.iter().map(|(name, _)| *name).filter(|name| args.dir.join(name).exists()).collect();
    if !present.is_empty() && !args.force {
        return Err(format!(
            "{} already there; use --force to replace, or another folder",
            present.join(", ")
        )
        .into());
    }
    for (name, text) in FILES {
        let path = args.dir.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text)?;
        say!("{} {}", paint(GOOD, "wrote"), path.display());
    }
    say!("\n{}", paint(HEAD, "next"));
    say!("  maais policy check policies/     is everything understood?");
    say!("  maais policy test policies/      does every rule do what it should?");
    say!("  maais check --agent me --target http_request --param url=https://example.com/");
    Ok(ExitCode::SUCCESS)
}
