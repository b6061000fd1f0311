//! What a replica does with the bus: arrived telemetry on its way to it, and back from it into the history, as the shell in
//! `central::bus` has it. What may go, what is stored when and with which marks, what the edges may forget and what health
//! says is decided by the code that decides it there.

use super::super::bus::Message as OnBus;
use super::*;
use hypocaust_central::bus::{Admission, Health, Part, Probed, Reading, Transaction, Verdict};
use hypocaust_central::telemetry::Mark;
use hypocaust_protocols::wire::record::Telemetry;

/// How often the cluster is asked who it is.
const PROBE_MS: u64 = 2_000;
/// Before a new session.
const PAUSE_MS: u64 = 1_000;

/// A message that was taken and is not stored: in which cluster, partition and place it lies, and its round.
type Taken = (u64, i32, i64, u64);

struct Session {
    /// A session is of one leadership: whoever led in between has read on.
    epoch: u64,
    incarnation: String,
    reading: Reading,
    /// By partition: what the client reads next.
    positions: BTreeMap<i32, i64>,
    taken: Vec<Taken>,
    /// The history has what is due, and its answer was lost.
    unanswered: bool,
    probe_at: u64,
}

pub(in crate::world) struct Reader {
    pub flight: Box<dyn Flying>,
    health: Health,
    verdict: Option<Verdict>,
    session: Option<Session>,
    begins_at: u64,
}

impl Reader {
    pub fn new(flight: Box<dyn Flying>) -> Self {
        Self { flight, health: Health::default(), verdict: None, session: None, begins_at: 0 }
    }
}

impl World {
    /// An entry came by MQTT to this replica, which leads.
    pub(in crate::world) fn forward(&mut self, r: usize, plant: PlantId, entry: Entry, round: u64) {
        let by = (r, self.replicas[r].life);
        let key = (plant.clone(), entry.boot, entry.seq);
        if self.replicas[r].reader.flight.admit(&key, entry.samples.len()) == Admission::Admitted {
            let payload = Telemetry { plant, entry, historical: round > 0 }.encode();
            self.bus.send(self.now, by, OnBus { key, payload, round });
        }
    }

    /// What the leader's bus says of itself.
    pub fn bus_health(&self) -> Option<Verdict> {
        self.replicas[self.leader()?].reader.verdict.clone()
    }

    pub(super) fn bus_step(&mut self) {
        self.bus.step(self.now);
        for r in 0..self.replicas.len() {
            if !matches!(self.replicas[r].mind, Mind::Down) && self.replicas[r].paused_until.is_none() {
                self.reader_step(r);
            }
        }
    }

    fn reader_step(&mut self, r: usize) {
        let now = self.clock_of(r);
        let node = &mut self.replicas[r];
        for (key, outcome) in self.bus.heard((r, node.life)) {
            node.reader.flight.landed(&key);
            node.reader.health.report(Part::Writing, outcome);
        }
        let leads = node.election.leads(now).filter(|_| node.leading().is_some());
        node.reader.session.take_if(|session| Some(session.epoch) != leads);
        if node.reader.session.is_some() {
            self.probe(r, now);
            self.read(r, now);
            self.store_due(r, false);
        } else if let Some(epoch) = leads.filter(|_| now >= node.reader.begins_at)
            && let Err(why) = self.begin(r, epoch, now)
        {
            let reader = &mut self.replicas[r].reader;
            reader.health.unread(why);
            reader.begins_at = now + PAUSE_MS;
        }
        let reader = &mut self.replicas[r].reader;
        reader.verdict = Some(reader.health.judged(leads.is_some()));
    }

    fn begin(&mut self, r: usize, epoch: u64, now: u64) -> Result<(), String> {
        let (incarnation, kept) = self.bus.asked()?;
        if self.replicas[r].no_database.is_some() {
            return Err("the database does not answer".into());
        }
        let (reading, starts) = Reading::begin(&incarnation, &kept, &self.history.marks(&incarnation));
        let positions = starts.iter().map(|(_, part, start)| (*part, self.bus.position(*part, *start))).collect();
        let (taken, unanswered, probe_at) = (Vec::new(), false, now);
        self.replicas[r].reader.session =
            Some(Session { epoch, incarnation, reading, positions, taken, unanswered, probe_at });
        Ok(())
    }

    fn probe(&mut self, r: usize, now: u64) {
        let reader = &mut self.replicas[r].reader;
        let Some(session) = reader.session.as_mut().filter(|s| s.probe_at <= now) else { return };
        session.probe_at = now + PROBE_MS;
        let probed = session.reading.probed(self.bus.asked());
        reader.health.probed(&probed);
        if probed == Probed::Over {
            reader.session = None;
        }
    }

    /// As much as the reading takes of what the client finds at its places, one partition after the other.
    fn read(&mut self, r: usize, now: u64) {
        let Some(session) = &mut self.replicas[r].reader.session else { return };
        for (part, place) in &mut session.positions {
            *place = self.bus.position(*part, hypocaust_protocols::kafka::Start::At(*place));
            while session.reading.takes()
                && let Some((record, round)) = self.bus.read(*part, *place)
            {
                match session.reading.take(now, &record, &self.fleet) {
                    Ok(()) => session.taken.push((self.bus.generation, *part, *place, round)),
                    Err(why) => self.bus.wrong.push(why),
                }
                *place += 1;
            }
        }
    }

    /// Stores what is due, as one. `late`: the process was stopped before it could, and others may have read it since.
    pub(super) fn store_due(&mut self, r: usize, late: bool) {
        let now = self.clock_of(r);
        let node = &mut self.replicas[r];
        let cut = node.no_database.is_some();
        let Some(session) = &mut node.reader.session else { return };
        let Some(Transaction { entries, marks }) = session.reading.due(now) else { return };
        if cut && !std::mem::take(&mut node.rows_lost) {
            return session.reading.failed(now);
        }
        let mut fates = Vec::new();
        for (arrived, taken) in entries.iter().zip(&session.taken) {
            fates.push(self.history.store(&arrived.plant, arrived.entry.clone(), taken.3));
        }
        self.history.mark(&marks);
        let twice = late || session.unanswered;
        self.bus.stored(&session.incarnation, session.taken.iter().map(|t| (t.0, t.1, t.2)), twice);
        if cut {
            session.unanswered = true;
            return session.reading.failed(now);
        }
        session.taken.clear();
        session.unanswered = false;
        let stored = session.reading.stored(&fates);
        for plant in stored.plants() {
            let ranges = stored.forget(plant, self.history.ranges(plant));
            self.send_to_edge(r, plant.clone(), EdgeInput::Durable(ranges));
        }
    }
}

/// Marks as a history keeps them: of two of one part the higher stands.
pub(in crate::world) fn keep(marks: &mut Vec<Mark>, new: &[Mark]) {
    for mark in new {
        let same = |m: &&mut Mark| (&m.incarnation, &m.stream, m.part) == (&mark.incarnation, &mark.stream, mark.part);
        match marks.iter_mut().find(same) {
            Some(old) => old.next = old.next.max(mark.next),
            None => marks.push(mark.clone()),
        }
    }
}
