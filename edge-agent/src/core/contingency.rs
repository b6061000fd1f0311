//! From a loss to setpoints, within the scan that saw it.
//!
//! The centre has solved each credible loss ahead of time and sent the answers as a signed [`Table`]. While that table is
//! young its row is carried out; without one, the local priority rules ([`super::balance`]) say what the lost megawatts
//! ask for. Several losses at once are several rows: each lane takes the safest value.

use super::balance::{self, View};
use super::image::Image;
use super::trips::Trips;
use hypocaust_protocols::model::{Fleet, HeaderId, MainId, Plant, SourceId, SourceState, Tick};
use hypocaust_protocols::wire::{Contingency, Loss, Move, Table};
use serde::Serialize;
use std::collections::BTreeMap;

/// Where a set of moves came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The centre's table.
    Table,
    /// This edge's own priority rules.
    LocalRules,
}

#[derive(Debug, Clone)]
pub struct Contingencies {
    table: Option<Table>,
    /// Rows of an earlier table that the present one lacks, of sources that have just gone: the centre sees that a source
    /// no longer runs, and drops its row, before the trip's own delay is over here. With the end of their life.
    kept: Vec<(Contingency, Tick)>,
    ttl_ms: u64,
    /// Heat of each source before anything was wrong with it, MW.
    before: BTreeMap<SourceId, f64>,
    /// Each main that this plant can see: was it open, and what did it carry (positive `from` to `to`)?
    mains: BTreeMap<MainId, (bool, f64)>,
}

impl Contingencies {
    pub fn new(table_ttl_s: f64) -> Self {
        Self {
            table: None,
            kept: Vec::new(),
            ttl_ms: (table_ttl_s * 1000.0) as u64,
            before: BTreeMap::new(),
            mains: BTreeMap::new(),
        }
    }

    /// A table that the door let in. The newest epoch and tick win; one that came late is nothing.
    pub fn take(&mut self, now: Tick, view: View<'_>, table: Table) {
        if self.table.as_ref().is_some_and(|held| (table.epoch, table.tick) < (held.epoch, held.tick)) {
            return;
        }
        let gone = |lost: &Loss| match lost {
            Loss::Source(id) => view.plant.source(id.as_str()).is_some_and(|source| {
                let state = view.image.good(&source.state).and_then(SourceState::from_word);
                view.trips.suspects(id) || state != Some(SourceState::On)
            }),
            _ => false,
        };
        let told = |lost: &Loss| table.contingencies.iter().any(|c| c.lost == *lost);
        let keep = |row: &Contingency| gone(&row.lost) && !told(&row.lost);
        self.kept.retain(|(row, until)| now <= *until && keep(row));
        if self.valid(now).is_some()
            && let Some(held) = self.table.take()
        {
            let until = Tick(held.tick.0.saturating_add(held.ttl_ms.min(self.ttl_ms)));
            self.kept.extend(held.contingencies.into_iter().filter(keep).map(|row| (row, until)));
        }
        self.table = Some(table);
    }

    /// The table, while it may be acted from.
    pub fn valid(&self, now: Tick) -> Option<&Table> {
        self.table.as_ref().filter(|t| now.since(t.tick) <= t.ttl_ms.min(self.ttl_ms))
    }

    fn row(&self, now: Tick, lost: &Loss) -> Option<&Contingency> {
        let present = self.valid(now).and_then(|t| t.contingencies.iter().find(|c| c.lost == *lost));
        // The latest that was kept.
        let kept = || self.kept.iter().rev().find(|(c, until)| c.lost == *lost && now <= *until).map(|(c, _)| c);
        present.or_else(kept)
    }

    /// Remembers what healthy sources make and mains carry; returns the mains that have just closed and just opened.
    pub fn watch(&mut self, fleet: &Fleet, plant: &Plant, image: &Image, trips: &Trips) -> (Vec<MainId>, Vec<MainId>) {
        for source in &plant.sources {
            if !trips.suspects(&source.id)
                && let Some(heat) = image.good(&source.heat)
            {
                self.before.insert(source.id.clone(), heat.max(0.0));
            }
        }
        let (mut closed, mut opened) = (Vec::new(), Vec::new());
        for main in fleet.mains.iter().filter(|m| plant.tag(m.open.as_str()).is_some()) {
            let Some(flag) = image.good(&main.open) else { continue };
            let is_open = flag != 0.0;
            match self.mains.get_mut(&main.id) {
                Some((was_open, flow)) => {
                    if *was_open && !is_open {
                        closed.push(main.id.clone());
                    } else if !*was_open && is_open {
                        opened.push(main.id.clone());
                    }
                    *was_open = is_open;
                    if let Some(now) = image.good(&main.flow).filter(|_| is_open) {
                        *flow = now;
                    }
                }
                None => {
                    self.mains.insert(main.id.clone(), (is_open, image.good(&main.flow).unwrap_or(0.0)));
                }
            }
        }
        (closed, opened)
    }

    /// What the loss of a source asks for.
    pub fn source(&self, now: Tick, view: View<'_>, source: &SourceId) -> (Origin, Vec<Move>) {
        if let Some(row) = self.row(now, &Loss::Source(source.clone())) {
            return (Origin::Table, row.moves.clone());
        }
        let lost = self.before.get(source).copied().unwrap_or(0.0);
        let moves = view.plant.source(source.as_str()).map(|s| balance::meet(view, &s.header, lost));
        (Origin::LocalRules, moves.unwrap_or_default())
    }

    /// What the closing of a main asks for. When it was the last that joined this plant to others, the row of the island
    /// is carried out.
    pub fn main(&self, now: Tick, view: View<'_>, main: &MainId) -> (Origin, Vec<Move>) {
        let island = self.is_island(view).then(|| self.row(now, &Loss::Island(view.plant.id.clone()))).flatten();
        if let Some(row) = island.or_else(|| self.row(now, &Loss::Main(main.clone()))) {
            return (Origin::Table, row.moves.clone());
        }
        let moves = self.import(view, main).map(|(header, lost)| balance::meet(view, header, lost));
        (Origin::LocalRules, moves.unwrap_or_default())
    }

    /// The header of this plant that the main fed, and with how much.
    fn import<'a>(&self, view: View<'a>, id: &MainId) -> Option<(&'a HeaderId, f64)> {
        let main = view.fleet.mains.iter().find(|m| m.id == *id)?;
        let flow = self.mains.get(id)?.1;
        let (fed, mw) = if flow >= 0.0 { (&main.to, flow) } else { (&main.from, -flow) };
        let ours = view.plant.headers.iter().any(|h| h.id == *fed);
        ours.then_some((fed, mw * (1.0 - main.loss_fraction)))
    }

    /// Every main to another plant that this edge can see is closed, and there is one.
    fn is_island(&self, view: View<'_>) -> bool {
        let ours = |header: &HeaderId| view.plant.headers.iter().any(|h| h.id == *header);
        let mut outward = view.fleet.mains.iter().filter(|m| ours(&m.from) != ours(&m.to)).peekable();
        outward.peek().is_some() && outward.all(|m| self.mains.get(&m.id).is_some_and(|(open, _)| !open))
    }
}
