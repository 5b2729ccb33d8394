//! Time of day and weekday, in a zone.

use std::ops::Range;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::super::model::Hours;
use crate::document::{Node, Reader, listed};
use crate::suggest::did_you_mean;

const FIELDS: [&str; 3] = ["hours", "weekdays", "zone"];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const ALL_WEEKDAYS: u8 = 0x7f;

/// `time: {hours, weekdays, zone}`.
pub(super) fn hours(reader: &mut Reader<'_>, node: &Node) -> Option<Hours> {
    let fields = reader.map(node, "time", &FIELDS)?;
    if fields.field("hours").is_none() && fields.field("weekdays").is_none() {
        let help = "such as `hours: '09:00-17:00'` or `weekdays: [mon-fri]`".to_owned();
        reader.error(&node.span, "`time` says no time", "in this one", Some(help));
        return None;
    }
    let ranges = match fields.field("hours") {
        Some(node) => {
            let texts = reader.texts(node, "hours");
            super::all_or_nothing(texts.iter().map(|(text, span)| range(reader, text, span)).collect())
                .filter(|ranges| !ranges.is_empty())?
        }
        None => vec![(0, 0)],
    };
    let weekdays = match fields.field("weekdays") {
        Some(node) => weekdays(reader, node)?,
        None => ALL_WEEKDAYS,
    };
    let zone_name = match fields.field("zone") {
        Some(node) => reader.text(node, "zone")?,
        None => "UTC".to_owned(),
    };
    let zone = zone(reader, &zone_name, fields.field("zone").map_or(&node.span, |node| &node.span))?;
    Some(Hours { ranges, weekdays, zone, zone_name })
}

/// Seconds of the day: `09:00-17:30`.
fn range(reader: &mut Reader<'_>, text: &str, span: &Range<usize>) -> Option<(u32, u32)> {
    let clock = |text: &str| {
        let (hours, minutes) = text.trim().split_once(':')?;
        let two = |text: &str| (text.len() == 2).then(|| text.parse::<u32>().ok()).flatten();
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        (minutes < 60 && (hours < 24 || (hours == 24 && minutes == 0)))
            .then_some(hours * 3_600 + minutes * 60)
    };
    let parsed = text.split_once('-').and_then(|(from, to)| Some((clock(from)?, clock(to)?)));
    if parsed.is_none() {
        let help = "write `09:00-17:00`; `22:00-06:00` goes over midnight".to_owned();
        reader.error(span, format!("`{text}` is no range of hours"), "here", Some(help));
    }
    parsed
}

fn weekdays(reader: &mut Reader<'_>, node: &Node) -> Option<u8> {
    let mut set = 0;
    let texts = reader.texts(node, "weekdays");
    for (text, span) in &texts {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let position = |word: &str| WEEKDAYS.iter().position(|day| *day == word.trim());
        let (Some(from), Some(to)) = (position(from), position(to)) else {
            let meant = did_you_mean(text, WEEKDAYS);
            let help = format!("one of {}, or a range such as `mon-fri`{meant}", listed(&WEEKDAYS));
            reader.error(span, format!("`{text}` is no weekday"), "here", Some(help));
            return None;
        };
        let mut day = from;
        loop {
            set |= 1 << day;
            if day == to {
                break;
            }
            day = (day + 1) % WEEKDAYS.len();
        }
    }
    (set != 0).then_some(set)
}

/// A zone of the IANA database as it was when this was built.
fn zone(reader: &mut Reader<'_>, name: &str, span: &Range<usize>) -> Option<TimeZone> {
    let zone = if name == "UTC" { Ok(TimeZone::UTC) } else { TimeZoneDatabase::bundled().get(name) };
    if zone.is_err() {
        let database = TimeZoneDatabase::bundled();
        let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
        let meant = did_you_mean(name, names.iter().map(String::as_str));
        let help = format!("a name of the IANA time zone database, such as `Europe/Berlin`{meant}");
        reader.error(span, format!("there is no time zone `{name}`"), "unknown", Some(help));
    }
    zone.ok()
}
