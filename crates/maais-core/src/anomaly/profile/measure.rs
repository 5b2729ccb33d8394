//! An action against a profile, feature by feature. Learns nothing.

use super::super::arithmetic::log2;
use super::super::feature::{Feature, Measured};
use super::super::observation::{Measure, Observation};
use super::super::spread::{Distance, Level};
use super::super::tally::{Novelty, Standing, Tally};
use super::super::time::{Clock, Moment};
use super::{HOURS, Pace, Profile, pair};

/// As many actions of the agent count as much as all of its peers'.
const PEERS_WEIGHT: f64 = 8.0;
/// Less than usual is half as unusual as more.
const LESS: f64 = 0.5;
/// Actions that are assumed to be spread evenly over the week.
const HOURS_PRIOR: f64 = 24.0;

/// A profile with its clock.
#[derive(Clone, Copy)]
struct View<'a> {
    profile: &'a Profile,
    clock: Clock,
    /// What its weights are to be multiplied with: its epoch is long ago.
    faded: bool,
}

impl<'a> View<'a> {
    fn of(profile: &'a Profile, now: Moment, pace: &Pace) -> Self {
        let (clock, rescale) = profile.clock(now.max(profile.last), pace);
        Self { profile, clock, faded: rescale.is_some() }
    }

    /// The p-value of a name, and how much it rests on.
    fn tail<const N: usize>(&self, name: u32, tally: &Tally<N>, novelty: &Novelty) -> (f64, f64) {
        let weight = if self.faded { 0.0 } else { novelty.total(&self.clock) };
        (tally.tail(name, novelty, &self.clock), weight)
    }
}

pub(super) fn measure(
    profile: &Profile,
    seen: &Observation,
    peers: Option<&Profile>,
    now: Moment,
    pace: &Pace,
) -> Measured {
    let own = View::of(profile, now, pace);
    let peers = peers.map(|peers| View::of(peers, now, pace));
    let mut measured = Measured::default();
    kind(&mut measured, seen, own, peers);
    name(&mut measured, Feature::Act, seen.act, own, peers, |p| (&p.acts, &p.act_novelty));
    if let Some(previous) = seen.previous.or(profile.previous) {
        let pair = pair(previous, seen.act);
        name(&mut measured, Feature::Transition, pair, own, peers, |p| (&p.pairs, &p.pair_novelty));
    }
    name(&mut measured, Feature::Shape, seen.shape, own, peers, |p| (&p.shapes, &p.shape_novelty));
    places(&mut measured, seen, own, peers);
    for (feature, measure) in [
        (Feature::Size, Measure::Size),
        (Feature::Count, Measure::Count),
        (Feature::Amount, Measure::Amount),
        (Feature::Marks, Measure::Marks),
        (Feature::Unasked, Measure::Unasked),
        (Feature::Strange, Measure::Strange),
    ] {
        let distance = distance(seen, measure, profile, peers.map(|view| view.profile));
        measured.set(feature, value(distance), distance.doublings);
    }
    rate(&mut measured, profile, now);
    hour(&mut measured, profile, now);
    denials(&mut measured, profile);
    measured
}

/// A p-value as a value: bits.
fn bits(tail: f64) -> f64 {
    -log2(tail.clamp(1e-9, 1.0))
}

/// A distance as a value: half of the deviations.
fn value(distance: Distance) -> f64 {
    0.5 * distance.z.max(-LESS * distance.z)
}

/// The agent's own p-value and its peers', by what each rests on.
fn blend((own, weight): (f64, f64), peers: Option<(f64, f64)>) -> f64 {
    let Some((theirs, support)) = peers else { return own };
    let prior = PEERS_WEIGHT.min(support);
    (weight * own + prior * theirs) / (weight + prior).max(1e-9)
}

fn name<const N: usize>(
    measured: &mut Measured,
    feature: Feature,
    name: u32,
    own: View<'_>,
    peers: Option<View<'_>>,
    part: impl Fn(&Profile) -> (&Tally<N>, &Novelty),
) {
    let tail = |view: View<'_>| {
        let (tally, novelty) = part(view.profile);
        view.tail(name, tally, novelty)
    };
    let standing = part(own.profile).0.standing(name, &own.clock);
    measured.set(feature, bits(blend(tail(own), peers.map(tail))), detail(standing));
}

fn detail(standing: Standing) -> f64 {
    match standing {
        Standing::New => 1.0,
        Standing::Trial => 2.0,
        Standing::Later | Standing::Known => 0.0,
    }
}

/// The least usual of the places.
fn places(measured: &mut Measured, seen: &Observation, own: View<'_>, peers: Option<View<'_>>) {
    let mut most = (-1.0, 0, Standing::Known);
    for (number, place) in seen.places.iter().enumerate() {
        let tail = |view: View<'_>| {
            let novelty = view.profile.place_novelty.get(place.kind as usize).copied().unwrap_or_default();
            view.tail(place.name, &view.profile.places, &novelty)
        };
        let unusual = bits(blend(tail(own), peers.map(tail)));
        if unusual > most.0 {
            most = (unusual, number, own.profile.places.standing(place.name, &own.clock));
        }
    }
    measured.set(Feature::Place, most.0, detail(most.2));
    measured.place = most.1;
}

fn kind(measured: &mut Measured, seen: &Observation, own: View<'_>, peers: Option<View<'_>>) {
    let share = |view: View<'_>| {
        let all: f32 = view.profile.kinds.iter().sum();
        let own = view.profile.kinds.get(seen.action_type.index()).copied().unwrap_or_default();
        let weight = f64::from(all / view.clock.weight());
        ((f64::from(own / view.clock.weight()) + 0.5) / (weight + 1.0), weight)
    };
    let first = own.profile.kinds.get(seen.action_type.index()).is_none_or(|weight| *weight <= 0.0);
    measured.set(Feature::Kind, bits(blend(share(own), peers.map(share))), f64::from(u8::from(first)));
}

/// From what is usual for this act, else for this act among the peers, else for the agent, else for the peers.
fn distance(seen: &Observation, measure: Measure, own: &Profile, peers: Option<&Profile>) -> Distance {
    let level: Level = seen.level(measure);
    let of_act = |profile: &Profile| {
        profile.spreads.get(profile.acts.position(seen.act)?)?.get(measure as usize).copied()
    };
    let overall = |profile: &Profile| profile.overall.get(measure as usize).copied();
    let candidates = [of_act(own), peers.and_then(of_act), overall(own), peers.and_then(overall)];
    let settled = candidates.into_iter().flatten().find(|spread| spread.is_settled());
    settled.map_or(Distance::default(), |spread| spread.distance(level))
}

fn rate(measured: &mut Measured, profile: &Profile, now: Moment) {
    let recent = profile.recent_with(now);
    let distances = profile.recent_usual.iter().zip(recent).filter(|(spread, _)| spread.is_settled());
    let distances = distances.map(|(spread, count)| spread.distance(Level::of(f64::from(count))));
    let most = distances.fold(Distance::default(), |most, one| if one.z > most.z { one } else { most });
    measured.set(Feature::Rate, value(most), most.doublings);
}

/// Bits by which the hour is less likely than if all were alike; its neighbours count half.
fn hour(measured: &mut Measured, profile: &Profile, now: Moment) {
    let hour = now.hour_of_week();
    let count = |hour: usize| f64::from(profile.hours.get(hour % HOURS).copied().unwrap_or_default());
    let near = 0.5 * count(hour) + 0.25 * count(hour + 1) + 0.25 * count(hour + HOURS - 1);
    let all: f64 = profile.hours.iter().map(|count| f64::from(*count)).sum();
    let even = HOURS as f64;
    let share = (near + HOURS_PRIOR / even) / (all + HOURS_PRIOR);
    measured.set(Feature::Hour, -log2(share * even), if count(hour) > 0.0 { 0.0 } else { 1.0 });
}

fn denials(measured: &mut Measured, profile: &Profile) {
    let [late, usual] = profile.refused.map(f64::from);
    measured.set(Feature::Denials, log2((late + 0.05) / (usual + 0.05)), late);
}
