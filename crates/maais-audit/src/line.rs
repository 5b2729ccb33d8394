//! One record line: its chain fields, and whether it is the record that must come next.
//!
//! Judges the bytes alone; where they came from and what the head says is for others.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

use crate::canonical;
use crate::chain::{BEGINNING_BYTES, Chain, LINE_BYTES_MAX, Link, Mode, Place};
use crate::entry::Kind;
use crate::inspect::Alone;
use crate::keys::Keyring;
use crate::leaf::LeafHash;
use crate::roll::RollRoot;

/// The fields that every record has.
#[derive(Debug, Deserialize)]
pub(crate) struct Fields<'a> {
    #[serde(rename = "_log", borrow)]
    pub(crate) log: Cow<'a, str>,
    #[serde(rename = "_mode", borrow)]
    pub(crate) mode: Cow<'a, str>,
    #[serde(rename = "_prev", borrow)]
    pub(crate) prev: Cow<'a, str>,
    #[serde(rename = "_seq")]
    pub(crate) seq: u64,
    #[serde(rename = "_session", borrow, default)]
    pub(crate) session: Option<Cow<'a, str>>,
    #[serde(rename = "_tenant", borrow)]
    pub(crate) tenant: Cow<'a, str>,
    #[serde(rename = "_time", borrow)]
    pub(crate) time: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Cow<'a, str>,
}

/// What a good line is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Good {
    pub(crate) leaf: LeafHash,
    pub(crate) time: Timestamp,
    pub(crate) kind: Kind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) kind: BadKind,
    pub(crate) why: String,
}

/// What a bad line may be taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadKind {
    /// No record at all: garbage, or one that was not written to its end.
    Unreadable,
    /// It does not cite the line before it: that one may be the changed one.
    Unlinked,
    /// A record that belongs further on.
    Early,
    /// A record that no log would hold here.
    Wrong,
}

/// Whether `line` (without its newline) is the next record of `chain`, which then takes it in.
pub(crate) fn check(chain: &mut Chain, keys: &mut Keyring, line: &[u8], alone: &Alone) -> Result<Good, Bad> {
    if line.len() > LINE_BYTES_MAX {
        return Err(bad(BadKind::Unreadable, format!("longer than {LINE_BYTES_MAX} bytes")));
    }
    if let Some((link, kind)) = quickly(chain, line, alone) {
        return take(chain, keys, line, alone.leaf, &link, kind);
    }
    let fields: Fields<'_> = serde_json::from_slice(line)
        .map_err(|error| bad(BadKind::Unreadable, format!("not a record: {error}")))?;
    let (mode, time, kind) = check_fields(chain, &fields)?;
    let place = Place { mode, tenant: &fields.tenant, session: fields.session.as_deref(), time };
    let link = Link::of(place);
    if beginning_of(chain, &link, line).is_none() {
        let why = "its tenant or session chain does not continue the one before it, or its time is spelled otherwise";
        return Err(bad(BadKind::Wrong, why));
    }
    canonical::check(line).map_err(|error| bad(BadKind::Wrong, error.to_string()))?;
    take(chain, keys, line, alone.leaf, &link, kind)
}

/// The place in the chain and the kind, if what was seen of the line alone is enough to say that it is good.
fn quickly<'a>(chain: &Chain, line: &'a [u8], alone: &Alone) -> Option<(Link<'a>, Kind)> {
    let quick = alone.quick.as_ref()?;
    let kind = quick.form.as_ref().ok().copied().flatten()?;
    let (session, key) = quick.session(line).unzip();
    let place = Place { mode: quick.mode, tenant: quick.tenant(line)?, session, time: quick.time };
    let link = Link::with(place, key);
    let is_next = chain.time(place.time) == place.time && beginning_of(chain, &link, line) == Some(quick.end);
    is_next.then_some((link, kind))
}

/// Where the beginning of the line ends, if it is what the chain asks for.
fn beginning_of(chain: &Chain, link: &Link<'_>, line: &[u8]) -> Option<usize> {
    let mut beginning = Vec::with_capacity(BEGINNING_BYTES);
    chain.beginning(link, &mut beginning);
    let is_it = line.starts_with(&beginning) && line.get(beginning.len()) == Some(&b',');
    is_it.then_some(beginning.len())
}

fn take(
    chain: &mut Chain,
    keys: &mut Keyring,
    line: &[u8],
    leaf: LeafHash,
    link: &Link<'_>,
    kind: Kind,
) -> Result<Good, Bad> {
    let time = link.place.time;
    if kind == Kind::Key {
        keys.accept(line, time, chain).map_err(|why| bad(BadKind::Wrong, why))?;
    }
    if kind == Kind::Roll {
        check_roll(chain, line).map_err(|why| bad(BadKind::Wrong, why))?;
    }
    chain.accept(link, leaf);
    Ok(Good { leaf, time, kind })
}

/// A roll says where the chains of all tenants end before it.
fn check_roll(chain: &Chain, line: &[u8]) -> Result<(), String> {
    match RollRoot::read(line)? == chain.roll().root() {
        true => Ok(()),
        false => Err("its roll is not that of the records before it".to_owned()),
    }
}

fn check_fields(chain: &Chain, fields: &Fields<'_>) -> Result<(Mode, Timestamp, Kind), Bad> {
    let wrong = |why: String| Err(bad(BadKind::Wrong, why));
    if fields.log != **chain.origin() {
        return wrong(format!("`_log` is `{}`, this log is `{}`", fields.log, chain.origin()));
    }
    if fields.seq != chain.size() {
        let (seq, size) = (fields.seq, chain.size());
        let kind = if seq > size { BadKind::Early } else { BadKind::Wrong };
        let why = format!("`_seq` is {seq} where {size} must follow: records are missing, added or moved");
        return Err(bad(kind, why));
    }
    if fields.prev.parse() != Ok(chain.leaf()) {
        let why = "`_prev` is not the leaf hash of the record before it: one of the two was changed";
        return Err(bad(BadKind::Unlinked, why));
    }
    let Ok(kind) = fields.kind.parse::<Kind>() else {
        return wrong(format!("`type` is `{}`, which no record has", fields.kind));
    };
    let Some(mode) = Mode::of(&fields.mode) else {
        return wrong(format!("`_mode` is `{}`, which no log has", fields.mode));
    };
    match fields.time.parse::<Timestamp>() {
        Ok(time) if chain.time(time) != time => wrong("`_time` is earlier than the record before it".into()),
        Ok(time) => Ok((mode, time, kind)),
        Err(_) => wrong(format!("`_time` is `{}`, which is no time", fields.time)),
    }
}

fn bad(kind: BadKind, why: impl Into<String>) -> Bad {
    Bad { kind, why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Chain {
        Chain::new("maais/1".into())
    }

    fn beginning(chain: &Chain, place: Place<'_>) -> Vec<u8> {
        let mut line = Vec::new();
        chain.beginning(&Link::of(place), &mut line);
        line
    }

    fn line(rest: &str) -> Vec<u8> {
        let place =
            Place { mode: Mode::Durable, tenant: "t", session: Some("s"), time: Timestamp::UNIX_EPOCH };
        let mut line = beginning(&chain(), place);
        line.extend_from_slice(rest.as_bytes());
        line
    }

    fn judged(line: &[u8]) -> Result<Good, Bad> {
        check(&mut chain(), &mut Keyring::default(), line, &Alone::of(line))
    }

    #[test]
    fn what_the_chain_asks_for_is_good() {
        assert!(judged(&line(",\"a\":1,\"type\":\"start\"}")).is_ok());
    }

    #[test]
    fn a_line_is_refused_for_what_is_wrong_with_it() {
        let good = String::from_utf8(line(",\"a\":1,\"type\":\"start\"}")).unwrap();
        let cases = [
            (good.replace("\"a\":1", "\"a\": 1"), BadKind::Wrong, "canonical"),
            (good.replace("\"a\":1", "\"b\":1,\"a\":1"), BadKind::Wrong, "canonical"),
            (good.replace("\"a\":1", "\"a\":1,\"a\":1"), BadKind::Wrong, "canonical"),
            (good.replace("\"a\":1", "\"a\":1.0"), BadKind::Wrong, "canonical"),
            (good.replace("start", "begin"), BadKind::Wrong, "`type`"),
            (good.replace("maais/1", "maais/2"), BadKind::Wrong, "`_log`"),
            (good.replace("\"_seq\":0", "\"_seq\":1"), BadKind::Early, "`_seq`"),
            (good.replace("\"_tenant_seq\":0", "\"_tenant_seq\":1"), BadKind::Wrong, "tenant"),
            (good.replace("\"_session_seq\":0", "\"_session_seq\":1"), BadKind::Wrong, "session"),
            (good.replace("durable", "volatile"), BadKind::Wrong, "`_mode`"),
            (good.replace(".000000000Z", "Z"), BadKind::Wrong, "spelled"),
            (good.replacen('0', "1", 1), BadKind::Unlinked, "`_prev`"),
            (good[..good.len() - 1].to_owned(), BadKind::Unreadable, "not a record"),
            (
                good.replace("\"a\":1", &format!("\"a\":\"{}\"", "x".repeat(40_000))),
                BadKind::Unreadable,
                "longer",
            ),
        ];
        for (line, kind, why) in cases {
            let bad = judged(line.as_bytes()).unwrap_err();
            assert_eq!(bad.kind, kind, "{line}");
            assert!(bad.why.contains(why), "{why}: {}", bad.why);
        }
    }

    #[test]
    fn a_record_may_not_be_earlier_than_the_one_before() {
        let mut chain = chain();
        let early = line(",\"type\":\"start\"}");
        let late = Place {
            mode: Mode::Durable,
            tenant: "x",
            session: None,
            time: Timestamp::from_second(9).unwrap(),
        };
        let mut first = beginning(&chain, late);
        first.extend_from_slice(b",\"type\":\"start\"}");
        check(&mut chain, &mut Keyring::default(), &first, &Alone::of(&first)).unwrap();
        let second = String::from_utf8(early).unwrap().replace("\"_seq\":0", "\"_seq\":1");
        let second = second.replace(
            &format!("\"_prev\":\"{}\"", LeafHash::ZERO),
            &format!("\"_prev\":\"{}\"", chain.leaf()),
        );
        assert!(
            check(&mut chain, &mut Keyring::default(), second.as_bytes(), &Alone::of(second.as_bytes()))
                .unwrap_err()
                .why
                .contains("earlier")
        );
    }
}
