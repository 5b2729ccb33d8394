//! Paths: one spelling, found by reading the text alone.
//!
//! Separators, `.`, `..`, doubled slashes, home directories, drives, shares, `file:` and
//! percent-encoding (however often applied) are resolved; `/proc/self/root` is the root that it
//! always is. What some decoder would read as a separator or a dot although it is none (overlong
//! UTF-8, `%u` escapes, NUL, control characters) has no view but a reason.
//!
//! Deliberately absent: the file system. Symbolic links, hard links and mounts are for whoever
//! opens the file. Case is kept (see [`critical`], which ignores it, as macOS and Windows do).

pub use super::places::critical;
pub use super::secrets::secret_place;

/// Bytes of a path that are looked at; Linux' `PATH_MAX` is 4,096.
pub const LENGTH_MAX: usize = 8 * 1024;

/// How often percent-encoding may be nested before it counts as a disguise.
const DECODE_MAX: usize = 4;

/// A path in canonical, purely lexical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathView {
    /// `/` as the only separator, no `.`, `..` only at the start, no doubled slash; begins with
    /// `/`, `~`, a drive (`c:/`), a share (`//server/share`), or is relative.
    pub text: String,
    /// Starts at a root, a drive, a share or a home.
    pub absolute: bool,
    /// Leaves its start by `..`.
    pub escapes: bool,
}

/// What a text says as a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathOutcome {
    /// One meaning.
    Path(PathView),
    /// None, or several; the text completes "the path …".
    Unparseable(&'static str),
}

/// What stands for a home or a well-known folder at the start of a path, lower case.
const VARIABLES: [(&str, &str); 16] = [
    ("${home}", "~"),
    ("$home", "~"),
    ("%userprofile%", "~"),
    ("$env:userprofile", "~"),
    ("%homedrive%%homepath%", "~"),
    ("%homepath%", "~"),
    ("%appdata%", "~/appdata/roaming"),
    ("$env:appdata", "~/appdata/roaming"),
    ("%localappdata%", "~/appdata/local"),
    ("${xdg_config_home}", "~/.config"),
    ("$xdg_config_home", "~/.config"),
    ("%systemroot%", "c:/windows"),
    ("%windir%", "c:/windows"),
    ("$env:windir", "c:/windows"),
    ("%programdata%", "c:/programdata"),
    ("%programfiles%", "c:/program files"),
];

/// Reads a text that is meant to be a path.
pub fn normalise(text: &str) -> PathOutcome {
    match parse(text) {
        Ok(view) => PathOutcome::Path(view),
        Err(why) => PathOutcome::Unparseable(why),
    }
}

/// Whether the text plainly is a path as a whole: rooted, starting with a dot or a home, or
/// slashed with a file's ending.
pub fn looks_like_path(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.len() > LENGTH_MAX || text.contains(['\n', '\r']) {
        return false;
    }
    let lower: String = text.chars().take(24).collect::<String>().to_ascii_lowercase();
    let rooted =
        text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/*") && text.len() > 1;
    let dotted = ["./", "../", ".\\", "..\\", "..%", "%2e%2e"].iter().any(|start| lower.starts_with(start));
    let named = lower.starts_with("file:/")
        || lower.starts_with("~/")
        || (text.starts_with("\\\\") && text.len() > 3)
        || VARIABLES.iter().any(|(name, _)| lower.starts_with(name));
    rooted || dotted || named || text == ".." || starts_with_drive(text) || slashed_with_ending(text)
}

/// `src/main.rs`, `.github/workflows/x`: no spaces, nothing of a URL, a date or a fraction.
fn slashed_with_ending(text: &str) -> bool {
    if text.contains(|c: char| c.is_whitespace() || ":?*<>|\"".contains(c)) || text.ends_with('/') {
        return false;
    }
    let Some((folders, name)) = text.rsplit_once(['/', '\\']) else {
        return false;
    };
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let file = (1..=8).contains(&ending.len())
        && ending.bytes().all(|b| b.is_ascii_alphanumeric())
        && ending.bytes().any(|b| b.is_ascii_alphabetic());
    file || (folders.starts_with('.') && folders.len() > 1)
}

fn starts_with_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic())
}

fn parse(text: &str) -> Result<PathView, &'static str> {
    if text.len() > LENGTH_MAX {
        return Err("is longer than 8 KiB");
    }
    let trimmed = text.trim_matches([' ', '\n']);
    let (expanded, variable) = expand(trimmed);
    let text = decode(&expanded, variable)?;
    if text.is_empty() {
        return Err("is empty");
    }
    if text.chars().any(|c| c.is_control() || SLASH_LIKE.contains(&c)) {
        return Err("has a character that some read as a separator or an end");
    }
    if has_decoys(&text) {
        return Err("has something that becomes `..` in careless hands");
    }
    let windows = text.contains('\\') || starts_with_drive(&text);
    let (root, rest) = split_root(&text)?;
    Ok(resolve(root, &rest, windows))
}

/// What filters and old decoders turn into a climb: folders named by dots alone (`....//` loses a
/// `../`, `...` was two levels up) and C-style escapes. A last `...` is Go's pattern for all packages.
fn has_decoys(text: &str) -> bool {
    let dots = |part: &str| part.len() > 2 && part.bytes().all(|b| b == b'.');
    let mut parts = text.split(['/', '\\']).rev();
    let last = parts.next().unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    parts.any(dots)
        || (dots(last) && last.len() > 3)
        || ["..0x2f", "..0x5c", "0x2e0x2e"].iter().any(|escape| lower.contains(escape))
}

/// Characters that lenient decoders map to `/`, `\` or `.` (best-fit mappings, IIS).
const SLASH_LIKE: [char; 10] = [
    '\u{2215}', '\u{2216}', '\u{2044}', '\u{ff0f}', '\u{ff3c}', '\u{ff0e}', '\u{2024}', '\u{efc8}',
    '\u{f025}', '\u{fffd}',
];

/// Replaces a variable at the start; tells how many bytes of the result must not be decoded.
fn expand(text: &str) -> (String, usize) {
    for (name, place) in VARIABLES {
        let Some((head, rest)) = text.split_at_checked(name.len()) else {
            continue;
        };
        let ends = rest.is_empty() || rest.starts_with(['/', '\\']) || name.ends_with(['}', '%']);
        if ends && head.eq_ignore_ascii_case(name) {
            return (format!("{place}{rest}"), place.len());
        }
    }
    (text.to_owned(), 0)
}

/// Undoes percent-encoding until nothing is left of it. A `%` without two digits means itself.
fn decode(text: &str, from: usize) -> Result<String, &'static str> {
    let mut text = text.to_owned();
    for _ in 0..=DECODE_MAX {
        if !text.contains('%') {
            return Ok(text);
        }
        let next = decode_once(text.as_bytes(), from)?;
        if next == text {
            return Ok(text);
        }
        text = next;
    }
    Err("is percent-encoded too often")
}

fn decode_once(bytes: &[u8], from: usize) -> Result<String, &'static str> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' && out.len() >= from {
            match after {
                [b'u' | b'U', a, b, c, d, ..] if [a, b, c, d].iter().all(|x| x.is_ascii_hexdigit()) => {
                    return Err("has a `%u` escape");
                }
                [high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    out.push(hex(*high) * 16 + hex(*low));
                    rest = tail;
                    continue;
                }
                _ => {}
            }
        }
        out.push(*first);
    }
    String::from_utf8(out).map_err(|_| "has an escape that is not UTF-8")
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

/// Splits off where the path starts (empty for a relative one), with `/` as the only separator.
fn split_root(text: &str) -> Result<(String, String), &'static str> {
    let share = text.starts_with("\\\\");
    let mut path = text.replace('\\', "/");
    if let Some(rest) = strip_prefix_any_case(&path, "file:") {
        let slashes = rest.len() - rest.trim_start_matches('/').len();
        let bare = rest.trim_start_matches('/');
        path = match slashes {
            0 => return Err("is a `file:` URL without a path"),
            2 => match strip_prefix_any_case(bare, "localhost/") {
                Some(local) => format!("/{local}"),
                // `file://~/x` and `file://c:/x` are written by hand; else a server's name.
                None if bare.starts_with('~') || starts_with_drive(bare) => bare.to_owned(),
                None => return Ok(("//".to_owned(), bare.to_owned())),
            },
            _ if starts_with_drive(bare) => bare.to_owned(),
            _ => format!("/{bare}"),
        };
    }
    if share {
        return device_or_share(&path);
    }
    if let Some(root) = path.starts_with('~').then(|| path.split('/').next().unwrap_or_default().to_owned()) {
        let rest = path.strip_prefix(root.as_str()).unwrap_or_default().to_owned();
        return Ok((root, rest));
    }
    drive_or_plain(path)
}

/// `\\?\C:\x`, `\\.\C:\x`, `\\?\UNC\server\share`, `\\server\share`.
fn device_or_share(path: &str) -> Result<(String, String), &'static str> {
    let Some(rest) = path.strip_prefix("//?/").or_else(|| path.strip_prefix("//./")) else {
        return Ok(("//".to_owned(), path.trim_start_matches('/').to_owned()));
    };
    if let Some(share) = strip_prefix_any_case(rest, "unc/") {
        return Ok(("//".to_owned(), share.to_owned()));
    }
    if starts_with_drive(rest) {
        return drive_or_plain(rest.to_owned());
    }
    Err("names a device")
}

fn drive_or_plain(path: String) -> Result<(String, String), &'static str> {
    match path.as_bytes() {
        [letter, b':', rest @ ..] if letter.is_ascii_alphabetic() => {
            if !rest.is_empty() && !rest.starts_with(b"/") {
                return Err("is relative to a drive's current folder");
            }
            let root = format!("{}:/", char::from(letter.to_ascii_lowercase()));
            Ok((root, path.get(2..).unwrap_or_default().to_owned()))
        }
        [b'/', ..] => Ok(("/".to_owned(), path)),
        _ => Ok((String::new(), path)),
    }
}

fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Resolves `.` and `..` below a root.
fn resolve(root: String, rest: &str, windows: bool) -> PathView {
    let mut parts: Vec<&str> = Vec::new();
    let mut escapes = false;
    // A real root ends every climb; a home or a relative start does not.
    let solid = root.ends_with('/');
    for part in rest.split('/') {
        let part = if windows { as_windows_reads(part) } else { part };
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") => parts.push(".."),
                Some(_) => drop(parts.pop()),
                None => {
                    escapes = true;
                    if !solid {
                        parts.push("..");
                    }
                }
            },
            part => parts.push(part),
        }
    }
    if root == "/" {
        leave_proc_root(&mut parts);
    }
    let absolute = !root.is_empty();
    let joined = parts.join("/");
    let text = match (absolute, solid, joined.is_empty()) {
        (false, _, true) => ".".to_owned(),
        (true, false, false) => format!("{root}/{joined}"),
        _ => format!("{root}{joined}"),
    };
    PathView { text, absolute, escapes }
}

/// Windows drops trailing dots and spaces of a component, and names a file's main stream `::$DATA`.
fn as_windows_reads(part: &str) -> &str {
    let part = match part.len().checked_sub(7).and_then(|at| part.split_at_checked(at)) {
        Some((name, stream)) if stream.eq_ignore_ascii_case("::$data") => name,
        _ => part,
    };
    let bare = part.trim_end_matches(['.', ' ']);
    match bare {
        "" if part.trim_end_matches(' ') == "." => ".",
        "" if part.starts_with("..") => "..",
        bare => bare,
    }
}

/// `/proc/self/root/x` is `/x` (proc(5)).
fn leave_proc_root(parts: &mut Vec<&str>) {
    while let ["proc", process, "root", ..] = parts.as_slice() {
        let known = matches!(*process, "self" | "thread-self") || process.bytes().all(|b| b.is_ascii_digit());
        if !known {
            return;
        }
        parts.drain(..3);
    }
}

#[cfg(test)]
mod tests;
