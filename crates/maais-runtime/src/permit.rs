//! Permits: what an executor in another process demands before it acts. Signed, for one action, once, not for long.
//!
//! `maais-permit-1.<payload>.<signature>`, both in URL-safe Base64 without padding; the payload is JSON, the signature
//! Ed25519 over everything before the second point. An engine signs only after the decision is in the log.
//!
//! Trusted: the public key in hand, the wall clock, and for "once" the registry. Not trusted: the permit, the action.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use jiff::{SignedDuration, Timestamp};
use maais_core::request::ActionRequest;
use serde::{Deserialize, Serialize};

use crate::action;
use crate::registry::{Registry, RegistryError};

/// The secret in the data directory, readable by its owner only.
pub const KEY_FILE: &str = "permit.key";
/// The public key beside it, for executors.
pub const PUBLIC_FILE: &str = "permit.pub";
/// Bytes of a permit.
pub const PERMIT_BYTES_MAX: usize = 8 * 1024;
const FORM: &str = "maais-permit-1";

/// What a permit says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permit {
    /// Which permit: each is used once.
    pub id: String,
    /// The digest of the action ([`action::digest`]).
    pub action: String,
    /// Which action.
    pub action_id: String,
    /// Whose it is.
    pub agent: String,
    /// Its tenant.
    pub tenant: String,
    /// Its session.
    pub session: Option<String>,
    /// Since when it is valid.
    pub issued: Timestamp,
    /// Until when.
    pub expires: Timestamp,
    /// The log with the decision.
    pub origin: String,
    /// Where in that log.
    pub index: u64,
}

/// Why a permit permits nothing.
#[derive(Debug, thiserror::Error)]
pub enum PermitError {
    /// No permit at all.
    #[error("this is no permit: {0}")]
    Malformed(&'static str),
    /// The key did not sign it.
    #[error("the permit's signature is not by this key")]
    Signature,
    /// Its time is over, or has not come.
    #[error("the permit is valid from {issued} to {expires}, now it is {now}")]
    Expired {
        /// Since when.
        issued: Timestamp,
        /// Until when.
        expires: Timestamp,
        /// The executor's clock.
        now: Timestamp,
    },
    /// It is for something else.
    #[error("the permit is for another action")]
    OtherAction,
    /// It was used.
    #[error("the permit was used already")]
    Spent,
    /// Who asked was stopped since.
    #[error("the agent, its session or its tenant is contained")]
    Contained,
    /// Nobody knows whether it was used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The key cannot be used.
    #[error("cannot use `{}`: {error}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The key that signs permits.
pub(crate) struct Signer {
    key: SigningKey,
}

impl Signer {
    /// The key of a data directory, made on first use. Of several processes that make one, all use the first's.
    pub(crate) fn open(home: &Path) -> Result<Self, PermitError> {
        let path = home.join(KEY_FILE);
        let failed = |error| PermitError::Key { path: path.clone(), error };
        if !path.exists() {
            make(home, &path).map_err(failed)?;
        }
        let seed: [u8; 32] = fs::read(&path)
            .and_then(|bytes| bytes.try_into().map_err(|_| io::Error::other("it is no signing key")))
            .map_err(failed)?;
        let key = SigningKey::from_bytes(&seed);
        let public = format!("{}\n", URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()));
        let public_path = home.join(PUBLIC_FILE);
        if fs::read_to_string(&public_path).ok().as_deref() != Some(&public) {
            fs::write(&public_path, public).map_err(|error| PermitError::Key { path: public_path, error })?;
        }
        Ok(Self { key })
    }

    pub(crate) fn sign(&self, permit: &Permit) -> Option<String> {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(permit).ok()?);
        let signed = format!("{FORM}.{payload}");
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).to_bytes());
        Some(format!("{signed}.{signature}"))
    }
}

/// A new key is there as a whole or not at all, and replaces none.
fn make(home: &Path, path: &Path) -> io::Result<()> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let temporary = home.join(format!("permit-{}.new", uuid::Uuid::new_v4()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let linked = file.write_all(&seed).and_then(|()| file.sync_all()).and_then(|()| {
        match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    });
    fs::remove_file(&temporary)?;
    linked
}

/// The public key in a file: [`PUBLIC_FILE`] of the engine's data directory, or a copy of it.
///
/// # Errors
/// When it cannot be read, or is no key.
pub fn public_key(path: &Path) -> Result<VerifyingKey, PermitError> {
    let text = fs::read_to_string(path);
    let key =
        text.and_then(|text| parse_key(text.trim()).ok_or_else(|| io::Error::other("it is no public key")));
    key.map_err(|error| PermitError::Key { path: path.to_owned(), error })
}

/// The public key in URL-safe Base64, as it stands in [`PUBLIC_FILE`].
pub fn parse_key(text: &str) -> Option<VerifyingKey> {
    let bytes = <[u8; 32]>::try_from(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

/// What a permit says, if the key signed it. Neither time nor action are looked at.
///
/// # Errors
/// When it is no permit, or another key signed it.
pub fn read(text: &str, key: &VerifyingKey) -> Result<Permit, PermitError> {
    if text.len() > PERMIT_BYTES_MAX {
        return Err(PermitError::Malformed("it is too long"));
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(PermitError::Malformed("it has no signature"))?;
    let (form, payload) = signed.split_once('.').ok_or(PermitError::Malformed("it has no payload"))?;
    if form != FORM {
        return Err(PermitError::Malformed("it has another form"));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).ok();
    let signature = signature.and_then(|bytes| Signature::from_slice(&bytes).ok());
    let signature = signature.ok_or(PermitError::Malformed("its signature is none"))?;
    key.verify_strict(signed.as_bytes(), &signature).map_err(|_| PermitError::Signature)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| PermitError::Malformed("no Base64"))?;
    serde_json::from_slice(&payload).map_err(|_| PermitError::Malformed("its payload is not what we sign"))
}

/// Whether a permit permits exactly this action now. Does not look whether it was used: see [`spend`].
///
/// # Errors
/// Says why it does not.
pub fn verify(
    text: &str,
    request: &ActionRequest,
    key: &VerifyingKey,
    now: Timestamp,
) -> Result<Permit, PermitError> {
    let permit = read(text, key)?;
    let Permit { issued, expires, .. } = permit;
    if now < issued || now >= expires {
        return Err(PermitError::Expired { issued, expires, now });
    }
    if permit.action != action::digest(request, &permit.tenant) {
        return Err(PermitError::OtherAction);
    }
    Ok(permit)
}

/// [`verify`], and uses the permit up: of all who try, one succeeds. Whoever was contained since is refused.
///
/// # Errors
/// Says why not.
pub fn spend(
    text: &str,
    request: &ActionRequest,
    key: &VerifyingKey,
    registry: &Registry,
) -> Result<Permit, PermitError> {
    let permit = verify(text, request, key, registry.now())?;
    if registry.is_contained(&permit.agent, &permit.tenant, permit.session.as_deref())? {
        return Err(PermitError::Contained);
    }
    match registry.spend_permit(&permit.id, permit.expires)? {
        true => Ok(permit),
        false => Err(PermitError::Spent),
    }
}

/// When a permit that is given now ends.
pub(crate) fn expiry(now: Timestamp, valid: Duration) -> Timestamp {
    let valid = SignedDuration::try_from(valid).unwrap_or_default();
    now.saturating_add(valid).unwrap_or(now)
}
