//! A profile's binary form. At most [`super::PROFILE_BYTES_MAX`] bytes.

use super::super::codec::{Reader, StateError, Writer};
use super::super::credit::Credit;
use super::super::observation::MEASURES;
use super::super::spread::Spread;
use super::super::tally::{Novelty, Tally, WEIGHT_MAX};
use super::super::time::{Minute, Moment};
use super::{HOURS, Profile};

const MAGIC: [u8; 4] = *b"MApr";
const VERSION: u8 = 1;

impl Profile {
    /// The profile in its binary form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC, VERSION);
        writer.u64(self.epoch.0);
        writer.u64(self.first.0);
        writer.u64(self.last.0);
        optional(&mut writer, self.frozen.map(|minute| minute.0));
        self.credit.write(&mut writer);
        writer.u32(self.learned);
        writer.u32(self.suspect);
        optional(&mut writer, self.previous);
        self.kinds.iter().for_each(|weight| writer.f32(*weight));
        self.acts.write(&mut writer);
        let spreads = self.spreads.iter().flatten().chain(&self.overall);
        spreads.for_each(|spread| spread.write(&mut writer));
        self.pairs.write(&mut writer);
        self.shapes.write(&mut writer);
        self.places.write(&mut writer);
        let novelties = [&self.act_novelty, &self.pair_novelty, &self.shape_novelty];
        novelties.into_iter().chain(&self.place_novelty).for_each(|novelty| novelty.write(&mut writer));
        writer.raw(&self.hours);
        self.recent_usual.iter().for_each(|spread| spread.write(&mut writer));
        self.recent.iter().chain(&self.refused).for_each(|number| writer.f32(*number));
        writer.finish()
    }

    /// Reads what [`Profile::to_bytes`] wrote.
    ///
    /// # Errors
    /// Says what no profile holds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut reader = Reader::new(bytes, MAGIC, VERSION, "profile")?;
        let reader = &mut reader;
        let (epoch, first, last) = (Moment(reader.u64()?), Moment(reader.u64()?), Moment(reader.u64()?));
        let frozen = read_optional(reader)?.map(Minute);
        let credit = Credit::read(reader)?;
        let (learned, suspect) = (reader.u32()?, reader.u32()?);
        let previous = read_optional(reader)?;
        let mut kinds = [0.0; 8];
        for weight in &mut kinds {
            *weight = reader.f32(0.0, WEIGHT_MAX, "weight")?;
        }
        let acts = Tally::read(reader)?;
        let mut spreads = Vec::with_capacity(acts.len());
        for _ in 0..acts.len() {
            spreads.push(spreads_of(reader)?);
        }
        let profile = Self {
            epoch,
            first,
            last,
            frozen,
            credit,
            learned,
            suspect,
            previous,
            kinds,
            acts,
            spreads,
            overall: spreads_of(reader)?,
            pairs: Tally::read(reader)?,
            shapes: Tally::read(reader)?,
            places: Tally::read(reader)?,
            act_novelty: Novelty::read(reader)?,
            pair_novelty: Novelty::read(reader)?,
            shape_novelty: Novelty::read(reader)?,
            place_novelty: novelties(reader)?,
            hours: hours(reader)?,
            recent_usual: [Spread::read(reader)?, Spread::read(reader)?],
            recent: [reader.f32(0.0, 1e9, "rate")?, reader.f32(0.0, 1e9, "rate")?],
            refused: [reader.f32(0.0, 1.0, "share")?, reader.f32(0.0, 1.0, "share")?],
        };
        reader.end()?;
        if epoch > last || first > last {
            return Err(StateError::Invalid { what: "order of times" });
        }
        Ok(profile)
    }
}

fn optional(writer: &mut Writer, number: Option<u32>) {
    writer.u8(u8::from(number.is_some()));
    if let Some(number) = number {
        writer.u32(number);
    }
}

fn read_optional(reader: &mut Reader<'_>) -> Result<Option<u32>, StateError> {
    match reader.u8()? {
        0 => Ok(None),
        1 => reader.u32().map(Some),
        _ => Err(StateError::Invalid { what: "choice" }),
    }
}

fn spreads_of(reader: &mut Reader<'_>) -> Result<[Spread; MEASURES], StateError> {
    let mut spreads = [Spread::default(); MEASURES];
    for spread in &mut spreads {
        *spread = Spread::read(reader)?;
    }
    Ok(spreads)
}

fn novelties<const N: usize>(reader: &mut Reader<'_>) -> Result<[Novelty; N], StateError> {
    let mut novelties = [Novelty::default(); N];
    for novelty in &mut novelties {
        *novelty = Novelty::read(reader)?;
    }
    Ok(novelties)
}

fn hours(reader: &mut Reader<'_>) -> Result<[u8; HOURS], StateError> {
    reader.raw(HOURS)?.try_into().map_err(|_| StateError::Truncated)
}
