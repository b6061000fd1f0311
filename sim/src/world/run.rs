//! One step after the other.

use super::site::{Kept, scan, write};
use super::*;
use hypocaust_central::domain::{Answer, Effect as CentreEffect, Input as CentreInput, Mode, Status};
use hypocaust_central::journal::Hash;
use hypocaust_edge::core::{Anchor, Effect, Input, NodeValue};
use hypocaust_protocols::wire::metric;
use std::collections::VecDeque;

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
        if self.centre_starts_at.is_some_and(|at| at <= self.now) {
            self.centre_starts_at = None;
            self.epoch += 1;
            let state = self.replayed().expect("the world's own journal can be read");
            let head = self.journal.entries().last().map_or(Head::genesis(&self.fleet.id), |e| e.head());
            self.centre = Some((self.make_centre)(Arc::clone(&self.fleet), self.key.clone(), self.epoch, state, head));
            for site in self.sites.iter_mut().filter(|s| s.link) {
                // A host that starts asks every node to be born again.
                site.birth_due = Some(self.now + 300);
            }
        }
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::ToEdge(plant, input) => {
                if let Some(i) = self.sites.iter().position(|s| s.plant == plant && s.link) {
                    if let Input::Table(signed) = &input {
                        self.tables.push((self.now, plant, signed.clone()));
                    }
                    self.tell_edge(i, input);
                }
            }
            Message::ToCentre(_, input) => self.tell_centre(input),
            Message::Telemetry(plant, entry, round) => {
                if self.centre.is_some() {
                    self.history.store(&plant, entry.clone(), round);
                    if round == 0 {
                        self.tell_centre(CentreInput::Samples { plant, entry });
                    }
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
        let Some(node) = &self.sites[i].node else { return };
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
        let Some(node) = &mut self.sites[i].node else { return };
        for effect in node.handle(now, input) {
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

    fn centre_step(&mut self) {
        let now = self.now;
        let dead: Vec<PlantId> = self.deaths.iter().filter(|d| d.0 <= now).map(|d| d.1.clone()).collect();
        self.deaths.retain(|d| d.0 > now);
        for plant in dead {
            self.tell_centre(CentreInput::EdgeDeath { plant });
        }
        let (done, waiting) = std::mem::take(&mut self.solves).into_iter().partition(|s| s.0 <= now);
        self.solves = waiting;
        for (_, id, case) in done {
            let options = hypocaust_optimizer::Options::default();
            let answer = match case.map(|case| hypocaust_optimizer::solve(&case, &options)) {
                Some(Ok(solution)) => Answer::Solution(Box::new(solution)),
                Some(Err(error)) => Answer::Failed(error.to_string()),
                None => Answer::Late,
            };
            self.tell_centre(CentreInput::Solved { id, answer });
        }
        self.tell_centre(CentreInput::Clock);
        if now % 1000 == 0 && self.centre.is_some() {
            for i in 0..self.sites.len() {
                let plant = self.sites[i].plant.clone();
                let ranges = self.history.ranges(&plant);
                self.network.send(now, Message::ToEdge(plant, Input::Durable(ranges)));
            }
        }
    }

    fn tell_centre(&mut self, input: CentreInput) {
        let wall = self.wall();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let Some(centre) = &mut self.centre else { return };
            for effect in centre.handle(wall, input) {
                match effect {
                    CentreEffect::Append { expected, epoch, drafts } => {
                        inputs.push_back(match self.journal.append_now(&expected, epoch, drafts) {
                            Ok(head) => CentreInput::Appended { head },
                            Err(error) => CentreInput::AppendFailed { reason: error.to_string() },
                        });
                    }
                    CentreEffect::Solve { id, case, .. } => {
                        let limit_ms = (self.fleet.limits.solve_limit_s * 1e3) as i64;
                        let in_time = (self.solve_ms <= limit_ms).then_some(case);
                        self.solves.push((self.now + self.solve_ms.min(limit_ms), id, in_time));
                    }
                    CentreEffect::Send { plant, metric: name, signed } => {
                        let input = match name {
                            metric::COMMAND => {
                                self.commands.push((self.now, plant.clone(), signed.clone()));
                                Input::Command(signed)
                            }
                            metric::BEAT => Input::Beat(signed),
                            _ => Input::Table(signed),
                        };
                        self.network.send(self.now, Message::ToEdge(plant, input));
                    }
                    CentreEffect::Reply { .. } => {}
                    CentreEffect::StepDown { reason } => self.stepped_down.push(reason),
                }
            }
        }
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
