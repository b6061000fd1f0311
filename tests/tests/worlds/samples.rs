//! Every spooled sample arrives once, as it was and in order, and nothing else does; with the ledger, the acknowledgement or the
//! order gone, or a history that rounds or adds, it is not so.

use crate::fleet;
use hypocaust_central::telemetry::{Fate, Mark};
use hypocaust_edge::core::{Birth, Core, Effect, Input, Memory, Now};
use hypocaust_protocols::model::{Fleet, PlantId};
use hypocaust_protocols::wire::{Entry, Range, VerifyingKey};
use hypocaust_sim::world::{EdgeNode, History, Ledgered, Makers, Weather, World};
use hypocaust_tests::checks;
use std::sync::Arc;

/// A history that does not look into its ledger.
#[derive(Default)]
struct Credulous {
    ledger: Ledgered,
    rows: Vec<(PlantId, Entry, u64)>,
}

impl History for Credulous {
    fn store(&mut self, plant: &PlantId, entry: Entry, round: u64) -> Fate {
        self.ledger.store(plant, entry.clone(), round);
        self.rows.push((plant.clone(), entry, round));
        Fate::Stored
    }
    fn mark(&mut self, marks: &[Mark]) {
        self.ledger.mark(marks);
    }
    fn marks(&self, incarnation: &str) -> Vec<Mark> {
        self.ledger.marks(incarnation)
    }
    fn ranges(&self, plant: &PlantId) -> Vec<Range> {
        self.ledger.ranges(plant)
    }
    fn rows(&self) -> &[(PlantId, Entry, u64)] {
        &self.rows
    }
}

/// An edge that forgets an entry as soon as it is sent, and otherwise the real one.
struct Forgetful(Core);

impl EdgeNode for Forgetful {
    fn handle(&mut self, now: Now, input: Input) -> Vec<Effect> {
        let mut effects = self.0.handle(now, input);
        let sent: Vec<Range> = effects
            .iter()
            .filter_map(|e| match e {
                Effect::Spool(e) => Some(Range { boot: e.boot, first: e.seq, last: e.seq }),
                _ => None,
            })
            .collect();
        effects.push(Effect::Forget(sent));
        effects
    }
    fn birth(&mut self, now: Now) -> Birth {
        self.0.birth(now)
    }
}

/// A world in bad weather; loss and doubles are sure to happen.
fn stormy(makers: Makers) -> World {
    let mut world = World::new(fleet(), 3, 10.0, makers);
    world.network.weather = Weather { loss: 0.05, duplicate: 0.1, delay_ms: (5, 800) };
    world.run(60_000);
    world.network.weather = Weather::FAIR;
    world.run(60_000);
    world
}

#[test]
fn without_ledger_or_acknowledgement_the_samples_are_not_whole() {
    checks::samples(&stormy(Makers::default())).expect("with both they are");
    let twice = stormy(Makers { history: Box::<Credulous>::default(), ..Makers::default() });
    assert!(checks::samples(&twice).unwrap_err().contains("twice"));
    let edge = |fleet: Arc<Fleet>, plant: &PlantId, key: VerifyingKey, boot: u64, memory: Memory, now: Now| {
        Some(Box::new(Forgetful(Core::new(fleet, plant, key, boot, memory, now)?)) as Box<dyn EdgeNode>)
    };
    let lost = stormy(Makers { edge, ..Makers::default() });
    assert!(checks::samples(&lost).unwrap_err().contains("never arrived"));
    let mixed = stormy(Makers { history: Box::<Overtaking>::default(), ..Makers::default() });
    assert!(checks::samples(&mixed).unwrap_err().contains("came after"));
}

#[test]
fn an_entry_that_was_changed_or_that_no_edge_wrote_is_found() {
    let rounded = stormy(Makers { history: Altering::by(coarse), ..Makers::default() });
    assert!(checks::samples(&rounded).unwrap_err().contains("was changed"));
    let added = stormy(Makers { history: Altering::by(inventive), ..Makers::default() });
    assert!(checks::samples(&added).unwrap_err().contains("was never spooled"));
}

/// A history that stores something else than what came.
struct Altering {
    ledger: Ledgered,
    alter: fn(Entry) -> Vec<Entry>,
}

impl Altering {
    fn by(alter: fn(Entry) -> Vec<Entry>) -> Box<dyn History> {
        Box::new(Altering { ledger: Ledgered::default(), alter })
    }
}

impl History for Altering {
    fn store(&mut self, plant: &PlantId, entry: Entry, round: u64) -> Fate {
        for entry in (self.alter)(entry) {
            self.ledger.store(plant, entry, round);
        }
        Fate::Stored
    }
    fn mark(&mut self, marks: &[Mark]) {
        self.ledger.mark(marks);
    }
    fn marks(&self, incarnation: &str) -> Vec<Mark> {
        self.ledger.marks(incarnation)
    }
    fn ranges(&self, plant: &PlantId) -> Vec<Range> {
        self.ledger.ranges(plant)
    }
    fn rows(&self) -> &[(PlantId, Entry, u64)] {
        self.ledger.rows()
    }
}

/// Values in single precision.
fn coarse(mut entry: Entry) -> Vec<Entry> {
    for sample in &mut entry.samples {
        sample.value = sample.value.map(|v| f64::from(v as f32));
    }
    vec![entry]
}

/// Before the first entry of each boot one of its own, of what the edge showed first.
fn inventive(entry: Entry) -> Vec<Entry> {
    let invented = (entry.seq == 1).then(|| Entry { seq: 0, ..entry.clone() });
    invented.into_iter().chain([entry]).collect()
}

/// A history in which every second entry is overtaken by the one after it.
#[derive(Default)]
struct Overtaking {
    ledger: Ledgered,
    rows: Vec<(PlantId, Entry, u64)>,
}

impl History for Overtaking {
    fn store(&mut self, plant: &PlantId, entry: Entry, round: u64) -> Fate {
        let fate = self.ledger.store(plant, entry, round);
        self.rows = self.ledger.rows().to_vec();
        for pair in self.rows.chunks_exact_mut(2) {
            pair.swap(0, 1);
        }
        fate
    }
    fn mark(&mut self, marks: &[Mark]) {
        self.ledger.mark(marks);
    }
    fn marks(&self, incarnation: &str) -> Vec<Mark> {
        self.ledger.marks(incarnation)
    }
    fn ranges(&self, plant: &PlantId) -> Vec<Range> {
        self.ledger.ranges(plant)
    }
    fn rows(&self) -> &[(PlantId, Entry, u64)] {
        &self.rows
    }
}
