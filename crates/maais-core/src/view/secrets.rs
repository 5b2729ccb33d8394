//! Places of a file system where a read reveals a secret.
//!
//! Tables of prefixes and names, read the way [`Place`] cuts a path: without case, with any user's
//! home, and after climbing out as if the root had been reached. Examples that are meant to be
//! shared (`.env.example`, `id_rsa.pub`, certificates) are not secrets.
//!
//! Deliberately absent: what the file holds. That is for the detectors, once it has been read.

use super::path::PathView;
use super::places::{HISTORIES, Place, Test};

/// The kind of secret that a read of `path` would reveal.
///
/// `system_credentials`, `ssh_key`, `cloud_credentials`, `token_file`, `env_file`, `key_file`,
/// `password_store` (browsers, key rings, wallets), `history`, `process_environment`.
pub fn secret_place(path: &PathView) -> Option<&'static str> {
    let lower = path.text.to_lowercase();
    let place = Place::of(&lower, path);
    SECRETS.iter().find(|(_, inside)| inside(&place)).map(|(kind, _)| *kind)
}

const SECRETS: [(&str, Test); 9] = [
    ("system_credentials", is_system_credential),
    ("process_environment", |p| p.root_glob("/proc", "environ")),
    ("ssh_key", is_ssh_key),
    ("cloud_credentials", |p| p.in_home(&CLOUD_CREDENTIALS) || p.has_pair(".aws", "credentials")),
    ("token_file", |p| p.in_home(&TOKEN_FILES) || p.named(&[".git-credentials", ".netrc", ".pgpass"])),
    ("env_file", is_env_file),
    ("password_store", is_password_store),
    ("history", |p| p.named(&HISTORIES)),
    ("key_file", is_key_file),
];

fn is_system_credential(p: &Place<'_>) -> bool {
    let key_of_host = p.under(&["etc/ssh"]) && p.name.starts_with("ssh_host_") && p.name.ends_with("_key");
    let hive = p.under(&["windows/system32/config"]) && p.named(&["sam", "system", "security"]);
    key_of_host
        || hive
        || p.named(&["ntds.dit"])
        || p.under(&[
            "etc/shadow",
            "etc/shadow-",
            "etc/gshadow",
            "etc/gshadow-",
            "etc/master.passwd",
            "etc/sudoers",
            "etc/sudoers.d",
            "etc/krb5.keytab",
            "etc/ssl/private",
            "etc/kubernetes/admin.conf",
            "etc/kubernetes/pki",
            "etc/rancher",
            "var/run/secrets",
            "run/secrets",
        ])
}

/// Private keys by their customary names; `known_hosts`, `config` and `.pub` are not secret.
fn is_ssh_key(p: &Place<'_>) -> bool {
    let customary =
        ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", "identity"];
    let open = ["config", "known_hosts", "known_hosts.old", "authorized_keys", "environment", "rc", ".ssh"];
    let in_ssh = p.has(&[".ssh"]) && !open.contains(&p.name);
    !p.name.ends_with(".pub") && (in_ssh || customary.contains(&p.name))
}

const CLOUD_CREDENTIALS: [&str; 7] =
    [".aws/credentials", ".aws/sso/cache", ".config/gcloud", ".azure", ".oci", ".boto", ".s3cfg"];

const TOKEN_FILES: [&str; 20] = [
    ".netrc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".config/git/credentials",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".docker/config.json",
    ".kube/config",
    ".config/gh/hosts.yml",
    ".config/hub",
    ".vault-token",
    ".terraform.d/credentials.tfrc.json",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".claude/.credentials.json",
    ".codex/auth.json",
    ".config/rclone/rclone.conf",
];

/// `.env`, `.env.production`; not the examples that are meant to be shared.
fn is_env_file(p: &Place<'_>) -> bool {
    let shared = ["example", "sample", "template", "dist", "defaults", "schema", "md"];
    match p.name.strip_prefix(".env") {
        Some("") => true,
        Some(rest) => rest.strip_prefix('.').is_some_and(|kind| !shared.iter().any(|s| kind.ends_with(s))),
        None => p.name == ".envrc",
    }
}

fn is_password_store(p: &Place<'_>) -> bool {
    let browser = ["login data", "key4.db", "key3.db", "logins.json", "cookies.sqlite"];
    let wallet = ["wallet.dat"];
    p.named(&browser)
        || p.named(&wallet)
        || [".kdbx", ".keychain", ".keychain-db"].iter().any(|ending| p.name.ends_with(ending))
        || p.has(&[".password-store"])
        || p.has_pair(".gnupg", "private-keys-v1.d")
        || p.has_pair(".gnupg", "secring.gpg")
        || p.has_pair(".ethereum", "keystore")
        || p.in_home(&[
            ".local/share/keyrings",
            "library/keychains",
            ".config/solana/id.json",
            ".electrum/wallets",
        ])
}

/// Private keys and key stores by their endings. `.pem` and `.key` alone say little (certificates,
/// slide shows): the name must say key.
fn is_key_file(p: &Place<'_>) -> bool {
    let sure = [".ppk", ".p12", ".pfx", ".jks", ".keystore", ".p8", "_rsa", "_ed25519", "_ecdsa"];
    let likely =
        ["privkey.pem", "private.pem", "private_key.pem", "-key.pem", "_key.pem", "key.pem", "private.key"];
    let served =
        [".key"].iter().any(|end| p.name.ends_with(end)) && p.has(&["ssl", "tls", "certs", "pki", "private"]);
    sure.iter().chain(&likely).any(|ending| p.name.ends_with(ending)) || served
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
    fn secret_places_are_known_by_kind() {
        for (text, kind) in [
            ("/etc/shadow", "system_credentials"),
            ("../../../../etc/shadow", "system_credentials"),
            ("/etc/ssh/ssh_host_rsa_key", "system_credentials"),
            ("/var/run/secrets/kubernetes.io/serviceaccount/token", "system_credentials"),
            ("C:\\Windows\\System32\\config\\SAM", "system_credentials"),
            ("/proc/self/environ", "process_environment"),
            ("/proc/1/environ", "process_environment"),
            ("~/.ssh/id_rsa", "ssh_key"),
            ("/home/ann/.ssh/id_ed25519", "ssh_key"),
            ("backup/id_rsa", "ssh_key"),
            ("~/.ssh/deploy", "ssh_key"),
            ("~/.aws/credentials", "cloud_credentials"),
            ("~/.config/gcloud/application_default_credentials.json", "cloud_credentials"),
            ("~/.netrc", "token_file"),
            ("~/.kube/config", "token_file"),
            ("~/.docker/config.json", "token_file"),
            (".env", "env_file"),
            ("app/.env.production", "env_file"),
            ("wallet.dat", "password_store"),
            ("passwords.kdbx", "password_store"),
            ("~/.bash_history", "history"),
            ("certs/server-key.pem", "key_file"),
            ("tls/server.key", "key_file"),
            ("release.keystore", "key_file"),
        ] {
            assert_eq!(secret_place(&path(text)), Some(kind), "{text}");
        }
    }

    #[test]
    fn ordinary_reads_reveal_no_secret() {
        for text in [
            "/etc/passwd",
            "/etc/hosts",
            "/etc/ssh/sshd_config",
            "/etc/shadowsocks/config.json",
            "~/.ssh/id_rsa.pub",
            "~/.ssh/known_hosts",
            "~/.ssh/config",
            "~/.ssh",
            ".env.example",
            ".env.sample",
            "environment.ts",
            "app/env",
            "certs/server.pem",
            "slides.key",
            "src/key.rs",
            "~/.aws/config",
            "docs/credentials.md",
            "/proc/cpuinfo",
            "README.md",
        ] {
            assert_eq!(secret_place(&path(text)), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn climbing_does_not_hide_a_secret(ups in 1usize..9, folder in "[a-z]{1,5}") {
            let text = format!("{folder}/{}etc/shadow", "../".repeat(ups + 1));
            prop_assert_eq!(secret_place(&path(&text)), Some("system_credentials"));
        }
    }
}
