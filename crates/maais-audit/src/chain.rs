//! The chain: what every record must begin with, as a pure function of the records before it.
//!
//! The writer, the recovery and the verifier run this same code: the writer to make the beginning of a
//! line, the others to say what it must be. It reads no file and knows no clock.
//!
//! A record is linked three times: to the previous record of the log, of its tenant, and of its session
//! (within the tenant). All tenants are remembered; of the sessions the [`SESSIONS_REMEMBERED`] that wrote
//! last. A session that was forgotten begins anew with `_session_seq` 0. As forgetting depends on nothing
//! but the records, the verifier forgets the same sessions and accepts no other restart.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::canonical::write_string;
use crate::leaf::{LeafHash, from_hex, put_hex, to_hex};
use crate::roll::Roll;
use crate::tree::Tree;

/// The longest line, without its newline.
pub const LINE_BYTES_MAX: usize = 32 * 1024;

/// Room for the beginning of most lines.
pub(crate) const BEGINNING_BYTES: usize = 1024;

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

/// Where the chains of tenants and sessions end, as a base keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ends {
    /// Key (hexadecimal), index of the last record, its number, its leaf hash; by that index.
    sessions: Vec<(String, u64, u64, LeafHash)>,
    /// Name, number of the last record, its leaf hash; by name.
    tenants: Vec<(String, u64, LeafHash)>,
}

impl Ends {
    pub(crate) fn roll(&self) -> Roll {
        Roll::of(self.tenants())
    }

    pub(crate) fn tenants(&self) -> impl Iterator<Item = (&str, u64, LeafHash)> {
        self.tenants.iter().map(|(tenant, seq, leaf)| (tenant.as_str(), *seq, *leaf))
    }

    pub(crate) fn of_tenant(&self, tenant: &str) -> Option<(u64, LeafHash)> {
        self.tenants.iter().find(|(name, ..)| name == tenant).map(|(_, seq, leaf)| (*seq, *leaf))
    }
}

/// A map whose hashes depend on a secret of this process: names cannot be chosen so that they meet in one place.
type Keyed<K, V> = HashMap<K, V, foldhash::quality::RandomState>;

/// The state after some number of records.
#[derive(Debug)]
pub(crate) struct Chain {
    origin: Arc<str>,
    tree: Tree,
    leaf: LeafHash,
    time: Timestamp,
    tenants: Keyed<Box<str>, End>,
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
            tenants: Keyed::default(),
            sessions: Sessions::new(SESSIONS_REMEMBERED),
        }
    }

    /// The state that was kept.
    pub(crate) fn restore(
        origin: Arc<str>,
        tree: Tree,
        leaf: LeafHash,
        time: Timestamp,
        ends: &Ends,
    ) -> Option<Self> {
        let tenants: Keyed<Box<str>, End> = ends
            .tenants
            .iter()
            .map(|(name, seq, leaf)| (name.as_str().into(), End { seq: *seq, leaf: *leaf }))
            .collect();
        let mut sessions = Sessions::new(SESSIONS_REMEMBERED);
        for (key, index, seq, leaf) in &ends.sessions {
            let key = from_hex(key).and_then(|key| key.try_into().ok())?;
            sessions.put(key, *index, End { seq: *seq, leaf: *leaf });
        }
        let is_whole = tenants.len() == ends.tenants.len() && sessions.ends.len() == ends.sessions.len();
        is_whole.then_some(Self { origin, tree, leaf, time, tenants, sessions })
    }

    /// Where the chains end, to be kept.
    pub(crate) fn ends(&self) -> Ends {
        let mut tenants: Vec<_> =
            self.tenants.iter().map(|(name, end)| (name.to_string(), end.seq, end.leaf)).collect();
        tenants.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        Ends { sessions: self.sessions.by_age(), tenants }
    }

    /// The last record's time.
    pub(crate) fn last_time(&self) -> Timestamp {
        self.time
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

    /// Where the chains of all tenants end.
    pub(crate) fn roll(&self) -> Roll {
        Roll::of(self.tenants.iter().map(|(tenant, end)| (&**tenant, end.seq, end.leaf)))
    }

    /// Writes how the next record's line must begin, up to the first key of its body.
    pub(crate) fn beginning(&self, link: &Link<'_>, out: &mut Vec<u8>) {
        let place = &link.place;
        put(out, "{\"_log\":", |out| write_string(&self.origin, out));
        put(out, ",\"_mode\":", |out| write_string(place.mode.name(), out));
        put_hash(out, ",\"_prev\":\"", self.leaf);
        put_number(out, ",\"_seq\":", self.size());
        if let (Some(session), Some(key)) = (place.session, &link.session) {
            let end = self.sessions.end(key);
            put(out, ",\"_session\":", |out| write_string(session, out));
            put_hash(out, ",\"_session_prev\":\"", end.map_or(LeafHash::ZERO, |end| end.leaf));
            put_number(out, ",\"_session_seq\":", end.map_or(0, |end| end.seq + 1));
        }
        let end = self.tenants.get(place.tenant);
        put(out, ",\"_tenant\":", |out| write_string(place.tenant, out));
        put_hash(out, ",\"_tenant_prev\":\"", end.map_or(LeafHash::ZERO, |end| end.leaf));
        put_number(out, ",\"_tenant_seq\":", end.map_or(0, |end| end.seq + 1));
        put(out, ",\"_time\":\"", |out| put_time(place.time, out));
        out.push(b'"');
    }

    /// Takes the record in: it began as [`Chain::beginning`] said and has this leaf hash.
    pub(crate) fn accept(&mut self, link: &Link<'_>, leaf: LeafHash) {
        let place = &link.place;
        if let Some(key) = link.session {
            self.sessions.accept(key, self.tree.size(), leaf);
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

/// A place, and what its session is remembered by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link<'a> {
    pub(crate) place: Place<'a>,
    session: Option<SessionKey>,
}

impl<'a> Link<'a> {
    pub(crate) fn of(place: Place<'a>) -> Self {
        Self { place, session: place.session.map(|session| session_key(place.tenant, session)) }
    }

    /// The same with the session's key at hand.
    pub(crate) fn with(place: Place<'a>, session: Option<SessionKey>) -> Self {
        Self { place, session }
    }
}

/// A time as records spell it: RFC 3339, UTC, nanoseconds.
fn put_time(time: Timestamp, out: &mut Vec<u8>) {
    // Writing to memory does not fail; if it did, what is not whole would be refused as a time.
    let _ = TIMES.print_timestamp(&time, out);
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
    put(out, key, |out| out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()));
}

/// SHA-256 of tenant and session: names have a length, memory per session has not to depend on it.
pub(crate) type SessionKey = [u8; 32];

pub(crate) fn session_key(tenant: &str, session: &str) -> SessionKey {
    let mut hasher = Sha256::new();
    hasher.update((tenant.len() as u64).to_le_bytes());
    hasher.update(tenant);
    hasher.update(session);
    hasher.finalize().into()
}

/// The sessions that wrote last, at most `limit`.
#[derive(Debug)]
struct Sessions {
    limit: usize,
    /// The index of each one's last record, and where its chain ends.
    ends: Keyed<SessionKey, (u64, End)>,
    /// Whoever wrote, in order. Only the entry with a session's last index counts: what is first among these is
    /// the next to be forgotten.
    wrote: VecDeque<(u64, SessionKey)>,
}

impl Sessions {
    fn new(limit: usize) -> Self {
        Self { limit, ends: Keyed::default(), wrote: VecDeque::new() }
    }

    fn end(&self, key: &SessionKey) -> Option<End> {
        self.ends.get(key).map(|(_, end)| *end)
    }

    fn accept(&mut self, key: SessionKey, index: u64, leaf: LeafHash) {
        match self.ends.entry(key) {
            Entry::Occupied(mut known) => {
                let (last, end) = known.get_mut();
                (*last, *end) = (index, End { seq: end.seq + 1, leaf });
            }
            Entry::Vacant(new) => drop(new.insert((index, End { seq: 0, leaf }))),
        }
        self.wrote.push_back((index, key));
        if self.ends.len() > self.limit {
            self.forget_oldest();
        }
        if self.wrote.len() > 4 * self.ends.len() + 64 {
            let Self { ends, wrote, .. } = self;
            wrote.retain(|entry| is_last(ends, entry));
        }
    }

    fn put(&mut self, key: SessionKey, index: u64, end: End) {
        self.ends.insert(key, (index, end));
        self.wrote.push_back((index, key));
    }

    fn forget_oldest(&mut self) {
        while let Some(entry) = self.wrote.pop_front() {
            if is_last(&self.ends, &entry) {
                self.ends.remove(&entry.1);
                return;
            }
        }
    }

    /// The sessions by the index of their last record.
    fn by_age(&self) -> Vec<(String, u64, u64, LeafHash)> {
        let mut all: Vec<_> = self.ends.iter().collect();
        all.sort_by_key(|(_, (index, _))| *index);
        all.into_iter().map(|(key, (index, end))| (to_hex(key), *index, end.seq, end.leaf)).collect()
    }
}

fn is_last(ends: &Keyed<SessionKey, (u64, End)>, (index, key): &(u64, SessionKey)) -> bool {
    ends.get(key).is_some_and(|(last, _)| last == index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'a>(tenant: &'a str, session: Option<&'a str>) -> Place<'a> {
        Place { mode: Mode::Durable, tenant, session, time: Timestamp::UNIX_EPOCH }
    }

    fn append(chain: &mut Chain, tenant: &str, session: Option<&str>) -> serde_json::Value {
        let link = Link::of(place(tenant, session));
        let mut line = Vec::new();
        chain.beginning(&link, &mut line);
        line.extend_from_slice(b",\"type\":\"start\"}");
        chain.accept(&link, LeafHash::of(&line));
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
            sessions.accept(session_key("t", name), index as u64, LeafHash::of(name.as_bytes()));
        }
        assert_eq!(sessions.end(&session_key("t", "x")).map(|end| end.seq), Some(1));
        assert!(sessions.end(&session_key("t", "y")).is_none());
        assert_eq!(sessions.ends.len(), 2);
    }

    #[test]
    fn who_writes_often_fills_no_memory() {
        let mut sessions = Sessions::new(2);
        for index in 0..1_000 {
            sessions.accept(session_key("t", "x"), index, LeafHash::ZERO);
            assert!(sessions.wrote.len() <= 68);
        }
        assert_eq!(sessions.end(&session_key("t", "x")).map(|end| end.seq), Some(999));
    }

    #[test]
    fn time_never_runs_backwards() {
        let mut chain = Chain::new("maais/1".into());
        let late = Timestamp::from_second(100).unwrap();
        let link = Link::of(Place { time: late, ..place("a", None) });
        chain.accept(&link, LeafHash::of(b"x"));
        assert_eq!(chain.time(Timestamp::UNIX_EPOCH), late);
    }

    #[test]
    fn times_have_nanoseconds_and_are_utc() {
        let mut text = Vec::new();
        put_time(Timestamp::UNIX_EPOCH, &mut text);
        assert_eq!(text, b"1970-01-01T00:00:00.000000000Z");
    }
}
