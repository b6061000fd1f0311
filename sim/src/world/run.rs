//! One step after the other.

use super::site::{Kept, scan, write};
use super::*;
use hypocaust_central::domain::{Input as CentreInput, Mode, Status};
use hypocaust_central::journal::Hash;
use hypocaust_edge::core::{Anchor, Effect, Input, NodeValue};
use hypocaust_protocols::wire::metric;

impl World {
    /// Runs for `ms`.
    pub fn run(&mut self, ms: i64) {
        let end = self.now + ms;
        while self.now < end {
            self.step();
        }
    }

    pub fn step(&mut self) {
        self.now += STEP_MS;
        self.plants.step(STEP_MS, STEP_MS);
        self.starts();
        while let Some(message) = self.network.arrived(self.now) {
            self.deliver(message);
        }
        for i in 0..self.sites.len() {
            self.site(i);
        }
        self.centre_step();
    }

    fn starts(&mut self) {
        for i in 0..self.sites.len() {
            if self.sites[i].starts_at.is_some_and(|at| at <= self.now) {
                let wall = self.wall();
                let site = &mut self.sites[i];
                site.starts_at = None;
                site.boot = wall.0 as u64;
                site.booted_at = self.now;
                let now = Now { wall, tick: Tick(0) };
                let memory = site.memory.clone();
                site.node = (self.make_edge)(
                    Arc::clone(&self.fleet),
                    &site.plant,
                    self.key.verifying_key(),
                    site.boot,
                    memory,
                    now,
                );
                if !self.network.is_parted(&site.plant) {
                    site.link_due = Some((self.now + 300, true));
                }
            }
        }
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::ToEdge(plant, input) => {
                if let Some(i) = self.sites.iter().position(|s| s.plant == plant && s.link) {
                    // One of a leader that was superseded is not the table that the edge has.
                    let known = self.sites[i].memory.epoch;
                    if let Input::Table(signed) = &input
                        && of_epoch(&input).is_some_and(|(_, epoch)| epoch >= known)
                    {
                        self.tables.push((self.now, plant, signed.clone()));
                    }
                    self.tell_edge(i, input);
                }
            }
            Message::ToCentre(plant, input) => self.tell_all(&plant, &input),
            Message::Telemetry(plant, entry, round) => {
                // The leader hands it on; what is to be seen now, everybody sees.
                if let Some(r) = self.leader().filter(|r| self.replicas[*r].reaches(&plant)) {
                    self.forward(r, plant.clone(), entry.clone(), round);
                }
                if round == 0 {
                    self.tell_all(&plant.clone(), &CentreInput::Samples { plant, entry });
                }
            }
        }
    }

    fn send(&mut self, i: usize, message: Message) {
        if !self.network.send(self.now, message) && self.sites[i].link {
            // The host sees the gap in the sequence numbers and asks for a birth.
            self.sites[i].birth_due.get_or_insert(self.now + 2_000);
        }
    }

    fn site(&mut self, i: usize) {
        if self.sites[i].node.is_none() {
            return;
        }
        if let Some((at, up)) = self.sites[i].link_due
            && at <= self.now
        {
            let site = &mut self.sites[i];
            site.link_due = None;
            site.link = up;
            self.tell_edge(i, Input::Link(up));
            if up {
                self.sites[i].birth_due = Some(self.now);
                self.sites[i].spool.values_mut().for_each(|k| k.sent = None);
            }
        }
        if self.sites[i].link && self.sites[i].birth_due.is_some_and(|at| at <= self.now) {
            self.sites[i].birth_due = None;
            self.birth(i);
        }
        let fleet = Arc::clone(&self.fleet);
        let plant = &fleet.plants[i];
        for (write, device, setpoint, value) in std::mem::take(&mut self.sites[i].written) {
            let result = match plant.tag(setpoint.as_str()) {
                Some(tag) => self::write(&mut self.plants, tag, value),
                None => Err(format!("{device} has no {setpoint}")),
            };
            if let Ok(value) = result {
                self.writes.push(Wrote { at: self.now, setpoint, value });
            }
            self.tell_edge(i, Input::WriteDone { write, result });
        }
        let due: Vec<usize> = (0..fleet.limits.scan.len())
            .filter(|s| self.now.rem_euclid(fleet.limits.scan[*s].period_ms as i64) < STEP_MS)
            .collect();
        if !due.is_empty() {
            for device in &plant.devices {
                let input = scan(&self.plants, plant, &device.id, &due);
                self.tell_edge(i, input);
            }
        }
        self.tell_edge(i, Input::Tick);
        if self.now % 1000 == 0 {
            let oldest = self.sites[i].spool.values().next().and_then(|k| k.entry.samples.first()).map(|s| s.time);
            let entries = self.sites[i].spool.len() as u64;
            let oldest_ms = oldest.map_or(0, |t| self.wall().since(t).max(0) as u64);
            self.tell_edge(i, Input::Spooled { entries, oldest_ms });
            self.backlog(i);
        }
    }

    /// Sends again what has no acknowledgement.
    fn backlog(&mut self, i: usize) {
        if !self.sites[i].link {
            return;
        }
        let now = self.now;
        let due: Vec<(u64, u64)> = self.sites[i]
            .spool
            .iter()
            .filter(|(_, k)| k.sent.is_none_or(|at| now - at > AGAIN_MS))
            .map(|(id, _)| *id)
            .take(200)
            .collect();
        if due.is_empty() {
            return;
        }
        self.sites[i].rounds += 1;
        let round = self.sites[i].rounds;
        for id in due {
            let site = &mut self.sites[i];
            let Some(kept) = site.spool.get_mut(&id) else { continue };
            kept.sent = Some(now);
            let message = Message::Telemetry(site.plant.clone(), kept.entry.clone(), round);
            self.send(i, message);
        }
    }

    fn birth(&mut self, i: usize) {
        let now = self.edge_now(i);
        let Some(node) = &mut self.sites[i].node else { return };
        let birth = node.birth(now);
        let (plant, boot) = (self.sites[i].plant.clone(), self.sites[i].boot);
        let mut status =
            Status { boot, tick: now.tick, mode: None, trips: None, devices: None, spool: None, anchor: None };
        for (name, value) in &birth.node {
            read_status(&mut status, name, value);
        }
        self.send(i, Message::ToCentre(plant.clone(), CentreInput::EdgeBirth { plant: plant.clone(), status }));
        for (device, _, samples) in birth.devices {
            // The present state; it belongs to no entry and goes into the image alone.
            let entry = Entry { boot, seq: 0, device, samples };
            self.send(i, Message::ToCentre(plant.clone(), CentreInput::Samples { plant: plant.clone(), entry }));
        }
    }

    pub(super) fn tell_edge(&mut self, i: usize, input: Input) {
        let now = self.edge_now(i);
        let known = self.sites[i].memory.epoch;
        let stale = of_epoch(&input).filter(|(_, epoch)| *epoch < known);
        let Some(node) = &mut self.sites[i].node else { return };
        let effects = node.handle(now, input);
        if let Some((what, epoch)) = stale {
            let (at, plant, refused) = (self.now, self.sites[i].plant.clone(), effects.iter().any(refuses_epoch));
            self.stale.push(Stale { at, plant, what, epoch, known, refused });
        }
        for effect in effects {
            self.edge_effect(i, now, effect);
        }
    }

    fn edge_effect(&mut self, i: usize, now: Now, effect: Effect) {
        let plant = self.sites[i].plant.clone();
        match effect {
            Effect::Persist(memory) => self.sites[i].memory = memory,
            Effect::Write { write, device, setpoint, value } => {
                self.sites[i].written.push_back((write, device, setpoint, value));
            }
            Effect::Counter { tag, value, .. } => {
                if let Some((_, tag)) = Arc::clone(&self.fleet).tag(tag.as_str()) {
                    // A device that does not answer shows in its scans.
                    let _ = write(&mut self.plants, tag, f64::from(value));
                }
            }
            Effect::Spool(entry) => {
                self.spooled.push((plant.clone(), entry.clone()));
                let live = self.sites[i].link;
                let kept = Kept { entry: entry.clone(), sent: live.then_some(self.now) };
                self.sites[i].spool.insert((entry.boot, entry.seq), kept);
                if live {
                    self.send(i, Message::Telemetry(plant, entry, 0));
                }
            }
            Effect::Forget(ranges) => {
                self.sites[i].spool.retain(|(boot, seq), _| !ranges.iter().any(|r| r.contains(*boot, *seq)));
            }
            Effect::Publish { name, value } if self.sites[i].link => {
                let input = if name == metric::OUTCOME {
                    let NodeValue::Text(text) = &value else { return };
                    let Ok(outcome) = serde_json::from_str::<Outcome>(text) else { return };
                    self.outcomes.push((self.now, plant.clone(), outcome.clone()));
                    CentreInput::Outcome { plant: plant.clone(), outcome }
                } else {
                    let boot = self.sites[i].boot;
                    let mut status = Status {
                        boot,
                        tick: now.tick,
                        mode: None,
                        trips: None,
                        devices: None,
                        spool: None,
                        anchor: None,
                    };
                    read_status(&mut status, name, &value);
                    CentreInput::EdgeStatus { plant: plant.clone(), status }
                };
                self.send(i, Message::ToCentre(plant, input));
            }
            Effect::Event(event) => self.events.push((self.now, plant, event)),
            Effect::Publish { .. } => {}
        }
    }
}

/// What a leader has signed, and in which epoch.
fn of_epoch(input: &Input) -> Option<(&'static str, u64)> {
    #[derive(serde::Deserialize)]
    struct Stamped {
        epoch: u64,
    }
    let (what, signed) = match input {
        Input::Command(signed) => ("command", signed),
        Input::Beat(signed) => ("beat", signed),
        Input::Table(signed) => ("table", signed),
        _ => return None,
    };
    Some((what, serde_json::from_str::<Stamped>(&signed.body).ok()?.epoch))
}

/// Does the edge say by this that it did not let a message in? By the epoch's gate, or one before it.
fn refuses_epoch(effect: &Effect) -> bool {
    let by = |gate: &str| matches!(gate, "epoch" | "signature" | "plant");
    match effect {
        Effect::Event(hypocaust_edge::core::Event::Refused { refusal, .. })
        | Effect::Event(hypocaust_edge::core::Event::NotAdmitted { refusal, .. }) => by(&refusal.gate),
        _ => false,
    }
}

/// One of the node's metrics into the status that the domain reads.
fn read_status(status: &mut Status, name: &str, value: &NodeValue) {
    let text = match value {
        NodeValue::Number(n) => {
            if name == metric::TICK {
                status.tick = Tick(*n);
            }
            return;
        }
        NodeValue::Text(text) => text.as_str(),
    };
    #[derive(serde::Deserialize)]
    struct Told {
        epoch: u64,
        head: Option<Anchor>,
    }
    match name {
        metric::MODE => status.mode = Mode::from_name(text),
        metric::TRIPS => status.trips = serde_json::from_str(text).ok(),
        metric::DEVICES => status.devices = serde_json::from_str(text).ok(),
        metric::SPOOL => status.spool = serde_json::from_str(text).ok(),
        metric::ANCHOR => {
            status.anchor = serde_json::from_str::<Told>(text).ok().map(|t| {
                let head = t.head.and_then(|h| Some(Head { seq: h.seq, hash: Hash::from_hex(&h.hash)? }));
                (t.epoch, head)
            });
        }
        _ => {}
    }
}
