//! Acting alone (balancing, fail-safe values), and telling about oneself.

use super::*;
use hypocaust_protocols::wire::Move;

impl Core {
    /// In `autonomous` and `fallback`, once a dispatch period: each header that is seen is balanced by priority.
    pub(super) fn balance(&mut self, now: Now) {
        if !matches!(self.modes.mode(), Mode::Autonomous | Mode::Fallback) {
            return;
        }
        if now.tick.since(self.balanced) < (self.limits().dispatch_period_s * 1000.0) as u64 {
            return;
        }
        self.balanced = now.tick;
        if self.modes.mode() == Mode::Fallback {
            // Headers that went blind since.
            self.fall_back(now);
        }
        let plant = self.plant.clone();
        for header in &plant.headers {
            let Some(value) = self.image.good(&header.process_value) else { continue };
            if value < header.low {
                self.make_up(now, header);
            } else if let Some(back) = balance::give_back(self.view(), header) {
                if self.gently(now, &back) {
                    self.event(Event::GivenBack { header: header.id.clone(), to: back });
                }
            } else if let Some((deficit_mw, mut moves)) = balance::level(self.view(), header) {
                moves.retain(|to| self.gently(now, to));
                if !moves.is_empty() {
                    self.event(Event::Balanced { header: header.id.clone(), deficit_mw, moves });
                }
            }
        }
    }

    fn make_up(&mut self, now: Now, header: &hypocaust_protocols::model::Header) {
        let Some(deficit_mw) = self.view().deficit(header).filter(|mw| *mw > 0.0) else { return };
        let moves = balance::meet(self.view(), &header.id, deficit_mw);
        for m in &moves {
            self.hold(now, Hold::Balance(header.id.clone()), &m.setpoint, m.value);
        }
        // A header that nothing can be done for has been told of by its alarm.
        if !moves.is_empty() {
            self.event(Event::Balanced { header: header.id.clone(), deficit_mw, moves });
        }
    }

    /// Opening a cap or finding a load is no fail-safe move: it goes through the whole gate, as dispatch would. Whether it
    /// is under way.
    fn gently(&mut self, now: Now, to: &Move) -> bool {
        self.arbiter.free(&to.setpoint);
        let asked = self.arbiter.ask(
            now.tick,
            now.tick,
            Writer::Dispatch,
            &to.setpoint,
            to.value,
            None,
            &self.image,
            &self.alarms,
        );
        match asked {
            Ok(superseded) => {
                if let Some((id, verdict)) = superseded {
                    self.answer(now, &id, verdict);
                }
                true
            }
            Err(refusal) => {
                self.event(Event::MoveRefused { setpoint: to.setpoint.clone(), refusal });
                false
            }
        }
    }

    /// Fail-safe values for everything that belongs to a header that is not seen; the lane itself keeps each to its safe
    /// direction.
    pub(super) fn fall_back(&mut self, now: Now) {
        let plant = self.plant.clone();
        for header in &plant.headers {
            if self.image.good(&header.process_value).is_some() {
                continue;
            }
            let sources = plant.sources.iter().filter(|s| s.header == header.id).map(|s| &s.setpoint);
            let stores = plant.storages.iter().filter(|s| s.header == header.id).map(|s| &s.setpoint);
            let consumers = plant.consumers.iter().filter(|c| c.header == header.id);
            let caps = consumers.filter_map(|c| Some(&c.shed.as_ref()?.setpoint));
            for setpoint in sources.chain(stores).chain(caps) {
                if let Some(spec) = plant.setpoint(setpoint.as_str()) {
                    // What shall stay where it is is held as well: towards an end to which nothing is the safe way.
                    let value = spec.fail_safe.unwrap_or_else(|| spec.furthest_from_safe());
                    self.hold(now, Hold::Fallback, setpoint, value);
                }
            }
        }
    }

    fn trips_text(&self) -> String {
        let all: Vec<&str> =
            self.trips.latched().map(TripId::as_str).chain(self.closed_mains.iter().map(|m| m.as_str())).collect();
        serde_json::to_string(&all).expect("a list of texts has a JSON form")
    }

    fn anchor_text(&self) -> String {
        serde_json::json!({ "epoch": self.door.epoch(), "head": self.door.head() }).to_string()
    }

    fn devices_text(&self) -> String {
        serde_json::to_string(&self.devices).expect("a map of texts has a JSON form")
    }

    fn spool_text(&self) -> String {
        serde_json::json!({ "entries": self.spool.0, "oldest_ms": self.spool.1 }).to_string()
    }

    pub(super) fn telling(&self) -> Told {
        Told {
            mode: Some(self.modes.mode()),
            trips: Some(self.trips_text()),
            devices: Some(self.devices_text()),
            anchor: Some(self.anchor_text()),
            spool: Some(self.spool),
        }
    }

    /// Publishes what of the state has changed since it was last published.
    pub(super) fn tell(&mut self) {
        if !self.link {
            return;
        }
        let now = self.telling();
        if now == self.told {
            return;
        }
        let before = std::mem::replace(&mut self.told, now.clone());
        if now.mode != before.mode {
            self.publish(metric::MODE, NodeValue::Text(self.modes.mode().name().to_owned()));
        }
        if now.trips != before.trips {
            self.publish(metric::TRIPS, NodeValue::Text(self.trips_text()));
        }
        if now.devices != before.devices {
            self.publish(metric::DEVICES, NodeValue::Text(self.devices_text()));
        }
        if now.anchor != before.anchor {
            self.publish(metric::ANCHOR, NodeValue::Text(self.anchor_text()));
        }
        if now.spool != before.spool {
            self.publish(metric::SPOOL, NodeValue::Text(self.spool_text()));
        }
    }

    /// Everything as it is now, for a birth, which tells it.
    pub fn birth(&mut self, now: Now) -> Birth {
        let node = vec![
            (metric::BOOT, NodeValue::Number(self.boot)),
            (metric::TICK, NodeValue::Number(now.tick.0)),
            (metric::MODE, NodeValue::Text(self.modes.mode().name().to_owned())),
            (metric::SPOOL, NodeValue::Text(self.spool_text())),
            (metric::TRIPS, NodeValue::Text(self.trips_text())),
            (metric::ANCHOR, NodeValue::Text(self.anchor_text())),
            (metric::DEVICES, NodeValue::Text(self.devices_text())),
            // Born so that it has an alias; an outcome is an event and has no present value.
            (metric::OUTCOME, NodeValue::Text(String::new())),
        ];
        let mut devices = Vec::with_capacity(self.devices.len());
        for (id, reason) in &self.devices {
            let tags = self.image.of_device(id).to_vec();
            let samples = tags.into_iter().map(|at| self.image.tell(at)).collect();
            devices.push((id.clone(), reason.clone(), samples));
        }
        Birth { node, devices }
    }

    pub fn status(&self, now: Now) -> Status {
        let good = |tag: &TagId| self.image.good(tag);
        Status {
            plant: self.plant.id.clone(),
            boot: self.boot,
            tick: now.tick,
            mode: self.modes.mode(),
            link: self.link,
            epoch: self.door.epoch(),
            anchor: self.door.head().cloned(),
            trips: self
                .trips
                .latched()
                .map(ToString::to_string)
                .chain(self.closed_mains.iter().map(ToString::to_string))
                .collect(),
            alarms: self.alarms.active().map(|a| a.id.to_string()).collect(),
            devices: self.devices.clone(),
            held: self.arbiter.holds().map(|(id, hold, value)| (id.clone(), hold.name(), value)).collect(),
            refusals: self.refusals.clone(),
            table_valid: self.contingencies.valid(now.tick).is_some(),
            heat_mw: self.plant.heat_mw(good),
            unserved_mw: self.plant.unserved_by_class(good).iter().map(|(class, mw)| (class.name(), *mw)).collect(),
        }
    }

    /// The process image, for those who look without touching (the world's checks, `probe`).
    pub fn image(&self) -> &Image {
        &self.image
    }

    pub fn mode(&self) -> Mode {
        self.modes.mode()
    }

    pub fn boot(&self) -> u64 {
        self.boot
    }
}
