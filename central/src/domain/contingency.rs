//! What each edge does at once when something is lost: solved ahead, one loss after the other.
//!
//! For every source that runs, every main, every header and the plant as an island the case without it is solved, and
//! what it changes becomes the moves of the plant that sees the loss first. An edge alone can lower caps and mains and
//! ask its own sources for more; so the case leaves the mains no more than they carry, and every move goes in the safe
//! direction of its setpoint. Sheds come first, lowest class first.
//!
//! Results wait unjournaled in [`Ahead`]; the table that leaves is an event. Losses that have no result yet (after a start,
//! when a source has come on) are solved at once, the others in turn. A row that cannot be solved, or that the check refuses,
//! keeps its last moves or is left out: there the edge acts by its own rules. The journal says so, and it is tried again in
//! its turn.

use super::case::Built;
use super::event::Event;
use super::image::Image;
use super::schedule::{Target, targets};
use super::state::State;
use hypocaust_optimizer::Solution;
use hypocaust_protocols::model::{Direction, Fleet, Millis, Plant, PlantId, SourceState, StartedBy};
use hypocaust_protocols::wire::{Contingency, Loss, Move};
use std::collections::{BTreeMap, BTreeSet};

/// One round over all losses takes about so many dispatch cycles.
const CYCLES_PER_ROUND: usize = 6;

/// Losses that are solved in one cycle at most, so that a big fleet's first table does not hold up dispatch.
const MOST_PER_CYCLE: usize = 20;

/// Moves by loss, of this leader's latest round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ahead {
    pub moves: BTreeMap<Loss, Vec<Move>>,
    /// Losses whose latest solve was of no use...
    refused: BTreeSet<Loss>,
    /// ...and what of that is not in the journal yet.
    untold: Vec<Event>,
    next: usize,
}

/// The losses that this plant's edge can see.
fn of_plant(fleet: &Fleet, image: &Image, plant: &Plant) -> Vec<Loss> {
    let running = |s: &&hypocaust_protocols::model::Source| image.source_state(s) == Some(SourceState::On);
    let mut losses: Vec<Loss> = plant.sources.iter().filter(running).map(|s| Loss::Source(s.id.clone())).collect();
    let own = |m: &&hypocaust_protocols::model::Main| fleet.plant_of(m.open.as_str()).is_some_and(|p| p.id == plant.id);
    let open = |m: &&hypocaust_protocols::model::Main| image.held(&m.open) != Some(0.0);
    losses.extend(fleet.mains.iter().filter(own).filter(open).map(|m| Loss::Main(m.id.clone())));
    losses.extend(plant.headers.iter().map(|h| Loss::Header(h.id.clone())));
    losses.push(Loss::Island(plant.id.clone()));
    losses
}

impl Ahead {
    /// The losses to solve in this cycle.
    pub fn due(&mut self, fleet: &Fleet, image: &Image, now: Millis) -> Vec<Loss> {
        let all: Vec<Loss> = fleet
            .plants
            .iter()
            .filter(|p| image.known(fleet, p, now) && image.linked(&p.id))
            .flat_map(|p| of_plant(fleet, image, p))
            .collect();
        self.moves.retain(|loss, _| all.contains(loss));
        self.refused.retain(|loss| all.contains(loss));
        let new = |loss: &&Loss| !self.moves.contains_key(*loss) && !self.refused.contains(*loss);
        let unsolved: Vec<Loss> = all.iter().filter(new).take(MOST_PER_CYCLE).cloned().collect();
        if all.is_empty() || !unsolved.is_empty() {
            return unsolved;
        }
        let count = all.len().div_ceil(CYCLES_PER_ROUND);
        let due = (0..count).map(|i| all[(self.next + i) % all.len()].clone()).collect();
        self.next = (self.next + count) % all.len();
        due
    }

    /// Takes the answer for one loss.
    pub fn solved(
        &mut self,
        fleet: &Fleet,
        image: &Image,
        loss: &Loss,
        built: &Built,
        solution: &Solution,
        now: Millis,
    ) {
        self.refused.remove(loss);
        let Some(plant) = seen_by(fleet, loss) else { return };
        let moves = moves(fleet, image, plant, loss, built, solution, now);
        self.moves.insert(loss.clone(), moves);
    }

    /// Takes notice that one loss has no answer of use. It is told once until it has one: the reason has figures in it that
    /// are others each time.
    pub fn refused(&mut self, loss: Loss, reason: String) {
        if self.refused.insert(loss.clone()) {
            self.untold.push(Event::LossRefused { lost: loss, reason });
        }
    }

    /// What of that the journal does not know.
    pub fn refusals(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.untold)
    }

    /// Tables that are to be issued: those that know of more losses, changed or grow old. To be asked while no solve of a
    /// loss is under way.
    pub fn tables(&self, fleet: &Fleet, image: &Image, state: &State, now: Millis) -> Vec<Event> {
        let mut events = Vec::new();
        for plant in fleet.plants.iter().filter(|p| image.known(fleet, p, now) && image.linked(&p.id)) {
            let losses = of_plant(fleet, image, plant);
            let known = |lost: Loss| Some(Contingency { moves: self.moves.get(&lost)?.clone(), lost });
            let contingencies: Vec<Contingency> = losses.into_iter().filter_map(known).collect();
            if contingencies.is_empty() {
                continue;
            }
            let due = state.tables.get(&plant.id).is_none_or(|issued| {
                let age = now.since(issued.at) as f64 / 1000.0;
                let news = |c: &Contingency| !issued.contingencies.iter().any(|old| old.lost == c.lost);
                age > fleet.limits.table_ttl_s / 3.0
                    || contingencies.iter().any(news)
                    || age > min_age_s(fleet) && changed(fleet, &issued.contingencies, &contingencies)
            });
            if due {
                events.push(Event::TableIssued { plant: plant.id.clone(), contingencies });
            }
        }
        events
    }
}

/// Tables follow the load no oftener than once in a round.
fn min_age_s(fleet: &Fleet) -> f64 {
    fleet.limits.dispatch_period_s * CYCLES_PER_ROUND as f64
}

/// Do the two differ by more than movement that dispatch would not send either?
fn changed(fleet: &Fleet, old: &[Contingency], new: &[Contingency]) -> bool {
    old.len() != new.len()
        || old.iter().zip(new).any(|(a, b)| {
            a.lost != b.lost
                || a.moves.len() != b.moves.len()
                || a.moves.iter().zip(&b.moves).any(|(x, y)| x.setpoint != y.setpoint || differs(fleet, x, y.value))
        })
}

fn differs(fleet: &Fleet, a: &Move, value: f64) -> bool {
    fleet
        .setpoint(a.setpoint.as_str())
        .is_some_and(|(_, s)| (a.value - value).abs() > fleet.limits.movement_share * (s.max - s.min))
}

/// The plant whose edge sees this loss first.
fn seen_by<'a>(fleet: &'a Fleet, loss: &Loss) -> Option<&'a Plant> {
    match loss {
        Loss::Source(id) => fleet.plant_of(id.as_str()),
        Loss::Header(id) => fleet.plant_of(id.as_str()),
        Loss::Island(id) => fleet.plant(id.as_str()),
        Loss::Main(id) => fleet.mains.iter().find(|m| m.id == *id).and_then(|m| fleet.plant_of(m.open.as_str())),
    }
}

fn moves(
    fleet: &Fleet,
    image: &Image,
    plant: &Plant,
    loss: &Loss,
    built: &Built,
    solution: &Solution,
    now: Millis,
) -> Vec<Move> {
    let lost_source = |t: &Target| {
        plant.sources.iter().any(|s| {
            s.setpoint == t.setpoint
                && match loss {
                    Loss::Source(id) => *id == s.id,
                    Loss::Header(id) => *id == s.header,
                    _ => false,
                }
        })
    };
    let mut found: Vec<(u8, Move)> = targets(fleet, image, built, solution)
        .into_iter()
        .filter(|t| t.plant == plant.id && !lost_source(t))
        .filter_map(|t| {
            let (_, spec) = fleet.setpoint(t.setpoint.as_str())?;
            let shown = image.good(fleet, &t.setpoint, now)?;
            let safe = match spec.safe_direction {
                Direction::Down => t.value < shown,
                Direction::Up => t.value > shown,
            };
            let worth = (t.value - shown).abs() > fleet.limits.movement_share * (spec.max - spec.min);
            let class = plant.capped_by(&t.setpoint).map_or(0, |c| c.class.rank());
            (safe && worth).then_some((class, Move { setpoint: t.setpoint, value: t.value }))
        })
        .collect();
    // Heat that stands still is asked for as soon as somebody has to be shed.
    if found.iter().any(|(class, _)| *class > 0) {
        for source in &plant.sources {
            let off = image.source_state(source) == Some(SourceState::Off) && source.started_by == StartedBy::Hypocaust;
            if let (true, Some(setpoint)) = (off, source.start_request.clone()) {
                found.push((0, Move { setpoint, value: 1.0 }));
            }
        }
    }
    found.sort_by_key(|(class, _)| std::cmp::Reverse(*class));
    found.into_iter().map(|(_, m)| m).collect()
}

/// What is left of a table's life, ms; `None` when it is over.
pub fn ttl_left(fleet: &Fleet, issued: Millis, now: Millis) -> Option<u64> {
    let left = (fleet.limits.table_ttl_s * 1000.0) as i64 - now.since(issued).max(0);
    u64::try_from(left).ok().filter(|l| *l > 0)
}

/// Plants with a table, for sending it again.
pub fn issued(state: &State) -> impl Iterator<Item = (&PlantId, &super::state::Issued)> {
    state.tables.iter()
}
