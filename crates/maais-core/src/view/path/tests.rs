//! Spellings of paths, and what they name.

use super::*;
use proptest::prelude::*;

fn path(text: &str) -> PathView {
    match normalise(text) {
        PathOutcome::Path(view) => view,
        PathOutcome::Unparseable(why) => panic!("{text:?} {why}"),
    }
}

#[test]
fn one_place_has_one_spelling() {
    for (text, expected) in [
        ("/etc/passwd", "/etc/passwd"),
        ("//etc///passwd", "/etc/passwd"),
        ("/etc/./passwd", "/etc/passwd"),
        ("/var/../etc/passwd", "/etc/passwd"),
        ("/etc/passwd/", "/etc/passwd"),
        (" /etc/passwd ", "/etc/passwd"),
        ("/../../etc/passwd", "/etc/passwd"),
        ("/var/%2e%2e/etc%2fpasswd", "/etc/passwd"),
        ("/var/%252e%252e/etc/passwd", "/etc/passwd"),
        ("/%65tc/passwd", "/etc/passwd"),
        ("file:///etc/passwd", "/etc/passwd"),
        ("FILE:/etc/passwd", "/etc/passwd"),
        ("file://localhost/etc/passwd", "/etc/passwd"),
        ("/proc/self/root/etc/passwd", "/etc/passwd"),
        ("/proc/1/root/proc/self/root/etc/passwd", "/etc/passwd"),
        ("src/../src/./main.rs", "src/main.rs"),
        ("./a", "a"),
        (".", "."),
        ("a/..", "."),
        ("../a/../b", "../b"),
        ("a/../../../b", "../../b"),
        ("\\etc\\passwd", "/etc/passwd"),
        ("..\\..\\x", "../../x"),
    ] {
        assert_eq!(path(text).text, expected, "{text}");
    }
}

#[test]
fn homes_are_kept_as_a_tilde() {
    for (text, expected) in [
        ("~", "~"),
        ("~/.ssh/id_rsa", "~/.ssh/id_rsa"),
        ("~root/.ssh", "~root/.ssh"),
        ("$HOME/.ssh", "~/.ssh"),
        ("${HOME}/.ssh", "~/.ssh"),
        ("%USERPROFILE%\\.ssh", "~/.ssh"),
        ("%APPDATA%\\x", "~/appdata/roaming/x"),
        ("$env:USERPROFILE\\x", "~/x"),
        ("~/a/../b", "~/b"),
        ("~/../other", "~/../other"),
        ("$HOMEWORK/x", "$HOMEWORK/x"),
        ("file://~/x", "~/x"),
    ] {
        assert_eq!(path(text).text, expected, "{text}");
    }
    assert!(path("~/../x").escapes && path("~/../x").absolute);
    assert!(!path("$HOMEWORK/x").absolute);
}

#[test]
fn windows_has_drives_shares_and_forgiving_names() {
    for (text, expected) in [
        ("C:\\Windows\\System32", "c:/Windows/System32"),
        ("c:/Windows", "c:/Windows"),
        ("C:", "c:/"),
        ("C:\\a\\..\\..\\b", "c:/b"),
        ("\\\\?\\C:\\x", "c:/x"),
        ("\\\\.\\C:\\x", "c:/x"),
        ("\\\\server\\share\\x", "//server/share/x"),
        ("\\\\?\\UNC\\server\\share", "//server/share"),
        ("file:///C:/x", "c:/x"),
        ("file://server/share", "//server/share"),
        ("C:\\Windows.\\x. ", "c:/Windows/x"),
        ("C:\\a\\.. \\b", "c:/b"),
        ("C:\\x.txt::$DATA", "c:/x.txt"),
        ("%WINDIR%\\System32", "c:/windows/System32"),
    ] {
        assert_eq!(path(text).text, expected, "{text}");
        assert!(path(text).absolute, "{text}");
    }
}

#[test]
fn names_that_only_look_odd_stay_as_they_are() {
    for (text, expected) in [
        ("a...b", "a...b"),
        ("...", "..."),
        ("./...", "..."),
        ("keys/0x2f91ab", "keys/0x2f91ab"),
        ("notes. /x", "notes. /x"),
        ("100%.txt", "100%.txt"),
        ("app-%Y-%m-%d.log", "app-%Y-%m-%d.log"),
        ("report%20final.pdf", "report final.pdf"),
        ("/data/$DATE/x", "/data/$DATE/x"),
        ("Ünïcode/文件.txt", "Ünïcode/文件.txt"),
    ] {
        assert_eq!(path(text).text, expected, "{text}");
    }
}

#[test]
fn leaving_the_start_is_seen() {
    for text in ["../x", "a/../../x", "..", "/../x", "~/../x", "C:\\..\\x", "%2e%2e/x", "..%5c..%5cx"] {
        assert!(path(text).escapes, "{text}");
    }
    for text in ["x", "a/../x", "/a/../x", "~/a/../x", "...", "a..b/c", "..a"] {
        assert!(!path(text).escapes, "{text}");
    }
}

#[test]
fn what_decoders_read_differently_has_no_view() {
    for text in [
        "",
        "  ",
        "/etc/passwd\0.png",
        "/etc/passwd%00.png",
        "/etc/\tpasswd",
        "a\nb",
        "..%c0%af..%c0%afetc",
        "%c0%ae%c0%ae/x",
        "%e0%80%ae%e0%80%ae/x",
        "..%u2215etc",
        "..\u{2215}etc",
        "．．／etc",
        "%ff",
        "%2525252525252e",
        "....//....//etc/passwd",
        ".../.../x",
        "..../x",
        "..0x2f..0x2fetc",
        "0x2e0x2e/x",
        "C:secret",
        "\\\\.\\PhysicalDrive0",
        "file:",
    ] {
        assert!(matches!(normalise(text), PathOutcome::Unparseable(_)), "{text:?}: {:?}", normalise(text));
    }
    assert!(matches!(normalise(&"a".repeat(LENGTH_MAX + 1)), PathOutcome::Unparseable(_)));
}

#[test]
fn a_text_is_a_path_only_when_it_plainly_is() {
    for text in [
        "/etc/passwd",
        "./run.sh",
        "../x",
        "~/x",
        "$HOME/x",
        "C:\\x",
        "\\\\server\\share",
        "file:///x",
        "src/main.rs",
        ".github/workflows/ci",
        "..%2f..%2fetc",
        "docs/a.md",
    ] {
        assert!(looks_like_path(text), "{text}");
    }
    for text in [
        "",
        "/",
        "// comment",
        "and/or",
        "01/02/2024",
        "text/plain",
        "3/4",
        "hello world",
        "a: b/c.d",
        "https://example.com/a.txt",
        "~5 minutes",
        "Is it a/b.c or not?",
        "application/json",
        "user@host",
    ] {
        assert!(!looks_like_path(text), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = (normalise(&text), looks_like_path(&text));
    }

    #[test]
    fn the_normal_form_is_its_own_normal_form(text in r"(~|/|c:/|\\\\)?[a-c./\\%2e]{0,24}") {
        if let PathOutcome::Path(first) = normalise(&text) {
            let PathOutcome::Path(again) = normalise(&first.text) else { panic!("{first:?}") };
            // A share's slashes read as a root's when written forwards; nothing else changes.
            prop_assert_eq!(first.text.trim_start_matches('/'), again.text.trim_start_matches('/'));
        }
    }

    #[test]
    fn a_normal_form_has_no_inner_dots(text in r"[a-c./]{0,24}") {
        if let PathOutcome::Path(view) = normalise(&text) {
            let climbed = view.text.trim_start_matches("../");
            prop_assert!(climbed == "." || climbed == ".." || climbed.split('/').all(|p| p != "." && p != ".."));
            prop_assert!(!view.text.contains("//"));
        }
    }

    #[test]
    fn encoding_changes_nothing(text in r"/[a-c./]{1,16}") {
        let encoded: String = text.bytes().map(|b| format!("%{b:02x}")).collect();
        prop_assert_eq!(normalise(&text), normalise(&encoded));
    }
}
