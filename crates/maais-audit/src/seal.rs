//! Sealed values: the record holds a commitment, the value itself is kept apart and can be erased without
//! touching the record.
//!
//! The commitment is SHA-256(salt ‖ canonical value): with its 32 random bytes it tells nothing of the
//! value, and nobody can find another value for it. Value and salt lie in a sidecar, encrypted with
//! AES-256-GCM under a key of the subject; destroying the key erases all that the subject sealed, also in
//! backups of the sidecar. The keys lie beside it, mode 0600: this keeps values from whoever gets the log,
//! not from whoever can read the whole folder as the log's user.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::canonical;
use crate::entry::sealed_marker;
use crate::layout::Layout;
use crate::leaf::to_hex;
use crate::storage::{self, File, Storage};

/// Keys held in memory. Beyond it they are read again.
const KEYS_CACHED_MAX: usize = 4_096;

/// A value and its commitment.
#[derive(Clone)]
pub struct SealedValue {
    digest: String,
    salt: [u8; 32],
    canonical: Vec<u8>,
}

impl SealedValue {
    /// The commitment: `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What stands in the record in the value's place: `{"$sealed":"sha256:…"}`.
    pub fn marker(&self) -> Value {
        sealed_marker(&self.digest)
    }
}

/// Shows the commitment, never the value.
impl std::fmt::Debug for SealedValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedValue({})", self.digest)
    }
}

/// Commits to a value with a given salt, which must be random and used once. See [`seal`].
pub fn commit(value: &Value, salt: [u8; 32]) -> SealedValue {
    let mut canonical = Vec::new();
    canonical::write(value, &mut canonical);
    SealedValue { digest: digest_of(&salt, &canonical), salt, canonical }
}

/// Commits to a value with a salt from the operating system.
pub fn seal(value: &Value) -> io::Result<SealedValue> {
    Ok(commit(value, random()?))
}

fn digest_of(salt: &[u8], canonical: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::new().chain_update(salt).chain_update(canonical).finalize().into();
    format!("sha256:{}", to_hex(&digest))
}

pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// What has become of a sealed value.
#[derive(Debug, Clone, PartialEq)]
pub enum Unsealed {
    /// It is there, and it is what was committed to.
    Present(Value),
    /// It is there, but its key is not.
    Erased,
    /// No sidecar has it.
    Unknown,
}

/// Why a sealed value cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum UnsealError {
    /// A file could not be read.
    #[error("cannot read the sealed values of `{}`: {source}", path.display())]
    Io {
        /// Whose.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The sidecar holds something else than what was committed to.
    #[error("the sealed value `{digest}` was changed in `{}`; restore that file from a backup", path.display())]
    Changed {
        /// The commitment.
        digest: String,
        /// The sidecar.
        path: PathBuf,
    },
}

/// One line of a sidecar.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) digest: String,
    pub(crate) subject: String,
    nonce: String,
    #[serde(rename = "box")]
    pub(crate) boxed: String,
}

impl Stored {
    /// Whether its value was overwritten.
    pub(crate) fn is_blank(&self) -> bool {
        self.boxed.bytes().all(|byte| byte == b' ')
    }
}

/// How a commitment begins in a line.
pub(crate) const MARKER: &[u8] = b"{\"$sealed\":\"";

/// The commitments in a record line. Data cannot hold the marker: its `$` keys have one `$` more, and its quotes are
/// escaped.
pub(crate) fn markers(line: &[u8]) -> impl Iterator<Item = &str> {
    let digest = |at: usize| {
        let rest = line.get(at + MARKER.len()..)?;
        let end = rest.iter().position(|byte| *byte == b'"')?;
        std::str::from_utf8(rest.get(..end)?).ok()
    };
    memchr::memmem::find_iter(line, MARKER).filter_map(digest)
}

/// Finds the value behind a commitment, `sha256:…`, in any log under `home`.
pub fn unseal(home: &Path, digest: &str) -> Result<Unsealed, UnsealError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| UnsealError::Io { path, source }
    };
    for layout in Layout::find(home, None).map_err(at(home))? {
        for (_, path) in layout.sidecars().map_err(at(&layout.dir))? {
            let text = fs::read(&path).map_err(at(&path))?;
            let stored =
                text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
            if let Some(stored) = stored.into_iter().find(|stored: &Stored| stored.digest == digest) {
                return open(&layout, &path, &stored);
            }
        }
    }
    Ok(Unsealed::Unknown)
}

pub(crate) fn open(layout: &Layout, sidecar: &Path, stored: &Stored) -> Result<Unsealed, UnsealError> {
    if stored.is_blank() {
        return Ok(Unsealed::Erased);
    }
    let is_name = stored.subject.len() == 64 && stored.subject.bytes().all(|byte| byte.is_ascii_hexdigit());
    let changed = || UnsealError::Changed { digest: stored.digest.clone(), path: sidecar.to_owned() };
    if !is_name {
        return Err(changed());
    }
    let path = layout.keys_dir().join(&stored.subject);
    let key = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Unsealed::Erased),
        Err(source) => return Err(UnsealError::Io { path, source }),
        Ok(key) if is_blank_key(&key) => return Ok(Unsealed::Erased),
        Ok(key) => key,
    };
    decrypt(&key, stored).map(Unsealed::Present).ok_or_else(changed)
}

/// Whether it never reached the disk, as a power cut may leave it, or was overwritten to be removed.
fn is_blank_key(key: &[u8]) -> bool {
    key.iter().all(|byte| *byte == 0)
}

fn decrypt(key: &[u8], stored: &Stored) -> Option<Value> {
    let cipher = Aes256Gcm::new_from_slice(key).ok()?;
    let nonce: [u8; 12] = BASE64.decode(&stored.nonce).ok()?.try_into().ok()?;
    let boxed = BASE64.decode(&stored.boxed).ok()?;
    let payload = Payload { msg: &boxed, aad: stored.digest.as_bytes() };
    let plain = cipher.decrypt(&Nonce::from(nonce), payload).ok()?;
    let (salt, canonical) = plain.split_at_checked(32)?;
    (digest_of(salt, canonical) == stored.digest).then(|| canonical::read(canonical).ok())?
}

/// The keys of a log that is being written.
#[derive(Debug)]
pub(crate) struct Vault {
    layout: Layout,
    keys: Mutex<HashMap<String, SubjectKey>>,
    /// Held by whoever uses a key until its record is let in; by a redaction, alone.
    pub(crate) use_of_keys: RwLock<()>,
}

/// A subject's key, and whether its file is on the disk.
#[derive(Debug, Clone)]
struct SubjectKey {
    key: [u8; 32],
    is_kept: Arc<AtomicBool>,
}

/// Sealed values, encrypted.
#[derive(Debug, Default)]
pub(crate) struct Locked {
    /// The sidecar's lines.
    pub(crate) lines: Vec<u8>,
    /// A key whose file is to be on the disk before them.
    pub(crate) key: Option<NewKey>,
}

/// A key that is not on the disk yet. Its first uses all carry it: whichever is written first keeps it.
#[derive(Debug)]
pub(crate) struct NewKey {
    path: PathBuf,
    key: SubjectKey,
}

impl NewKey {
    /// Returns when it is on the disk.
    pub(crate) fn keep(&self, storage: &dyn Storage) -> io::Result<()> {
        if !self.key.is_kept.load(Ordering::Acquire) {
            storage.create_dir(self.dir(), 0o700)?;
            storage::replace(storage, &self.path, &self.key.key, 0o600)?;
            self.key.is_kept.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Gives it to the operating system; what is to be flushed, the file before its folder.
    pub(crate) fn write(&self, storage: &dyn Storage) -> io::Result<Option<(Box<dyn File>, PathBuf)>> {
        if self.key.is_kept.load(Ordering::Acquire) {
            return Ok(None);
        }
        storage.create_dir(self.dir(), 0o700)?;
        let temporary = self.path.with_extension("new");
        let file = storage.open(&temporary, 0o600)?;
        file.set_len(0)?;
        file.write_at(&self.key.key, 0)?;
        storage.rename(&temporary, &self.path)?;
        self.key.is_kept.store(true, Ordering::Release);
        Ok(Some((file, self.dir().to_owned())))
    }

    fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }
}

impl Vault {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, keys: Mutex::new(HashMap::new()), use_of_keys: RwLock::new(()) }
    }

    /// These values as they go into the sidecar. Writes nothing: a disk that hangs is waited for elsewhere.
    pub(crate) fn lock_away(&self, subject: &str, values: &[SealedValue]) -> io::Result<Locked> {
        if values.is_empty() {
            return Ok(Locked::default());
        }
        let mut lines = Vec::new();
        let subject = to_hex(&Sha256::digest(subject));
        let key = self.key(&subject)?;
        let cipher = Aes256Gcm::new(&key.key.into());
        for value in values {
            let nonce: [u8; 12] = random()?;
            let plain = [value.salt.as_slice(), &value.canonical].concat();
            let payload = Payload { msg: &plain, aad: value.digest.as_bytes() };
            let boxed = cipher.encrypt(&Nonce::from(nonce), payload).map_err(io::Error::other)?;
            let stored = Stored {
                digest: value.digest.clone(),
                subject: subject.clone(),
                nonce: BASE64.encode(nonce),
                boxed: BASE64.encode(boxed),
            };
            serde_json::to_writer(&mut lines, &stored)?;
            lines.push(b'\n');
        }
        let is_kept = key.is_kept.load(Ordering::Acquire);
        let path = self.layout.keys_dir().join(&subject);
        Ok(Locked { lines, key: (!is_kept).then_some(NewKey { path, key }) })
    }

    /// The next value of the subject gets a new key.
    pub(crate) fn forget(&self, subject: &str) {
        self.keys.lock().remove(subject);
    }

    /// The subject's key, made if there is none.
    fn key(&self, subject: &str) -> io::Result<SubjectKey> {
        let mut keys = self.keys.lock();
        if let Some(key) = keys.get(subject) {
            return Ok(key.clone());
        }
        let path = self.layout.keys_dir().join(subject);
        let (key, is_kept) = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (random()?, false),
            Ok(blank) if is_blank_key(&blank) => (random()?, false),
            bytes => {
                let no_key =
                    |_| io::Error::other(format!("`{}` is no key; restore it from a backup", path.display()));
                (bytes?.try_into().map_err(no_key)?, true)
            }
        };
        if keys.len() >= KEYS_CACHED_MAX {
            keys.retain(|_, key| !key.is_kept.load(Ordering::Acquire));
        }
        let key = SubjectKey { key, is_kept: Arc::new(AtomicBool::new(is_kept)) };
        keys.insert(subject.to_owned(), key.clone());
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Disk;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt;

    fn stored(home: &Path, subject: &str, value: &Value) -> SealedValue {
        let layout = Layout::new(home, None, 0);
        let sealed = seal(value).unwrap();
        fs::create_dir_all(layout.segments_dir()).unwrap();
        let vault = Vault::new(layout.clone());
        let lines = vault.lock_away(subject, std::slice::from_ref(&sealed)).unwrap();
        lines.key.unwrap().keep(&Disk).unwrap();
        fs::write(layout.sidecar(0), lines.lines).unwrap();
        sealed
    }

    #[test]
    fn a_sealed_value_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let value = json!({"password": "hunter2", "$int": 1, "n": 18_446_744_073_709_551_615_u64});
        let sealed = stored(home.path(), "agent", &value);
        assert_eq!(unseal(home.path(), sealed.digest()).unwrap(), Unsealed::Present(value));
    }

    #[test]
    fn without_its_key_a_value_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let sealed = stored(home.path(), "agent", &json!("secret"));
        fs::remove_dir_all(Layout::new(home.path(), None, 0).keys_dir()).unwrap();
        assert_eq!(unseal(home.path(), sealed.digest()).unwrap(), Unsealed::Erased);
        assert_eq!(unseal(home.path(), "sha256:00").unwrap(), Unsealed::Unknown);
    }

    #[test]
    fn a_changed_sidecar_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let sealed = stored(home.path(), "agent", &json!("secret"));
        let path = Layout::new(home.path(), None, 0).sidecar(0);
        let mut line: Stored = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        line.nonce = BASE64.encode([0; 12]);
        fs::write(&path, serde_json::to_vec(&line).unwrap()).unwrap();
        assert!(matches!(unseal(home.path(), sealed.digest()), Err(UnsealError::Changed { .. })));
    }

    #[test]
    fn nothing_readable_lies_in_the_sidecar_and_the_key_is_ours_alone() {
        let home = tempfile::tempdir().unwrap();
        stored(home.path(), "agent-name", &json!("hunter2"));
        let layout = Layout::new(home.path(), None, 0);
        let text = String::from_utf8(fs::read(layout.sidecar(0)).unwrap()).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("agent-name"));
        let key = fs::read_dir(layout.keys_dir()).unwrap().next().unwrap().unwrap();
        assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_a_power_cut_left_blank_is_never_used() {
        for blank in [&[][..], &[0; 32]] {
            let home = tempfile::tempdir().unwrap();
            let first = stored(home.path(), "a", &json!("x"));
            let layout = Layout::new(home.path(), None, 0);
            let key = fs::read_dir(layout.keys_dir()).unwrap().next().unwrap().unwrap().path();
            fs::write(&key, blank).unwrap();
            assert_eq!(unseal(home.path(), first.digest()).unwrap(), Unsealed::Erased);
            let second = stored(home.path(), "a", &json!("y"));
            assert_ne!(fs::read(&key).unwrap(), [0; 32]);
            assert_eq!(unseal(home.path(), second.digest()).unwrap(), Unsealed::Present(json!("y")));
        }
    }

    #[test]
    fn equal_values_have_unequal_commitments() {
        assert_ne!(seal(&json!(1)).unwrap().digest(), seal(&json!(1)).unwrap().digest());
        assert!(!format!("{:?}", seal(&json!("hunter2")).unwrap()).contains("hunter2"));
    }
}
