//! Places of a file system where a write changes more than a file.
//!
//! Tables of prefixes and names, compared without case (macOS and Windows ignore it, and on Linux
//! nobody has an honest reason for `/ETC`). A relative path counts where its own components give
//! it away (`.git/hooks`), and after climbing out (`../../etc/cron.d`) as if it had reached the root.
//!
//! Deliberately absent: whether the action writes at all, and whether that is forbidden.

use super::path::PathView;

/// The kind of critical place that a write to `path` would hit.
///
/// `monitor` (MAAIS itself), `credentials`, `startup` (files that a shell runs), `persistence`
/// (what runs later by itself), `ci`, `agent_config` (what steers an assistant), `logs`, `system`.
pub fn critical(path: &PathView) -> Option<&'static str> {
    let lower = path.text.to_lowercase();
    let place = Place::of(&lower, path);
    KINDS.iter().find(|(_, inside)| inside(&place)).map(|(kind, _)| *kind)
}

pub(super) type Test = fn(&Place<'_>) -> bool;

/// Most specific first.
const KINDS: [(&str, Test); 8] = [
    ("monitor", is_monitor),
    ("credentials", is_credentials),
    ("persistence", is_persistence),
    ("startup", is_startup),
    ("ci", is_ci),
    ("agent_config", is_agent_config),
    ("logs", is_log),
    ("system", is_system),
];

/// A path, lower-cased and cut the ways the tables need.
pub(super) struct Place<'a> {
    /// From the root, if it has one or climbed towards it.
    rooted: Option<&'a str>,
    /// Behind the home of whichever user.
    home: Option<&'a str>,
    parts: Vec<&'a str>,
    pub(super) name: &'a str,
    climbed: bool,
    bare: bool,
}

impl<'a> Place<'a> {
    pub(super) fn of(text: &'a str, path: &PathView) -> Self {
        let behind_tilde =
            text.strip_prefix('~').map(|rest| rest.split_once('/').map_or("", |(_, rest)| rest));
        let start = behind_tilde.unwrap_or(text);
        let climbed = start.starts_with("..") && path.escapes;
        let tail = start.trim_start_matches("../");
        let rooted = match (climbed, behind_tilde) {
            (true, _) => Some(tail),
            (false, Some(_)) => None,
            _ => under_root(text),
        };
        let home = if climbed { home_of(tail) } else { behind_tilde.or_else(|| rooted.and_then(home_of)) };
        let parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
        let name = parts.last().copied().unwrap_or_default();
        Self { rooted, home, bare: parts.len() == 1 && !path.absolute, parts, name, climbed }
    }

    /// At or below one of these places under the root.
    pub(super) fn under(&self, places: &[&str]) -> bool {
        self.rooted.is_some_and(|path| places.iter().any(|place| at_or_below(path, place)))
    }

    /// At or below one of these places in a home.
    pub(super) fn in_home(&self, places: &[&str]) -> bool {
        self.home.is_some_and(|path| places.iter().any(|place| at_or_below(path, place)))
    }

    pub(super) fn has(&self, folders: &[&str]) -> bool {
        self.parts.iter().any(|part| folders.contains(part))
    }

    /// Two neighbours anywhere.
    pub(super) fn has_pair(&self, first: &str, second: &str) -> bool {
        self.parts.windows(2).any(|pair| pair == [first, second])
    }

    pub(super) fn named(&self, names: &[&str]) -> bool {
        names.contains(&self.name)
    }

    /// `/top/<anything>/…/name`.
    pub(super) fn root_glob(&self, top: &str, name: &str) -> bool {
        self.rooted.is_some_and(|path| at_or_below(path, top.trim_start_matches('/'))) && self.name == name
    }
}

/// Behind `/`, a drive, or a drive mounted into Linux; macOS keeps `/etc` in `/private`.
fn under_root(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    if matches!(bytes, [_, b':', b'/', ..]) {
        return text.get(3..);
    }
    let path = text.strip_prefix('/').filter(|path| !path.starts_with('/'))?;
    for mount in ["mnt/", "cygdrive/"] {
        let drive = path.strip_prefix(mount).filter(|rest| matches!(rest.as_bytes(), [_, b'/', ..]));
        if let Some(inside) = drive.and_then(|rest| rest.get(2..)) {
            return Some(inside);
        }
    }
    Some(path.strip_prefix("private/").unwrap_or(path))
}

/// Behind `home/someone`, `users/someone`, `root`.
fn home_of(path: &str) -> Option<&str> {
    if let Some(rest) = path.strip_prefix("root") {
        return rest.is_empty().then_some("").or_else(|| rest.strip_prefix('/'));
    }
    let users = ["home/", "users/", "var/root/"].iter().find_map(|top| path.strip_prefix(top))?;
    Some(users.split_once('/').map_or("", |(_, rest)| rest))
}

fn at_or_below(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Our own data, settings and policies.
fn is_monitor(p: &Place<'_>) -> bool {
    p.has(&[".maais"]) || p.named(&["maais.yaml", "maais.yml", "maais.toml", "maais.json"])
}

/// Folders and files of a home that hold keys or tokens.
const CREDENTIAL_PLACES: [&str; 17] = [
    ".netrc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".npmrc",
    ".pypirc",
    ".docker/config.json",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".azure",
    ".oci",
    ".password-store",
    ".vault-token",
    ".local/share/keyrings",
    "library/keychains",
    ".cargo/credentials.toml",
];

fn is_credentials(p: &Place<'_>) -> bool {
    p.has(&[".ssh", ".aws", ".gnupg", ".kube"])
        || p.in_home(&CREDENTIAL_PLACES)
        || p.under(&[
            "etc/shadow",
            "etc/gshadow",
            "etc/passwd",
            "etc/sudoers",
            "etc/sudoers.d",
            "etc/ssh",
            "etc/pam.d",
        ])
        || p.named(&["authorized_keys"])
}

/// Places from which something is started later, by itself.
const PERSISTENCE: [&str; 20] = [
    "etc/cron.d",
    "etc/cron.hourly",
    "etc/cron.daily",
    "etc/cron.weekly",
    "etc/cron.monthly",
    "etc/crontab",
    "etc/anacrontab",
    "var/spool/cron",
    "var/spool/at",
    "etc/systemd",
    "usr/lib/systemd",
    "lib/systemd",
    "run/systemd",
    "etc/init.d",
    "etc/rc.local",
    "etc/xdg/autostart",
    "etc/ld.so.preload",
    "etc/udev/rules.d",
    "library/launchagents",
    "library/launchdaemons",
];

const HOME_PERSISTENCE: [&str; 6] = [
    ".config/systemd",
    ".local/share/systemd",
    ".config/autostart",
    "library/launchagents",
    ".config/fish/conf.d",
    ".config/environment.d",
];

fn is_persistence(p: &Place<'_>) -> bool {
    p.under(&PERSISTENCE)
        || p.in_home(&HOME_PERSISTENCE)
        || p.has_pair(".git", "hooks")
        || p.has_pair("programs", "startup")
        || (p.has(&[".git"]) && p.name == "config" && p.has_pair(".git", "config"))
}

/// Files that a shell or a session reads when it starts.
const STARTUP: [&str; 19] = [
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".bash_aliases",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".kshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    ".xinitrc",
    ".xprofile",
    ".inputrc",
    ".pam_environment",
];

fn is_startup(p: &Place<'_>) -> bool {
    // `dotfiles/.bashrc` is a copy in a project; `.bashrc` alone may be the real one.
    let live = p.bare || p.home.is_some() || p.rooted.is_some();
    (live && p.named(&STARTUP))
        || p.in_home(&[".config/fish/config.fish", "documents/powershell"])
        || p.under(&[
            "etc/profile",
            "etc/profile.d",
            "etc/bash.bashrc",
            "etc/bashrc",
            "etc/zsh",
            "etc/environment",
        ])
        || p.named(&["microsoft.powershell_profile.ps1"])
}

fn is_ci(p: &Place<'_>) -> bool {
    p.has_pair(".github", "workflows")
        || p.has_pair(".github", "actions")
        || p.has(&[".circleci", ".buildkite", ".woodpecker", ".teamcity"])
        || p.named(&[
            ".gitlab-ci.yml",
            ".gitlab-ci.yaml",
            "jenkinsfile",
            ".travis.yml",
            ".drone.yml",
            ".woodpecker.yml",
            "azure-pipelines.yml",
            "bitbucket-pipelines.yml",
            ".cirrus.yml",
        ])
}

/// What an assistant obeys. A project's `CLAUDE.md` or `AGENTS.md` is ordinary documentation that
/// assistants are asked to write, and is reviewed like code: not listed.
fn is_agent_config(p: &Place<'_>) -> bool {
    p.has(&[".claude", ".cursor", ".codex", ".gemini", ".windsurf", ".continue", ".roo", ".cline", ".aider"])
        || p.named(&[
            ".mcp.json",
            "mcp.json",
            "mcp_config.json",
            "claude_desktop_config.json",
            ".claude.json",
            ".cursorrules",
            ".windsurfrules",
            ".clinerules",
            ".aider.conf.yml",
        ])
        || p.has_pair(".github", "copilot-instructions.md")
        || (p.has(&[".vscode"]) && p.named(&["settings.json", "tasks.json", "launch.json"]))
}

pub(super) const HISTORIES: [&str; 9] = [
    ".bash_history",
    ".zsh_history",
    ".sh_history",
    ".python_history",
    ".psql_history",
    ".mysql_history",
    ".sqlite_history",
    ".node_repl_history",
    "consolehost_history.txt",
];

fn is_log(p: &Place<'_>) -> bool {
    p.under(&["var/log", "run/log", "library/logs", "windows/system32/winevt", "windows/system32/logfiles"])
        || p.named(&HISTORIES)
}

/// Top folders that belong to the operating system (Filesystem Hierarchy Standard 3.0, macOS, Windows).
const SYSTEM: [&str; 19] = [
    "etc",
    "usr",
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "boot",
    "efi",
    "sys",
    "proc",
    "dev",
    "system",
    "library",
    "windows",
    "program files",
    "program files (x86)",
    "programdata",
];

/// The part of them that a path which climbed out is taken to mean: `../lib/x` is a neighbour.
const SYSTEM_CLIMBED: [&str; 10] =
    ["etc", "usr/bin", "usr/sbin", "usr/lib", "boot", "sys", "proc", "windows/system32", "root", "dev/sda"];

/// Devices that swallow, echo or hold what is written, and nothing else.
const HARMLESS_DEVICES: [&str; 9] = [
    "dev/null",
    "dev/zero",
    "dev/full",
    "dev/stdin",
    "dev/stdout",
    "dev/stderr",
    "dev/tty",
    "dev/fd",
    "dev/shm",
];

fn is_system(p: &Place<'_>) -> bool {
    if p.under(&HARMLESS_DEVICES) || p.under(&["proc/self/fd"]) {
        return false;
    }
    let sockets = ["run/docker.sock", "var/run/docker.sock", "run/containerd", "run/crio"];
    let top = p.rooted.is_some_and(str::is_empty);
    top || p.under(&sockets) || if p.climbed { p.under(&SYSTEM_CLIMBED) } else { p.under(&SYSTEM) }
}

#[cfg(test)]
mod tests {
    use super::super::path::{PathOutcome, PathView, normalise};
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> PathView {
        match normalise(text) {
            PathOutcome::Path(view) => view,
            PathOutcome::Unparseable(why) => panic!("{text:?} {why}"),
        }
    }

    #[test]
    fn critical_places_are_known_by_kind() {
        for (text, kind) in [
            ("/etc/hosts", "system"),
            ("/ETC/hosts", "system"),
            ("/usr/bin/ls", "system"),
            ("/usr/local/bin/tool", "system"),
            ("/lib64/ld.so", "system"),
            ("/dev/sda", "system"),
            ("/sys/kernel/x", "system"),
            ("/", "system"),
            ("/bin", "system"),
            ("/private/etc/hosts", "system"),
            ("/proc/self/root/etc/hosts", "system"),
            ("C:\\Windows\\System32\\drivers\\etc\\hosts", "system"),
            ("/mnt/c/Windows/System32/x.dll", "system"),
            ("/var/run/docker.sock", "system"),
            ("../../../etc/hosts", "system"),
            ("~/../../etc/hosts", "system"),
            ("/etc/passwd", "credentials"),
            ("/etc/sudoers.d/x", "credentials"),
            ("~/.ssh/authorized_keys", "credentials"),
            ("~/.SSH/config", "credentials"),
            ("/home/ann/.ssh/config", "credentials"),
            ("/root/.aws/credentials", "credentials"),
            ("$HOME/.netrc", "credentials"),
            ("~bob/.npmrc", "credentials"),
            ("/Users/ann/Library/Keychains/x", "credentials"),
            ("~/.bashrc", "startup"),
            (".zshrc", "startup"),
            ("/home/ann/.profile", "startup"),
            ("/etc/profile.d/x.sh", "startup"),
            ("/etc/cron.d/x", "persistence"),
            ("../../etc/cron.d/x", "persistence"),
            ("/etc/systemd/system/x.service", "persistence"),
            ("~/.config/systemd/user/x.service", "persistence"),
            ("~/Library/LaunchAgents/x.plist", "persistence"),
            ("repo/.git/hooks/pre-commit", "persistence"),
            (".git/config", "persistence"),
            ("%APPDATA%\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\\x.lnk", "persistence"),
            (".github/workflows/ci.yml", "ci"),
            ("repo/.gitlab-ci.yml", "ci"),
            ("Jenkinsfile", "ci"),
            (".claude/settings.json", "agent_config"),
            ("~/.cursor/mcp.json", "agent_config"),
            ("repo/.mcp.json", "agent_config"),
            (".vscode/tasks.json", "agent_config"),
            ("/var/log/auth.log", "logs"),
            ("~/.bash_history", "logs"),
            (".maais/log/0/head", "monitor"),
            ("/srv/app/maais.yaml", "monitor"),
        ] {
            assert_eq!(critical(&path(text)), Some(kind), "{text}");
        }
    }

    #[test]
    fn ordinary_places_are_not_critical() {
        for text in [
            "/etcetera/x",
            "docs/etc/readme",
            "etc/readme",
            "src/bin/main.rs",
            "lib/util.js",
            "../lib/util.js",
            "../../usr/notes.txt",
            "/home/ann/etc/x",
            "/home/ann/project/usr/x",
            "/tmp/etc/passwd",
            "/dev/null",
            "/dev/stderr",
            "/dev/shm/x",
            "/var/lib/app/data",
            "/opt/app/x",
            "/srv/www/index.html",
            "~/notes.txt",
            "~/Documents/cron.txt",
            "dotfiles/.bashrc",
            ".npmrc",
            "docs/workflows/ci.yml",
            "github/workflows/x.yml",
            ".github/ISSUE_TEMPLATE/bug.md",
            "CLAUDE.md",
            "AGENTS.md",
            "notes/claude/settings.json",
            ".vscode/extensions.json",
            "logs/app.log",
            "/data/var/log/x",
            "~/.config/myapp/config.toml",
            ".gitignore",
            "C:\\Users\\ann\\x.txt",
            "C:\\data\\Windows\\x",
            ".",
            "..",
        ] {
            assert_eq!(critical(&path(text)), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(text in any::<String>()) {
            if let PathOutcome::Path(view) = normalise(&text) {
                let _ = (critical(&view), super::super::path::secret_place(&view));
            }
        }
    }
}
