//! One scan: what came in, what follows from it, what is told.

use super::trips::Change;
use super::*;

impl Core {
    pub(super) fn reads(&mut self, now: Now, device: &DeviceId, values: Vec<(TagId, Reading)>) {
        for (tag, reading) in values {
            self.image.read(now.wall, now.tick, &tag, reading);
        }
        // The first answer after a start is no return: nothing was lost before it.
        if let Some(reason) = self.devices.get_mut(device).and_then(Option::take)
            && reason != BadReason::NotRead.name()
        {
            self.event(Event::DeviceBack { device: device.clone() });
        }
        self.out.extend(self.reporter.scanned(&mut self.image, device, now.tick).into_iter().map(Effect::Spool));
    }

    pub(super) fn device_lost(&mut self, now: Now, device: &DeviceId, reason: &BadReason, detail: String) {
        self.image.lost(now.wall, device, reason);
        if let Some(known) = self.devices.get_mut(device) {
            let first = known.as_deref().is_none_or(|r| r == BadReason::NotRead.name());
            *known = Some(detail.clone());
            if first {
                self.event(Event::DeviceLost { device: device.clone(), reason: detail });
            }
        }
        self.out.extend(self.reporter.quality(&mut self.image, device, now.tick).into_iter().map(Effect::Spool));
    }

    pub(super) fn tick(&mut self, now: Now) {
        self.image.age(now.wall, now.tick);
        for device in self.devices.keys() {
            self.out.extend(self.reporter.quality(&mut self.image, device, now.tick).into_iter().map(Effect::Spool));
        }
        let sees = self.plant.headers.iter().all(|h| self.image.good(&h.process_value).is_some());
        let change = self.modes.tick(now.tick, sees);
        self.mode_changed(now, change);
        self.count(now);
        self.balance(now);
    }

    /// The watchdog counters, and with them the tick, so that the centre always has a young one to echo.
    fn count(&mut self, now: Now) {
        let period = (self.limits().counter_s * 1000.0) as u64;
        if self.counted.is_some_and(|t| now.tick.since(t) < period) {
            return;
        }
        self.counted = Some(now.tick);
        self.counter = self.counter.wrapping_add(1);
        let plant = self.plant.clone();
        for device in &plant.devices {
            if let Some(watchdog) = &device.watchdog {
                let (device, tag) = (device.id.clone(), watchdog.counter.clone());
                self.out.push(Effect::Counter { device, tag, value: self.counter });
            }
        }
        self.publish(metric::TICK, NodeValue::Number(now.tick.0));
    }

    pub(super) fn mode_changed(&mut self, now: Now, change: Option<(Mode, Mode)>) {
        let Some((from, to)) = change else { return };
        self.event(Event::Mode { from, to });
        match to {
            Mode::Holding => {
                for (id, verdict) in self.arbiter.halt() {
                    self.answer(now, &id, verdict);
                }
            }
            Mode::Fallback => self.fall_back(now),
            Mode::Autonomous => {
                self.release(&Hold::Fallback);
            }
            Mode::Remote => {
                let headers: Vec<_> = self.plant.headers.iter().map(|h| h.id.clone()).collect();
                for header in headers {
                    self.release(&Hold::Balance(header));
                }
            }
        }
    }

    pub(super) fn release(&mut self, hold: &Hold) {
        if self.arbiter.release(hold) {
            self.event(Event::Released { hold: hold.name() });
        }
    }

    fn hand_over(&mut self, now: Now, hold: &Hold) {
        if self.arbiter.hand_over(now.tick, hold) {
            self.event(Event::Released { hold: hold.name() });
        }
    }

    /// Everything that follows from the image: alarms, trips, losses, and the writes that are due.
    pub(super) fn act(&mut self, now: Now) {
        for (alarm, active) in self.alarms.scan(&self.image, now.tick) {
            self.event(if active { Event::AlarmRaised { alarm } } else { Event::AlarmCleared { alarm } });
        }
        let changes = self.trips.scan(&self.image, now.tick);
        let (closed, opened) = self.contingencies.watch(&self.fleet, &self.plant, &self.image, &self.trips);
        for change in changes {
            match change {
                Change::Latched { trip, source } => {
                    self.remember = true;
                    self.event(Event::TripLatched { trip: trip.clone() });
                    let (origin, moves) = self.contingencies.source(now.tick, self.view(), &source);
                    self.carry_out_loss(now, Hold::Trip(trip), origin, moves);
                }
                Change::Blind { trip, tag } => self.event(Event::TripBlind { trip, tag }),
                Change::Seeing { trip, tag } => self.event(Event::TripSeeing { trip, tag }),
            }
        }
        for main in closed {
            self.event(Event::MainClosed { main: main.clone() });
            let (origin, moves) = self.contingencies.main(now.tick, self.view(), &main);
            self.closed_mains.push(main.clone());
            self.carry_out_loss(now, Hold::Main(main), origin, moves);
        }
        for main in opened {
            self.closed_mains.retain(|m| *m != main);
            self.release(&Hold::Main(main.clone()));
            self.event(Event::MainOpened { main });
        }
        for wanted in self.arbiter.step(now.tick, &self.image, &self.alarms) {
            let arbiter::Wanted { write, device, setpoint, value, .. } = wanted;
            self.out.push(Effect::Write { write, device, setpoint, value });
        }
    }

    fn carry_out_loss(
        &mut self,
        now: Now,
        hold: Hold,
        origin: contingency::Origin,
        moves: Vec<hypocaust_protocols::wire::Move>,
    ) {
        for m in &moves {
            self.hold(now, hold.clone(), &m.setpoint, m.value);
        }
        self.event(Event::Acted { lost: hold.name(), origin, moves });
    }

    pub(super) fn hold(&mut self, now: Now, hold: Hold, setpoint: &SetpointId, value: f64) {
        match self.arbiter.hold(hold, setpoint, value, &self.image) {
            Ok(None) => {}
            Ok(Some((id, verdict))) => self.answer(now, &id, verdict),
            Err(refusal) => {
                *self.refusals.entry(refusal.gate.clone()).or_default() += 1;
                self.event(Event::MoveRefused { setpoint: setpoint.clone(), refusal });
            }
        }
    }

    pub(super) fn beat(&mut self, now: Now, signed: &Signed) {
        let (epoch, head) = (self.door.epoch(), self.door.head().cloned());
        match self.door.beat(signed, now.tick) {
            Ok(beat) => {
                self.remember |= self.door.epoch() != epoch || self.door.head() != head.as_ref();
                for seen in &beat.trips_seen {
                    self.hand_over(now, &Hold::Trip(seen.clone()));
                    // A main is named by its own id in the same list.
                    if let Ok(main) = seen.as_str().parse() {
                        self.hand_over(now, &Hold::Main(main));
                    }
                }
                let change = self.modes.beat(now.tick);
                self.mode_changed(now, change);
            }
            Err(refusal) => self.not_admitted("beat", refusal),
        }
    }

    pub(super) fn table(&mut self, now: Now, signed: &Signed) {
        let epoch = self.door.epoch();
        match self.door.table(signed, now.tick) {
            Ok(table) => {
                self.remember |= self.door.epoch() != epoch;
                let view = View { fleet: &self.fleet, plant: &self.plant, image: &self.image, trips: &self.trips };
                self.contingencies.take(now.tick, view, table);
            }
            Err(refusal) => self.not_admitted("table", refusal),
        }
    }

    fn not_admitted(&mut self, what: &'static str, refusal: hypocaust_protocols::wire::Refusal) {
        *self.refusals.entry(refusal.gate.clone()).or_default() += 1;
        self.event(Event::NotAdmitted { what, refusal });
    }
}
