//! The tamper-evident log over bytes: append, prove, verify, recover.
//!
//! A record is one line of canonical JSON. Each cites the leaf hash of the one before it in the log, in its
//! tenant and in its session, so that no record can be changed, moved, added or left out unnoticed; the
//! head, on a second path, remembers how far the log reached, and is signed: a checkpoint of the Merkle tree
//! over all records. [`Log::append`] returns when the record is on the disk, or with an error.
//!
//! [`verify()`] tells integrity, completeness and anchoring apart; [`prove`] makes proofs that any
//! transparency-log tool can check; [`read()`] and [`tail`] believe what they read.
//!
//! Deliberately not here: what an action or a decision is (bodies are JSON to this crate), and any network.

mod anchored;
mod base;
mod blocks;
pub mod canonical;
mod chain;
mod compress;
mod cosign;
mod cosigned;
mod entry;
mod extract;
mod flush;
mod folder;
mod growing;
mod head;
mod inspect;
mod key_chain;
mod keys;
mod layout;
mod leaf;
mod line;
mod log;
mod note;
mod opener;
mod packed;
mod proof;
mod prune;
mod publish;
mod queue;
mod quorum;
mod read;
mod redact;
mod remembered;
mod roll;
mod scan;
pub mod seal;
mod sealed;
mod segment;
mod signal;
mod slot;
pub mod storage;
mod submission;
mod tiles;
mod tree;
mod verify;
mod witness;
mod writer;

pub use anchored::Anchored;
pub use chain::{LINE_BYTES_MAX, NAME_BYTES_MAX, SESSIONS_REMEMBERED, TENANTS_MAX};
pub use compress::{CompressError, Compressed, compress};
pub use cosign::{Cosigner, CosignerVkey};
pub use cosigned::{
    NewestCheckpoint, RolledBack, Submissions, keep_cosigned, kept_cosigned, newest_checkpoints,
};
pub use entry::{AppendError, Entry, Kind, NoKind, Receipt, SYSTEM_TENANT};
pub use extract::{ExtractError, ExtractReport, extract, verify_extract};
pub use folder::{Folder, Prover, StoredLine, StoredLines, folders};
pub use key_chain::{KeyChain, key_records};
pub use layout::SLOTS_MAX;
pub use leaf::{LeafHash, NoLeafHash};
pub use log::{Log, Options};
pub use note::{Checkpoint, NoteError, Vkey};
pub use opener::Opener;
pub use proof::{Proof, ProofError, ProveError, check_continuity, check_inclusion, prove, prove_continuity};
pub use prune::{PruneError, Pruned, prunable};
pub use queue::Durability;
pub use quorum::{PolicyError, PolicyLog, PolicyWitness, WitnessPolicy};
pub use read::{ReadError, Record, Records, read, tail};
pub use redact::{RedactError, Redaction, sealed_for};
pub use scan::Fault;
pub use seal::{SealedValue, UnsealError, Unsealed, unseal};
pub use sealed::SealedCount;
pub use slot::OpenError;
pub use submission::{NoSubmission, Submission};
pub use tiles::export_tiles;
pub use tree::RootHash;
pub use verify::{Known, LogReport, Report, Verdict, VerifyError, VerifyOptions, verify, verify_telling};
pub use witness::{Cosigned, Refusal, SUBMISSION_BYTES_MAX, Witness, WitnessError};
