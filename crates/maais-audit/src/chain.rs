//! The chain: what every record must begin with, as a pure function of the records before it.
//!
//! The writer, the recovery and the verifier run this same code: the writer to make the beginning of a
//! line, the others to say what it must be. It reads no file and knows no clock.
//!
//! A record is linked three times: to the previous record of the log, of its tenant, and of its session
//! (within the tenant). All tenants are remembered; of the sessions the [`SESSIONS_REMEMBERED`] that wrote
//! last. A session that was forgotten begins anew with `_session_seq` 0. As forgetting depends on nothing
//! but the records, the verifier forgets the same sessions and accepts no other restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use sha2::{Digest, Sha256};

use crate::canonical::write_string;
use crate::leaf::{LeafHash, put_hex};
use crate::tree::Tree;

/// The longest line, without its newline.
pub const LINE_BYTES_MAX: usize = 32 * 1024;

/// The longest name of a tenant or a session.
pub const NAME_BYTES_MAX: usize = 512;

/// Sessions whose chain continues. Part of the format: the verifier counts alike.
pub const SESSIONS_REMEMBERED: usize = 65_536;

/// Tenants of one log. Beyond it a new tenant is refused.
pub const TENANTS_MAX: usize = 100_000;

const TIMES: DateTimePrinter = DateTimePrinter::new().precision(Some(9));

/// When the caller got its answer. Stamped into each record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// After fdatasync.
    Durable,
    /// After write, before fdatasync.
    Buffered,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Buffered => "buffered",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Durable, Self::Buffered].into_iter().find(|mode| mode.name() == name)
    }
}

/// Where a record belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) mode: Mode,
    pub(crate) tenant: &'a str,
    pub(crate) session: Option<&'a str>,
    pub(crate) time: Timestamp,
}

/// The last link of one chain.
#[derive(Debug, Clone, Copy)]
struct End {
    seq: u64,
    leaf: LeafHash,
}

/// The state after some number of records.
#[derive(Debug)]
pub(crate) struct Chain {
    origin: Arc<str>,
    tree: Tree,
    leaf: LeafHash,
    time: Timestamp,
    tenants: HashMap<Box<str>, End>,
    sessions: Sessions,
}

impl Chain {
    /// The state before the first record.
    pub(crate) fn new(origin: Arc<str>) -> Self {
        Self {
            origin,
            tree: Tree::default(),
            leaf: LeafHash::ZERO,
            time: Timestamp::MIN,
            tenants: HashMap::new(),
            sessions: Sessions::new(SESSIONS_REMEMBERED),
        }
    }

    pub(crate) fn origin(&self) -> &Arc<str> {
        &self.origin
    }

    /// How many records there are.
    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The tree over them.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The last record's leaf hash.
    pub(crate) fn leaf(&self) -> LeafHash {
        self.leaf
    }

    /// The time of the next record: never earlier than the previous one's, whatever the clock says.
    pub(crate) fn time(&self, now: Timestamp) -> Timestamp {
        self.time.max(now)
    }

    /// Whether one more tenant fits.
    pub(crate) fn has_room_for(&self, tenant: &str) -> bool {
        self.tenants.len() < TENANTS_MAX || self.tenants.contains_key(tenant)
    }

    /// How the next record's line must begin, up to the first key of its body.
    pub(crate) fn beginning(&self, place: Place<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        put(&mut out, "{\"_log\":", |out| write_string(&self.origin, out));
        put(&mut out, ",\"_mode\":", |out| write_string(place.mode.name(), out));
        put_hash(&mut out, ",\"_prev\":\"", self.leaf);
        put_number(&mut out, ",\"_seq\":", self.size());
        if let Some(session) = place.session {
            let end = self.sessions.end(place.tenant, session);
            put(&mut out, ",\"_session\":", |out| write_string(session, out));
            put_hash(&mut out, ",\"_session_prev\":\"", end.map_or(LeafHash::ZERO, |end| end.leaf));
            put_number(&mut out, ",\"_session_seq\":", end.map_or(0, |end| end.seq + 1));
        }
        let end = self.tenants.get(place.tenant);
        put(&mut out, ",\"_tenant\":", |out| write_string(place.tenant, out));
        put_hash(&mut out, ",\"_tenant_prev\":\"", end.map_or(LeafHash::ZERO, |end| end.leaf));
        put_number(&mut out, ",\"_tenant_seq\":", end.map_or(0, |end| end.seq + 1));
        put(&mut out, ",\"_time\":", |out| write_string(&time_text(place.time), out));
        out
    }

    /// Takes the record in: it began as [`Chain::beginning`] said and has this leaf hash.
    pub(crate) fn accept(&mut self, place: Place<'_>, leaf: LeafHash) {
        if let Some(session) = place.session {
            self.sessions.accept(place.tenant, session, self.tree.size(), leaf);
        }
        match self.tenants.get_mut(place.tenant) {
            Some(end) => *end = End { seq: end.seq + 1, leaf },
            None => drop(self.tenants.insert(place.tenant.into(), End { seq: 0, leaf })),
        }
        self.tree.push(leaf);
        self.leaf = leaf;
        self.time = place.time;
    }
}

/// A time as records spell it: RFC 3339, UTC, nanoseconds.
pub(crate) fn time_text(time: Timestamp) -> String {
    let mut text = String::with_capacity(40);
    // Writing to a string does not fail; if it did, the empty text would be refused as a time.
    match TIMES.print_timestamp(&time, &mut text) {
        Ok(()) => text,
        Err(_) => String::new(),
    }
}

fn put(out: &mut Vec<u8>, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(key.as_bytes());
    value(out);
}

fn put_hash(out: &mut Vec<u8>, key: &str, leaf: LeafHash) {
    put(out, key, |out| put_hex(leaf.as_bytes(), out));
    out.push(b'"');
}

fn put_number(out: &mut Vec<u8>, key: &str, number: u64) {
    put(out, key, |out| out.extend_from_slice(number.to_string().as_bytes()));
}

/// The sessions that wrote last, at most `limit`.
#[derive(Debug)]
struct Sessions {
    limit: usize,
    /// By SHA-256 of tenant and session: names have a length, memory per session has not to depend on it.
    ends: HashMap<[u8; 32], (u64, End)>,
    /// The index of each session's last record: the first is the next to be forgotten.
    by_age: BTreeMap<u64, [u8; 32]>,
}

impl Sessions {
    fn new(limit: usize) -> Self {
        Self { limit, ends: HashMap::new(), by_age: BTreeMap::new() }
    }

    fn end(&self, tenant: &str, session: &str) -> Option<End> {
        self.ends.get(&Self::key(tenant, session)).map(|(_, end)| *end)
    }

    fn accept(&mut self, tenant: &str, session: &str, index: u64, leaf: LeafHash) {
        let key = Self::key(tenant, session);
        let seq = match self.ends.get(&key) {
            Some((last, end)) => {
                self.by_age.remove(last);
                end.seq + 1
            }
            None => 0,
        };
        self.ends.insert(key, (index, End { seq, leaf }));
        self.by_age.insert(index, key);
        if self.ends.len() > self.limit
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.ends.remove(&oldest);
        }
    }

    fn key(tenant: &str, session: &str) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update((tenant.len() as u64).to_le_bytes());
        hasher.update(tenant);
        hasher.update(session);
        hasher.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'a>(tenant: &'a str, session: Option<&'a str>) -> Place<'a> {
        Place { mode: Mode::Durable, tenant, session, time: Timestamp::UNIX_EPOCH }
    }

    fn append(chain: &mut Chain, tenant: &str, session: Option<&str>) -> serde_json::Value {
        let mut line = chain.beginning(place(tenant, session));
        line.extend_from_slice(b",\"type\":\"start\"}");
        chain.accept(place(tenant, session), LeafHash::of(&line));
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn each_record_cites_the_one_before_it_in_log_tenant_and_session() {
        let mut chain = Chain::new("maais/1".into());
        let first = append(&mut chain, "a", Some("s"));
        let leaf_of_first = chain.leaf().to_string();
        append(&mut chain, "b", None);
        let leaf_of_second = chain.leaf().to_string();
        let third = append(&mut chain, "a", Some("s"));
        assert_eq!(first["_prev"], "0".repeat(64));
        assert_eq!(third["_prev"], leaf_of_second);
        assert_eq!(third["_tenant_prev"], leaf_of_first);
        assert_eq!(third["_session_prev"], leaf_of_first);
        assert_eq!(
            [&third["_seq"], &third["_tenant_seq"], &third["_session_seq"]].map(|n| n.as_u64().unwrap()),
            [2, 1, 1]
        );
    }

    #[test]
    fn one_session_name_in_two_tenants_is_two_sessions() {
        let mut chain = Chain::new("maais/1".into());
        append(&mut chain, "a", Some("s"));
        assert_eq!(append(&mut chain, "b", Some("s"))["_session_seq"], 0);
        assert_eq!(append(&mut chain, "as", Some(""))["_session_seq"], 0);
    }

    #[test]
    fn the_session_that_wrote_longest_ago_is_forgotten_at_the_limit() {
        let mut sessions = Sessions::new(2);
        for (index, name) in ["x", "y", "x", "z"].into_iter().enumerate() {
            sessions.accept("t", name, index as u64, LeafHash::of(name.as_bytes()));
        }
        assert_eq!(sessions.end("t", "x").map(|end| end.seq), Some(1));
        assert!(sessions.end("t", "y").is_none());
        assert_eq!((sessions.ends.len(), sessions.by_age.len()), (2, 2));
    }

    #[test]
    fn time_never_runs_backwards() {
        let mut chain = Chain::new("maais/1".into());
        let late = Timestamp::from_second(100).unwrap();
        chain.accept(Place { time: late, ..place("a", None) }, LeafHash::of(b"x"));
        assert_eq!(chain.time(Timestamp::UNIX_EPOCH), late);
    }

    #[test]
    fn times_have_nanoseconds_and_are_utc() {
        assert_eq!(time_text(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000000000Z");
    }
}
