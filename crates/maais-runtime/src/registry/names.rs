//! What may be a name here. Names of agents and people are what is compared, so nothing that looks like another
//! one is let in: they are ASCII without spaces. A tenant's name is only shown; its id is made here.
//!
//! No name is ever used as a path.

use std::path::{Path, PathBuf};

use super::RegistryError;

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 256;
/// Bytes of a description or a reason.
pub(super) const TEXT_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a tenant's id.
const ID_BYTES_MAX: usize = 64;
/// Policy files and folders of one tenant.
const PATHS_MAX: usize = 100;
/// Bytes of a path.
const PATH_BYTES_MAX: usize = 4 * 1024;

fn refused<T>(what: &'static str, why: impl Into<String>) -> Result<T, RegistryError> {
    Err(RegistryError::Name { what, why: why.into() })
}

/// The name of an account: an agent's id, a person's.
pub(super) fn account(what: &'static str, name: &str) -> Result<(), RegistryError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return refused(what, format!("it must have 1 to {NAME_BYTES_MAX} bytes"));
    }
    match name.chars().find(|c| !c.is_ascii_graphic()) {
        Some(c) => {
            refused(what, format!("`{}` is no visible ASCII character without spaces", c.escape_default()))
        }
        None => Ok(()),
    }
}

/// Text that people read: a tenant's name, a reason.
pub(super) fn text(what: &'static str, text: &str, max: usize) -> Result<(), RegistryError> {
    if text.len() > max {
        return refused(what, format!("it has {} bytes, {max} are the most", text.len()));
    }
    match text.chars().find(|c| *c != '\n' && (c.is_control() || is_invisible(*c))) {
        Some(c) => refused(what, format!("it holds the invisible character `{}`", c.escape_default())),
        None => Ok(()),
    }
}

/// A tenant's name as people see it.
pub(super) fn shown(name: &str) -> Result<(), RegistryError> {
    if name.trim().is_empty() || name.contains('\n') {
        return refused("tenant's name", "it is empty, or has several lines");
    }
    text("tenant's name", name, NAME_BYTES_MAX)
}

/// What a name may not hold since nobody sees it, or since it turns what stands beside it around.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// The id that a name suggests: small ASCII letters, digits and hyphens. Empty where it suggests none.
pub(super) fn id_of(name: &str) -> String {
    let mut id = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        match c {
            'a'..='z' | '0'..='9' => id.push(c),
            _ if id.ends_with('-') || id.is_empty() => {}
            _ => id.push('-'),
        }
        if id.len() >= ID_BYTES_MAX - 16 {
            break;
        }
    }
    id.trim_end_matches('-').to_owned()
}

/// Absolute, since another process has another folder. Names of packs stay as they are.
pub(super) fn paths(paths: &[PathBuf]) -> Result<Vec<PathBuf>, RegistryError> {
    if paths.len() > PATHS_MAX {
        return Err(RegistryError::Full { what: "policy paths", max: PATHS_MAX as u64 });
    }
    paths.iter().map(|path| self::path(path)).collect()
}

pub(super) fn path(path: &Path) -> Result<PathBuf, RegistryError> {
    let Some(text) = path.to_str().filter(|text| !text.is_empty() && text.len() <= PATH_BYTES_MAX) else {
        return refused("path", format!("it must be text of 1 to {PATH_BYTES_MAX} bytes"));
    };
    if text.chars().any(char::is_control) {
        return refused("path", "it holds a control character");
    }
    if crate::PACK_NAMES.contains(&text) && !path.exists() {
        return Ok(path.to_owned());
    }
    std::path::absolute(path).or_else(|error| refused("path", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for name in ["", "a b", "a\0", "pаy", "a\u{202e}b", "a\n", "ａ", &long] {
            assert!(account("agent", name).is_err(), "{name:?}");
        }
        for name in ["a", "../../etc/passwd", "crm-bot@example.com", &long[1..]] {
            assert!(account("agent", name).is_ok(), "{name:?}");
        }
        for name in ["", "  ", "a\0b", "a\u{202e}b", "a\u{200b}b", "a\nb", &long] {
            assert!(shown(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_id_is_made_of_small_letters_digits_and_hyphens() {
        assert_eq!(id_of("ACME Corp."), "acme-corp");
        assert_eq!(id_of("../../etc"), "etc");
        assert_eq!(id_of("_system"), "system");
        assert_eq!(id_of("акме"), "");
        assert!(id_of(&"x-".repeat(500)).len() <= ID_BYTES_MAX);
    }
}
