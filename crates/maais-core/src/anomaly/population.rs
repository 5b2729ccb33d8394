//! The profiles of a tenant's agents and roles, within a bound.
//!
//! When it is full, room for a newcomer is made by another newcomer: of those that have learned least and were never
//! refused or flagged, the one that acted longest ago. Who is established, or suspect, is only forgotten by time or by a
//! person: however many names an attacker makes up, they push out each other and nobody else. A newcomer for whom
//! there is no room is untracked, which is said and never taken for usual.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use jiff::Timestamp;

use super::codec::StateError;
use super::detector::{Assessment, Detector, Settings};
use super::keyed::Key;
use super::observation::Observation;
use super::profile::{Outcome, Profile, Stage};
use super::time::Moment;

/// Roles that have a profile; agents of further ones have no peers.
const ROLES_MAX: usize = 64;

/// An agent's short name.
type Name = u64;

/// Who may have to go: how much was learned, when the last action was, who.
type Newcomer = (u8, Moment, Name);

/// Names are already hashes under a key.
#[derive(Debug, Default, Clone, Copy)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |all, byte| all.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// The profiles of a tenant.
#[derive(Debug, Clone)]
pub struct Population {
    key: Key,
    settings: Settings,
    agents_max: usize,
    detector: Detector,
    agents: HashMap<Name, Box<Profile>, BuildHasherDefault<Hashed>>,
    /// Those whom a newcomer may push out.
    newcomers: BTreeSet<Newcomer>,
    roles: BTreeMap<String, Profile>,
    untracked: u64,
}

impl Population {
    /// Of nobody. The seed decides the detector's trees; the key belongs to the deployment.
    pub fn new(key: Key, seed: u64, settings: Settings, agents_max: usize) -> Self {
        Self {
            key,
            settings,
            agents_max,
            detector: Detector::new(seed),
            agents: HashMap::default(),
            newcomers: BTreeSet::new(),
            roles: BTreeMap::new(),
            untracked: 0,
        }
    }

    /// How unusual an action is for an agent. Learns nothing: that is [`Population::settle`].
    pub fn assess(&self, agent: &str, role: Option<&str>, seen: &Observation, now: Timestamp) -> Assessment {
        let peers = role.and_then(|role| self.roles.get(role));
        match self.agents.get(&self.name(agent)) {
            Some(profile) => self.detector.assess(profile, peers, seen, now, &self.settings),
            None => {
                let stage = if self.has_room() { Stage::WarmUp { learned: 0 } } else { Stage::Untracked };
                let stranger = Profile::new(now);
                Assessment { stage, ..self.detector.assess(&stranger, peers, seen, now, &self.settings) }
            }
        }
    }

    /// Takes note of an action after its outcome is known. What was flagged is not learned as clean.
    pub fn settle(
        &mut self,
        agent: &str,
        role: Option<&str>,
        seen: &Observation,
        assessment: &Assessment,
        outcome: Outcome,
        now: Timestamp,
    ) {
        let outcome =
            if outcome == Outcome::Clean && assessment.flagged { Outcome::Flagged } else { outcome };
        let name = self.name(agent);
        if !self.agents.contains_key(&name) && !self.admit(name, now) {
            self.untracked = self.untracked.saturating_add(1);
            return;
        }
        let Some(profile) = self.agents.get_mut(&name) else { return };
        if let Some(place) = newcomer(name, profile) {
            self.newcomers.remove(&place);
        }
        profile.learn(seen, outcome, now, &self.settings.pace);
        let stage = profile.stage();
        if let Some(place) = newcomer(name, profile) {
            self.newcomers.insert(place);
        }
        self.detector.learn(assessment, outcome, profile.credit(), &self.settings);
        if let Some(role) = role {
            self.teach_role(role, stage, seen, outcome, now);
        }
    }

    /// Peers learn from everyone while they have no baseline; then only clean actions of those who are established.
    fn teach_role(&mut self, role: &str, stage: Stage, seen: &Observation, outcome: Outcome, now: Timestamp) {
        if !matches!(outcome, Outcome::Clean | Outcome::Approved) {
            return;
        }
        if !self.roles.contains_key(role) && self.roles.len() < ROLES_MAX {
            self.roles.insert(role.to_owned(), Profile::new(now));
        }
        let Some(peers) = self.roles.get_mut(role) else { return };
        if stage == Stage::Established || peers.stage() != Stage::Established {
            peers.learn(seen, outcome, now, &self.settings.pace);
        }
    }

    fn name(&self, agent: &str) -> Name {
        self.key.long_name(agent.as_bytes())
    }

    fn has_room(&self) -> bool {
        self.agents.len() < self.agents_max || !self.newcomers.is_empty()
    }

    /// Makes room for a newcomer, if that costs nobody but another newcomer.
    fn admit(&mut self, name: Name, now: Timestamp) -> bool {
        if self.agents.len() >= self.agents_max {
            let Some((_, _, other)) = self.newcomers.pop_first() else { return false };
            self.agents.remove(&other);
        }
        let profile = Profile::new(now);
        if let Some(place) = newcomer(name, &profile) {
            self.newcomers.insert(place);
        }
        self.agents.insert(name, Box::new(profile));
        true
    }

    /// The profile of an agent.
    pub fn profile(&self, agent: &str) -> Option<&Profile> {
        self.agents.get(&self.name(agent)).map(Box::as_ref)
    }

    /// The profile of a role.
    pub fn role(&self, role: &str) -> Option<&Profile> {
        self.roles.get(role)
    }

    /// Agents that have a profile.
    pub fn len(&self) -> usize {
        self.agents.len()
    }

    /// Whether nobody has one.
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// Actions of agents for which there was no room.
    pub fn untracked(&self) -> u64 {
        self.untracked
    }

    /// What is usual for the tenant as a whole.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// Takes a detector that was kept.
    pub fn restore_detector(&mut self, detector: Detector) {
        self.detector = detector;
    }

    /// Every profile under its short name, in their order: what is kept across restarts.
    pub fn profiles(&self) -> impl Iterator<Item = (u64, &Profile)> {
        let names: BTreeSet<Name> = self.agents.keys().copied().collect();
        names.into_iter().filter_map(|name| Some((name, self.agents.get(&name)?.as_ref())))
    }

    /// Takes a profile that was kept. Refused beyond the bound.
    ///
    /// # Errors
    /// Says what no profile holds, or that there is no room.
    pub fn restore(&mut self, name: u64, bytes: &[u8]) -> Result<(), StateError> {
        let profile = Profile::from_bytes(bytes)?;
        self.forget_name(name);
        if self.agents.len() >= self.agents_max {
            return Err(StateError::Invalid { what: "number of profiles" });
        }
        if let Some(place) = newcomer(name, &profile) {
            self.newcomers.insert(place);
        }
        self.agents.insert(name, Box::new(profile));
        Ok(())
    }

    /// Every role with its profile: what is kept across restarts.
    pub fn roles(&self) -> impl Iterator<Item = (&str, &Profile)> {
        self.roles.iter().map(|(role, profile)| (role.as_str(), profile))
    }

    /// Takes a role's profile that was kept. Refused beyond the bound.
    ///
    /// # Errors
    /// Says what no profile holds, or that there is no room.
    pub fn restore_role(&mut self, role: &str, bytes: &[u8]) -> Result<(), StateError> {
        let profile = Profile::from_bytes(bytes)?;
        if self.roles.len() >= ROLES_MAX && !self.roles.contains_key(role) {
            return Err(StateError::Invalid { what: "number of roles" });
        }
        self.roles.insert(role.to_owned(), profile);
        Ok(())
    }

    /// What is usual for an agent now becomes its baseline: a person has looked. Whether there is such an agent.
    pub fn accept(&mut self, agent: &str, now: Timestamp) -> bool {
        let name = self.name(agent);
        let Some(profile) = self.agents.get_mut(&name) else { return false };
        if let Some(place) = newcomer(name, profile) {
            self.newcomers.remove(&place);
        }
        profile.accept(now);
        true
    }

    /// Forgets an agent: a person asked for it. Whether there was such an agent.
    pub fn forget(&mut self, agent: &str) -> bool {
        self.forget_name(self.name(agent))
    }

    fn forget_name(&mut self, name: Name) -> bool {
        let Some(profile) = self.agents.remove(&name) else { return false };
        if let Some(place) = newcomer(name, &profile) {
            self.newcomers.remove(&place);
        }
        true
    }

    /// Forgets whoever has done nothing for that many days; says how many those were.
    pub fn expire(&mut self, days: u32, now: Timestamp) -> usize {
        let (now, before) = (Moment::of(now), self.agents.len());
        let keep_ms = f64::from(days) * 86_400_000.0;
        let newcomers = &mut self.newcomers;
        self.agents.retain(|name, profile| {
            let stays = now.since(profile.last()) <= keep_ms;
            if let Some(place) = newcomer(*name, profile).filter(|_| !stays) {
                newcomers.remove(&place);
            }
            stays
        });
        before - self.agents.len()
    }
}

/// The place of a profile among those that may have to go; none if it may not.
fn newcomer(name: Name, profile: &Profile) -> Option<Newcomer> {
    let may_go = profile.stage() != Stage::Established && profile.suspect() == 0;
    may_go.then(|| (profile.learned().checked_ilog2().map_or(0, |log| log as u8 + 1), profile.last(), name))
}

#[cfg(test)]
mod tests;
