//! What the centre sees of the plants now. It is not journaled: a decision cites the window of telemetry that it used.
//!
//! A number leaves the image for a decision only through [`Image::good`] (usable now) or [`Image::held`] (the last one
//! that was usable, for things that are assumed to stay as they are while nobody can see them).

use super::balance::Balances;
use super::input::{Spool, Status};
use crate::journal::Head;
use hypocaust_protocols::model::{
    BadReason, DeviceId, Fleet, Millis, Plant, PlantId, Quality, Sample, Source, SourceId, SourceState, TagId, Tick,
    TripId, Value,
};
pub use hypocaust_protocols::wire::Mode;
use std::collections::{BTreeMap, BTreeSet};

/// A tag as it was last heard of.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub value: Value,
    pub quality: Quality,
    pub source_time: Millis,
    pub received: Millis,
    /// The last number that was good, and when it was received.
    pub last_good: Option<(f64, Millis)>,
}

/// An edge as it was last heard of.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    pub link: bool,
    pub boot: u64,
    /// When it was first heard of since it was started.
    pub heard: Millis,
    pub tick: Tick,
    pub mode: Mode,
    /// Since when it has been `remote` without a break; before that it was on its own.
    pub remote_since: Option<Millis>,
    pub trips: BTreeSet<TripId>,
    pub devices: BTreeMap<DeviceId, Option<String>>,
    pub spool: Option<Spool>,
    /// The highest epoch and the latest head that it knows.
    pub anchor: Option<(u64, Option<Head>)>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Image {
    pub tags: BTreeMap<TagId, Seen>,
    pub edges: BTreeMap<PlantId, Edge>,
    /// State of each source and since when, by receipt.
    pub states: BTreeMap<SourceId, (SourceState, Millis)>,
    /// What the headers' meters leave unexplained.
    pub balances: Balances,
}

impl Image {
    /// A birth or a status of an edge.
    pub fn status(&mut self, plant: &PlantId, status: &Status, now: Millis) {
        let edge = self.edges.entry(plant.clone()).or_insert_with(|| Edge {
            link: true,
            boot: status.boot,
            heard: now,
            tick: status.tick,
            mode: Mode::Holding,
            remote_since: None,
            trips: BTreeSet::new(),
            devices: BTreeMap::new(),
            spool: None,
            anchor: None,
        });
        // Of one boot ticks only rise; a message that was held back must not turn them back.
        if status.boot < edge.boot {
            return;
        }
        if status.boot > edge.boot {
            edge.heard = now;
        }
        edge.tick = if status.boot > edge.boot { status.tick } else { edge.tick.max(status.tick) };
        edge.boot = status.boot;
        edge.link = true;
        if let Some(mode) = status.mode {
            edge.mode = mode;
            edge.remote_since = match (mode, edge.remote_since) {
                (Mode::Remote, None) => Some(now),
                (Mode::Remote, since) => since,
                // A hold changes nothing at the plant, so the way back from it need not be gradual.
                (Mode::Holding, since) => since,
                _ => None,
            };
        }
        if let Some(trips) = &status.trips {
            edge.trips = trips.iter().cloned().collect();
        }
        if let Some(devices) = &status.devices {
            edge.devices = devices.clone();
        }
        if let Some(spool) = status.spool {
            edge.spool = Some(spool);
        }
        if let Some(anchor) = status.anchor {
            edge.anchor = Some(anchor);
        }
    }

    pub fn lost(&mut self, plant: &PlantId) {
        if let Some(edge) = self.edges.get_mut(plant) {
            edge.link = false;
        }
    }

    /// Takes samples, unless a later one of the tag is here already. Backlog that drains after an outage is late in
    /// just this way.
    pub fn samples(&mut self, fleet: &Fleet, samples: &[Sample], now: Millis) {
        for sample in samples {
            let before = self.tags.get(&sample.tag);
            if before.is_some_and(|b| b.source_time > sample.time) || fleet.tag(sample.tag.as_str()).is_none() {
                continue;
            }
            let last_good = sample.good().map(|v| (v, now)).or(before.and_then(|b| b.last_good));
            let seen = Seen {
                value: sample.value,
                quality: sample.quality.clone(),
                source_time: sample.time,
                received: now,
                last_good,
            };
            self.tags.insert(sample.tag.clone(), seen);
        }
        for (_, source) in fleet.sources() {
            let Some(state) = self.held(&source.state).and_then(SourceState::from_word) else { continue };
            if self.states.get(&source.id).is_none_or(|(s, _)| *s != state) {
                self.states.insert(source.id.clone(), (state, now));
            }
        }
    }

    /// Looks at the meters of the headers, which need to be looked at as time passes.
    pub fn look(&mut self, fleet: &Fleet, now: Millis) {
        let mut balances = std::mem::take(&mut self.balances);
        balances.look(fleet, self, now);
        self.balances = balances;
    }

    pub fn linked(&self, plant: &PlantId) -> bool {
        self.edges.get(plant).is_some_and(|e| e.link)
    }

    /// The quality of a tag now: what came with it, unless its edge is lost or nothing was heard of it for `data_age_s`.
    /// An edge reports every tag more often than that, a quiet one too (`check` sees to it), so silence beyond it is no
    /// quiet. By the time of receipt: the clock of a plant may be wrong. What is bad stays bad for its own reason: an
    /// edge does not repeat that a device is lost.
    ///
    /// Pages and decisions ask here, both with the same limit.
    pub fn quality(&self, fleet: &Fleet, plant: &PlantId, tag: &TagId, now: Millis) -> Quality {
        let Some(seen) = self.tags.get(tag) else { return Quality::Bad(BadReason::NotRead) };
        if !self.linked(plant) {
            return Quality::Bad(BadReason::EdgeLost);
        }
        let old = now.since(seen.received) as f64 > fleet.limits.data_age_s * 1000.0;
        match &seen.quality {
            Quality::Good | Quality::Uncertain(_) if old => Quality::Bad(BadReason::Stale),
            quality => quality.clone(),
        }
    }

    /// The number of a tag, where it may be used now.
    pub fn good(&self, fleet: &Fleet, tag: &TagId, now: Millis) -> Option<f64> {
        let (plant, _) = fleet.tag(tag.as_str())?;
        let quality = self.quality(fleet, &plant.id, tag, now);
        if quality.is_good() { self.tags.get(tag)?.value } else { None }
    }

    /// The last good number of a tag, however old.
    pub fn held(&self, tag: &TagId) -> Option<f64> {
        self.tags.get(tag)?.last_good.map(|g| g.0)
    }

    pub fn source_state(&self, source: &Source) -> Option<SourceState> {
        self.states.get(&source.id).map(|s| s.0)
    }

    /// Has this plant been seen whole at least once, so that it can be planned for? A birth names every tag before one is
    /// read; planned for by that, nothing would burn and everybody would be short. An edge that has just started tells the
    /// same of a device that it has not reached yet: it is given `data_age_s` for that. What it could not read by then has
    /// been looked at: that plant is planned for with what there is.
    pub fn known(&self, fleet: &Fleet, plant: &Plant, now: Millis) -> bool {
        let Some(edge) = self.edges.get(&plant.id) else { return false };
        let starts = now.since(edge.heard) as f64 <= fleet.limits.data_age_s * 1000.0;
        let waits =
            |seen: &Seen| seen.last_good.is_none() && (starts || seen.quality.reason() == Some(&BadReason::NotRead));
        let looked = |tag: &TagId| self.tags.get(tag).is_some_and(|seen| !waits(seen));
        plant.sources.iter().all(|s| looked(&s.state) && looked(&s.heat))
            && plant.consumers.iter().all(|c| looked(&c.asked))
    }

    /// Every trip that is latched at an edge.
    pub fn trips(&self) -> Vec<TripId> {
        self.edges.values().flat_map(|e| e.trips.iter().cloned()).collect()
    }

    /// Oldest and newest receipt among the tags of linked plants.
    pub fn window(&self) -> Option<(Millis, Millis)> {
        let mut times = self.tags.values().map(|s| s.received);
        let first = times.next()?;
        Some(times.fold((first, first), |(a, b), t| (a.min(t), b.max(t))))
    }
}
