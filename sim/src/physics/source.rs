//! What makes heat, with its burner management.
//!
//! ```text
//!          start request                         cause gone and reset at the boiler
//!   Off ----------------> Purge -> LightOff -> WarmUp -> On        Tripped -> Off (or Purge on a new request)
//!    ^                      |          |          |       |           ^
//!    |     stop request     |          | too many |       | trip      |
//!    +----------------------+----------+- tries --+-------+-----------+
//!                                      v
//!                                   Lockout -- a person at the boiler --> Off
//! ```
//! The burner management starts by itself only what was asked for, and refuses more than three failed lightings in a row.
//!
//! A burner burns nothing in the purge, and what a lighting takes within its few seconds is not counted. Once lit it burns its
//! low fire at least: in the warm-up, and until the rising load has passed it. That fuel warms the boiler and is no heat to the
//! header. Cogeneration, heat pumps and electric boilers take in what their load asks for and nothing before.

use super::Header;
use super::flue::{self, Flue};
use hypocaust_protocols::model::{self, Conversion, Meter, SourceState};

/// Failed lightings in a row after which the burner management locks out (EN 298 allows few recyclings).
const MOST_FAILED_STARTS: u32 = 3;
/// Integral time of a swing source's pressure controller, s, and the share of the nominal value that is its whole
/// proportional band.
const INTEGRAL_S: f64 = 120.0;
const BAND: f64 = 0.1;

#[derive(Debug, Clone)]
pub struct Source {
    pub spec: model::Source,
    pub header: usize,
    /// Holds its header's process value by its own controller.
    pub swing: bool,
    pub state: SourceState,
    /// Seconds in this state.
    pub in_state_s: f64,
    /// MW into the header.
    pub heat: f64,
    /// MW that the firing rate stands for; `heat` follows it.
    firing: f64,
    integral: f64,
    /// MW; for a swing source the upper end of its band.
    pub setpoint: f64,
    /// Started when true, stopped when false.
    pub requested: bool,
    /// The cause of a trip is there.
    pub fault: bool,
    /// The plant's own high limit holds the fuel shut.
    pub cut: bool,
    /// The next lightings that will fail.
    pub will_fail: u32,
    pub failed_starts: u32,
    /// Made since the beginning, MWh.
    pub energy: f64,
    /// Of a fired boiler.
    pub flue: Option<Flue>,
    /// What the fuel meter shows for one MW, in its unit.
    pub fuel_per_mw: f64,
}

impl Source {
    pub(super) fn new(spec: &model::Source, header: usize, swing: bool) -> Self {
        let on = spec.initially_on;
        Self {
            header,
            swing,
            state: if on { SourceState::On } else { SourceState::Off },
            in_state_s: 0.0,
            heat: 0.0,
            firing: 0.0,
            integral: 0.0,
            setpoint: if swing { spec.proven_mw } else { 0.0 },
            requested: on,
            fault: false,
            cut: false,
            will_fail: 0,
            failed_starts: 0,
            energy: 0.0,
            flue: Flue::new(spec),
            fuel_per_mw: 1.0,
            spec: spec.clone(),
        }
    }

    pub fn is_on(&self) -> bool {
        self.state == SourceState::On
    }

    pub(super) fn begin(&mut self, share: f64, header: &Header) {
        let load = (share * self.spec.heat_max_mw).clamp(self.spec.heat_min_mw, self.spec.heat_max_mw);
        (self.heat, self.firing, self.integral) = (load, load, load);
        if !self.swing {
            self.setpoint = load;
        }
        if let Some(flue) = &mut self.flue {
            flue.settle(load / self.spec.heat_max_mw, flue::sink(header));
        }
    }

    /// What this meter shows, in the unit of its tag.
    pub fn meter(&self, meter: Meter, header: &Header) -> f64 {
        flue::shown(self, header, meter)
    }

    /// Fuel or power taken in, MW (nothing for waste heat).
    pub fn intake(&self) -> f64 {
        let fired = self.fired();
        let share = fired / self.spec.heat_max_mw;
        match &self.spec.conversion {
            Conversion::Efficiency(points) => {
                fired / self.flue.as_ref().map_or_else(|| efficiency(points, share), |flue| flue.efficiency(share))
            }
            Conversion::Cop(cop) => fired / cop,
            Conversion::Cogeneration { heat_eff, .. } => fired / heat_eff,
            Conversion::Free => 0.0,
        }
    }

    /// MW of heat that flame or power stand for now.
    fn fired(&self) -> f64 {
        let burns = self.flue.is_some() && !self.cut;
        match self.state {
            SourceState::WarmUp if burns => self.spec.heat_min_mw,
            SourceState::On if burns => self.firing.max(self.spec.heat_min_mw),
            SourceState::On => self.firing,
            _ => 0.0,
        }
    }

    /// A person at the boiler resets the burner management; without effect while the cause is there.
    pub fn reset(&mut self) {
        if !self.fault && matches!(self.state, SourceState::Tripped | SourceState::Lockout) {
            self.failed_starts = 0;
            self.requested = self.spec.start_request.is_none();
            self.enter(if self.requested { SourceState::On } else { SourceState::Off });
        }
    }

    /// Does the next step of `dt_s` decide whether the burner lights?
    pub(super) fn lights_within(&self, dt_s: f64) -> bool {
        self.state == SourceState::LightOff
            && self.in_state_s + dt_s >= self.spec.start.light_off_s
            && self.will_fail == 0
    }

    fn enter(&mut self, state: SourceState) {
        self.state = state;
        self.in_state_s = 0.0;
    }

    fn sequence(&mut self) {
        use SourceState::*;
        if self.fault || self.state == Lockout {
            // A request made now is not kept for later: nothing may start by itself once the cause is gone.
            self.requested = false;
        }
        if self.fault && !matches!(self.state, Tripped | Lockout) {
            return self.enter(Tripped);
        }
        let start = self.spec.start;
        match self.state {
            Off | Tripped if self.requested => self.enter(Purge),
            Purge | LightOff | WarmUp | On if !self.requested => self.enter(Off),
            Purge if self.in_state_s >= start.purge_s => self.enter(LightOff),
            LightOff if self.in_state_s >= start.light_off_s => {
                if self.will_fail > 0 {
                    self.will_fail -= 1;
                    self.failed_starts += 1;
                    let out = self.failed_starts >= MOST_FAILED_STARTS;
                    self.requested = self.requested && !out;
                    self.enter(if out { Lockout } else { Purge });
                } else {
                    self.failed_starts = 0;
                    self.enter(WarmUp);
                }
            }
            WarmUp if self.in_state_s >= start.warm_up_s => {
                self.integral = self.spec.heat_min_mw;
                self.enter(On);
            }
            _ => {}
        }
    }

    /// The firing that the local controller or the setpoint asks for, MW.
    fn wanted(&mut self, dt_s: f64, header: &Header) -> f64 {
        let (min, max) = (self.spec.heat_min_mw, self.spec.heat_max_mw.max(self.spec.proven_mw));
        if !self.swing {
            return self.setpoint.clamp(min, max);
        }
        let top = self.setpoint.clamp(min, max);
        let error = (header.spec.nominal - header.value) / (BAND * header.spec.nominal) * max;
        let raw = self.integral + error;
        // The integral stands still where the output is at a limit and the error pushes further out.
        if !(raw > top && error > 0.0 || raw < min && error < 0.0) {
            self.integral = (self.integral + error * dt_s / INTEGRAL_S).clamp(0.0, max);
        }
        raw.clamp(min, top)
    }

    pub(super) fn step(&mut self, dt_s: f64, header: &Header) {
        self.in_state_s += dt_s;
        self.sequence();
        let ramp = self.spec.ramp_mw_per_min / 60.0 * dt_s;
        match self.state {
            SourceState::On if !self.cut => {
                let wanted = self.wanted(dt_s, header);
                self.firing += (wanted - self.firing).clamp(-ramp, ramp);
            }
            _ => self.firing = 0.0,
        }
        let follow =
            if self.spec.time_constant_s > 0.0 { 1.0 - (-dt_s / self.spec.time_constant_s).exp() } else { 1.0 };
        self.heat += (self.firing - self.heat) * follow;
        let share = self.fired() / self.spec.heat_max_mw;
        if let Some(flue) = &mut self.flue {
            flue.step(dt_s, share, flue::sink(header));
        }
    }
}

/// Linear between the points, flat beyond them.
pub(super) fn efficiency(points: &[(f64, f64)], share: f64) -> f64 {
    let after = points.partition_point(|p| p.0 < share);
    match (after.checked_sub(1).map(|i| points[i]), points.get(after)) {
        (None, Some(first)) => first.1,
        (Some(last), None) => last.1,
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (share - a.0) / (b.0 - a.0),
        (None, None) => unreachable!("a checked curve has at least one point"),
    }
}
