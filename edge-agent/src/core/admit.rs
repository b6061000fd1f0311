//! The door: what comes from the wire is let in only when it is surely the present leader's, meant for this plant, and
//! young by this edge's own counter.
//!
//! Checks, in this order, the first refusal stands: signature, plant, epoch (not below the highest ever seen, which is
//! kept on disk), duplicate id (the first answer is given again, however old the repetition), age (this boot, and not
//! older than its time to live). Age is measured by the edge's own tick, which the centre echoes; no clock but ours.

use super::{Anchor, Memory, Remembered};
use hypocaust_protocols::model::{Limits, PlantId, Tick};
use hypocaust_protocols::wire::{
    Beat, Command, Outcome, Refusal, Signed, Table, Verdict, VerifyingKey, Writer, metric,
};
use std::collections::{BTreeMap, VecDeque};

/// How many answers are kept to be given again. The centre stops asking after one time to live; this is many of them.
const REMEMBERED: usize = 256;

#[derive(Debug, Clone)]
pub struct Door {
    plant: PlantId,
    key: VerifyingKey,
    boot: u64,
    command_ttl_ms: u64,
    beat_ttl_ms: u64,
    table_ttl_ms: u64,
    epoch: u64,
    head: Option<Anchor>,
    answered: VecDeque<Remembered>,
    /// Let in and not yet answered: id -> what it asks for ([`essence`]).
    open: BTreeMap<String, String>,
}

/// What to do about a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Admission {
    Accepted(Command),
    /// Tell this and do nothing: a refusal, or the first answer once more.
    Answer(Outcome),
    /// It is being carried out; its answer will come.
    UnderWay,
}

pub(super) fn refusal(gate: &str, reason: String) -> Refusal {
    Refusal::new(gate, reason)
}

/// What a command asks for. A repetition asks for the same with a newer tick, which the centre echoes on each sending.
fn essence(command: &Command) -> String {
    let Command { writer, action, reason, .. } = command;
    serde_json::to_string(&(writer, action, reason)).expect("a command is plain data and always has a JSON form")
}

impl Door {
    pub fn new(plant: PlantId, key: VerifyingKey, boot: u64, limits: &Limits, memory: &Memory) -> Self {
        Self {
            plant,
            key,
            boot,
            command_ttl_ms: (limits.command_ttl_s * 1000.0) as u64,
            beat_ttl_ms: (limits.hold_after_s * 1000.0) as u64,
            table_ttl_ms: (limits.table_ttl_s * 1000.0) as u64,
            epoch: memory.epoch,
            head: memory.anchor.clone(),
            answered: memory.answered.iter().cloned().collect(),
            open: BTreeMap::new(),
        }
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }
    pub fn head(&self) -> Option<&Anchor> {
        self.head.as_ref()
    }
    pub fn answered(&self) -> impl Iterator<Item = &Remembered> {
        self.answered.iter()
    }

    /// The checks of everything signed but the duplicate's.
    fn stamp(&self, plant: &PlantId, epoch: u64) -> Result<(), Refusal> {
        if *plant != self.plant {
            return Err(refusal("plant", format!("it is for {plant}, this is {}", self.plant)));
        }
        if epoch < self.epoch {
            return Err(refusal(
                "epoch",
                format!("its leader's epoch is {epoch}; epoch {} has been seen here since", self.epoch),
            ));
        }
        Ok(())
    }

    fn age(&self, boot: u64, tick: Tick, ttl_ms: u64, now: Tick) -> Result<(), Refusal> {
        if boot != self.boot {
            return Err(refusal(
                "age",
                format!("it answers boot {boot} of this edge, which is now in boot {}", self.boot),
            ));
        }
        if tick > now {
            return Err(refusal("age", format!("its tick {} lies ahead of this edge's {}", tick.0, now.0)));
        }
        let age = now.since(tick);
        if age > ttl_ms {
            return Err(refusal("age", format!("it is {age} ms old by this edge's tick; it was good for {ttl_ms} ms")));
        }
        Ok(())
    }

    /// A command at the door.
    pub fn command(&mut self, signed: &Signed, now: Tick) -> Admission {
        let command = match signed.open::<Command>(metric::COMMAND, &self.key) {
            Ok(command) => command,
            Err(error) => {
                let verdict = Verdict::Refused(refusal("signature", error.to_string()));
                return Admission::Answer(Outcome { id: String::new(), verdict, tick: now });
            }
        };
        let essence = essence(&command);
        match self.admit(&command, &essence, now) {
            Ok(Some(known)) => known,
            Ok(None) => {
                self.epoch = command.epoch;
                self.open.insert(command.id.clone(), essence);
                Admission::Accepted(command)
            }
            Err(refused) => {
                Admission::Answer(Outcome { id: command.id, verdict: Verdict::Refused(refused), tick: now })
            }
        }
    }

    fn admit(&self, command: &Command, essence: &str, now: Tick) -> Result<Option<Admission>, Refusal> {
        self.stamp(&command.plant, command.epoch)?;
        let other = || refusal("duplicate", format!("another command had the id {} before", command.id));
        if let Some(known) = self.answered.iter().find(|r| r.outcome.id == command.id) {
            return if known.essence == essence {
                Ok(Some(Admission::Answer(known.outcome.clone())))
            } else {
                Err(other())
            };
        }
        if let Some(known) = self.open.get(&command.id) {
            return if known == essence { Ok(Some(Admission::UnderWay)) } else { Err(other()) };
        }
        self.age(command.boot, command.tick, command.ttl_ms.min(self.command_ttl_ms), now)?;
        if command.writer == Writer::FailSafe {
            return Err(refusal("arbitration", "the fail-safe lane is the edge's own; no command may claim it".into()));
        }
        Ok(None)
    }

    /// Remembers the answer of a command that was let in.
    pub fn answer(&mut self, id: &str, verdict: Verdict, now: Tick) -> Option<Outcome> {
        let essence = self.open.remove(id)?;
        let outcome = Outcome { id: id.to_owned(), verdict, tick: now };
        if self.answered.len() >= REMEMBERED {
            self.answered.pop_front();
        }
        self.answered.push_back(Remembered { essence, outcome: outcome.clone() });
        Some(outcome)
    }

    /// A beat at the door; raises the epoch and keeps the journal's head.
    pub fn beat(&mut self, signed: &Signed, now: Tick) -> Result<Beat, Refusal> {
        let beat: Beat =
            signed.open(metric::BEAT, &self.key).map_err(|error| refusal("signature", error.to_string()))?;
        self.stamp(&beat.plant, beat.epoch)?;
        self.age(beat.boot, beat.tick, self.beat_ttl_ms, now)?;
        let newer_epoch = beat.epoch > self.epoch;
        self.epoch = beat.epoch;
        // Within an epoch a head only grows: an old beat that comes late shall not turn the anchor back. A new leader may
        // stand before it (a restored database); what it then says is the truth to be judged.
        if newer_epoch || self.head.as_ref().is_none_or(|head| beat.head_seq >= head.seq) {
            self.head = Some(Anchor { seq: beat.head_seq, hash: beat.head_hash.clone() });
        }
        Ok(beat)
    }

    /// A contingency table at the door.
    pub fn table(&mut self, signed: &Signed, now: Tick) -> Result<Table, Refusal> {
        let table: Table =
            signed.open(metric::TABLE, &self.key).map_err(|error| refusal("signature", error.to_string()))?;
        self.stamp(&table.plant, table.epoch)?;
        self.age(table.boot, table.tick, table.ttl_ms.min(self.table_ttl_ms), now)?;
        self.epoch = table.epoch;
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::{key, north, tag};
    use hypocaust_protocols::wire::{Action, SigningKey};

    fn command() -> Command {
        Command {
            id: "c-1".into(),
            plant: PlantId::new("north").unwrap(),
            writer: Writer::Dispatch,
            action: Action::Set { setpoint: tag("north.b1.load-sp"), value: 9.0 },
            epoch: 5,
            boot: 100,
            tick: Tick(50_000),
            ttl_ms: 8_000,
            reason: 1,
        }
    }

    fn door(memory: &Memory) -> Door {
        let (fleet, plant) = north();
        Door::new(plant.id, key().verifying_key(), 100, &fleet.limits, memory)
    }

    fn gate(admission: Admission) -> String {
        match admission {
            Admission::Accepted(_) => "accepted".into(),
            Admission::UnderWay => "under way".into(),
            Admission::Answer(Outcome { verdict: Verdict::Refused(r), .. }) => r.gate,
            Admission::Answer(_) => "done".into(),
        }
    }

    #[test]
    fn every_refusal_by_its_name() {
        let seal = |c: &Command| Signed::seal(metric::COMMAND, c, &key());
        let mut cut = seal(&command());
        cut.body = cut.body.replace("9.0", "9.5");
        let foreign = Signed::seal(metric::COMMAND, &command(), &SigningKey::from_bytes(&[9; 32]));
        let as_beat = Signed::seal(metric::BEAT, &command(), &key());
        let edit = |edit: &dyn Fn(&mut Command)| {
            let mut c = command();
            edit(&mut c);
            seal(&c)
        };
        let table = [
            ("accepted", seal(&command())),
            ("signature", cut),
            ("signature", foreign),
            ("signature", as_beat),
            ("plant", edit(&|c| c.plant = PlantId::new("south").unwrap())),
            ("epoch", edit(&|c| c.epoch = 4)),
            ("age", edit(&|c| c.boot = 99)),
            ("age", edit(&|c| c.tick = Tick(50_001))),
            ("age", edit(&|c| c.tick = Tick(41_999))),
            ("accepted", edit(&|c| c.tick = Tick(42_000))),
            // A long life in the command does not go beyond the limits file's 10 s.
            ("age", edit(&|c| (c.tick, c.ttl_ms) = (Tick(39_999), 60_000))),
            ("arbitration", edit(&|c| c.writer = Writer::FailSafe)),
        ];
        for (row, (expected, signed)) in table.into_iter().enumerate() {
            let mut door = door(&Memory { epoch: 5, ..Memory::default() });
            assert_eq!(gate(door.command(&signed, Tick(50_000))), expected, "row {row}");
        }
    }

    #[test]
    fn a_repeated_id_gets_the_first_answer_even_after_a_restart() {
        let signed = Signed::seal(metric::COMMAND, &command(), &key());
        let mut first = door(&Memory::default());
        assert_eq!(gate(first.command(&signed, Tick(50_000))), "accepted");
        assert_eq!(gate(first.command(&signed, Tick(50_001))), "under way");
        let outcome = first.answer("c-1", Verdict::Done { readback: 9.0 }, Tick(50_100)).unwrap();
        assert_eq!(first.command(&signed, Tick(90_000)), Admission::Answer(outcome.clone()));
        // The centre asks again with the tick that it has seen since.
        let again = Command { tick: Tick(89_000), ..command() };
        let again = Signed::seal(metric::COMMAND, &again, &key());
        assert_eq!(first.command(&again, Tick(90_000)), Admission::Answer(outcome.clone()));
        let memory =
            Memory { epoch: first.epoch(), answered: first.answered().cloned().collect(), ..Memory::default() };
        assert_eq!(door(&memory).command(&signed, Tick(10)), Admission::Answer(outcome));
        let other = Command { action: Action::Set { setpoint: tag("north.b1.load-sp"), value: 8.0 }, ..command() };
        assert_eq!(gate(first.command(&Signed::seal(metric::COMMAND, &other, &key()), Tick(50_200))), "duplicate");
    }

    #[test]
    fn a_higher_epoch_shuts_out_the_lower_and_a_late_beat_does_not_turn_the_anchor_back() {
        let mut door = door(&Memory::default());
        let mut beat = Beat {
            plant: PlantId::new("north").unwrap(),
            epoch: 7,
            boot: 100,
            tick: Tick(0),
            head_seq: 40,
            head_hash: "aa".into(),
            trips_seen: vec![],
        };
        door.beat(&Signed::seal(metric::BEAT, &beat, &key()), Tick(10)).unwrap();
        assert_eq!(gate(door.command(&Signed::seal(metric::COMMAND, &command(), &key()), Tick(50_000))), "epoch");
        beat.head_seq = 39;
        door.beat(&Signed::seal(metric::BEAT, &beat, &key()), Tick(20)).unwrap();
        assert_eq!(door.head().unwrap().seq, 40);
        beat.epoch = 8;
        door.beat(&Signed::seal(metric::BEAT, &beat, &key()), Tick(30)).unwrap();
        assert_eq!(door.head().unwrap().seq, 39);
        assert_eq!(door.beat(&Signed::seal(metric::BEAT, &beat, &key()), Tick(5001)).unwrap_err().gate, "age");
    }
}
