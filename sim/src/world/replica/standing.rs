//! How a replica starts, follows the journal, stands for election, leads and stands back, as the real shell has it.

use super::*;

/// What is left to do of one input of an election: effects of what was heard, and what is heard after them.
#[derive(Default)]
pub(super) struct Rest {
    said: VecDeque<Said>,
    pub heard: VecDeque<Heard>,
}

impl World {
    pub(super) fn start(&mut self, r: usize) {
        let entries = self.journal.entries();
        let mut tail = Verifier::new(&self.fleet.id, []);
        // A journal that is not right is the check's to name; a centre does not start on it.
        if entries.iter().any(|e| tail.step(e).is_err()) {
            return;
        }
        let state = self.replayed().expect("the world's own journal can be read");
        let me = self.replicas[r].me.clone();
        let clock = self.clock_of(r);
        let follower = self.follower(&me, state);
        self.bus.forget((r, self.replicas[r].life));
        let node = &mut self.replicas[r];
        node.reader = reader::Reader::new((self.flight)());
        node.starts_at = None;
        node.life += 1;
        node.election = Election::new(me, self.timing, clock);
        node.tail = tail;
        node.mind = Mind::Following(follower);
        self.ask_for_births();
    }

    fn follower(&self, me: &Replica, state: State) -> Box<Domain> {
        let entries = self.journal.entries();
        let head = entries.iter().find(|e| e.seq == state.seq).map_or(Head::genesis(&self.fleet.id), |e| e.head());
        let (fleet, key) = (Arc::clone(&self.fleet), self.key.clone());
        Box::new(Domain::following(fleet, key, Judges::ours(), me.id.clone(), state, head))
    }

    /// Reads what the others have appended.
    pub(super) fn follow(&mut self, r: usize) {
        if self.replicas[r].no_database.is_some() {
            return;
        }
        let node = &mut self.replicas[r];
        let Mind::Following(domain) = &mut node.mind else { return };
        for entry in self.journal.entries_from(domain.head().seq + 1) {
            let stepped = node.tail.step(&entry).map_err(|broken| broken.to_string());
            if let Err(why) = stepped.and_then(|()| domain.follow(&entry).map_err(|error| error.to_string())) {
                return self.end(r, why);
            }
        }
    }

    /// As the real one, it ends rather than go on with another journal than it has read.
    pub(super) fn end(&mut self, r: usize, why: String) {
        let node = &mut self.replicas[r];
        node.mind = Mind::Down;
        (node.awaits, node.behind) = (None, None);
        node.solves.clear();
        self.record.ended.push(Ended { at: self.now, replica: r, why });
    }

    /// One input of the election and all that follows from it; true: an answer of the database is to be waited for.
    pub(super) fn stand(&mut self, r: usize, input: Heard) -> bool {
        if let Mind::Following(domain) = &self.replicas[r].mind {
            let (clock, epoch) = (self.clock_of(r), domain.highest_epoch());
            self.replicas[r].election.handle(clock, Heard::Heard { epoch });
        }
        self.go_on_standing(r, Rest { heard: VecDeque::from([input]), ..Rest::default() })
    }

    /// The same for what is left of one.
    pub(super) fn go_on_standing(&mut self, r: usize, mut rest: Rest) -> bool {
        let clock = self.clock_of(r);
        loop {
            let Some(said) = rest.said.pop_front() else {
                let Some(heard) = rest.heard.pop_front() else { return false };
                rest.said.extend(self.replicas[r].election.handle(clock, heard));
                continue;
            };
            let request = match said {
                Said::Look => Request::Look,
                Said::Swap { seen, next } => Request::Swap { seen, next },
                Said::Lead { epoch } => {
                    self.lead(r, epoch);
                    continue;
                }
                Said::Stop { .. } => {
                    self.stand_back(r);
                    continue;
                }
            };
            let node = &self.replicas[r];
            if node.no_database.is_some() {
                rest.heard.push_back(Heard::NoAnswer("cut off".into()));
                continue;
            }
            let patience = Some(self.now + node.election.patience_ms(clock) as i64);
            match self.ask_database((r, node.life), request) {
                Ok(Answered::Lease(heard)) => rest.heard.push_back(heard),
                Ok(Answered::Append { .. }) => unreachable!("what was asked about the lease is answered so"),
                Err(request) => {
                    self.replicas[r].awaits = Some(Awaits { request, patience, rest });
                    return true;
                }
            }
        }
    }

    fn lead(&mut self, r: usize, epoch: u64) {
        self.follow(r);
        let node = &mut self.replicas[r];
        let Mind::Following(domain) = std::mem::replace(&mut node.mind, Mind::Down) else { return };
        let (state, head, image) = (domain.state().clone(), domain.head(), domain.image().clone());
        let mut centre = (self.make_centre)(Arc::clone(&self.fleet), self.key.clone(), epoch, state, head);
        centre.domain_mut().inherit(image);
        node.mind = Mind::Leading { epoch, centre };
        self.record.led.push((self.now, r, epoch));
        if self.replicas.len() > 1 {
            self.primary_host(true);
        }
    }

    /// It keeps what it had in the journal; what it had heard it hears anew.
    fn stand_back(&mut self, r: usize) {
        let node = &mut self.replicas[r];
        node.solves.clear();
        let Mind::Leading { centre, .. } = std::mem::replace(&mut node.mind, Mind::Down) else { return };
        let (me, state) = (node.me.clone(), centre.state().clone());
        let follower = self.follower(&me, state);
        self.replicas[r].mind = Mind::Following(follower);
        self.ask_for_births();
    }
}
