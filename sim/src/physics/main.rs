//! A main between two headers. Its valve follows the setpoint with a lag; a closed main carries nothing and, cut off,
//! loses nothing from the headers.

use hypocaust_protocols::model;

/// Time constant of a motor-driven control valve with its actuator, s.
const VALVE_LAG_S: f64 = 5.0;

#[derive(Debug, Clone)]
pub struct Main {
    pub spec: model::Main,
    pub from: usize,
    pub to: usize,
    /// MW at the sending end, positive from `from` to `to`.
    pub flow: f64,
    pub setpoint: f64,
    pub open: bool,
    /// Carried since the beginning, either way, MWh.
    pub energy: f64,
}

/// Heat that arrives at each end (negative: leaves it), MW.
pub(super) struct Ends {
    pub at_from: f64,
    pub at_to: f64,
}

impl Main {
    pub(super) fn new(spec: &model::Main, from: usize, to: usize) -> Self {
        Self { spec: spec.clone(), from, to, flow: 0.0, setpoint: 0.0, open: true, energy: 0.0 }
    }

    /// `from` and `to`: how well each end is supplied, 0 to 1 (a starved header cannot send).
    pub(super) fn step(&mut self, dt_s: f64, from: f64, to: f64) -> Ends {
        if !self.open {
            self.flow = 0.0;
            return Ends { at_from: 0.0, at_to: 0.0 };
        }
        let wanted = self.setpoint.clamp(-self.spec.cap_reverse_mw, self.spec.cap_mw);
        let possible = if wanted >= 0.0 { wanted * from } else { wanted * to };
        self.flow += (possible - self.flow) * (1.0 - (-dt_s / VALVE_LAG_S).exp());
        let standing = self.spec.fixed_loss_mw / 2.0;
        let arrives = self.flow.abs() * (1.0 - self.spec.loss_fraction);
        if self.flow >= 0.0 {
            Ends { at_from: -self.flow - standing, at_to: arrives - standing }
        } else {
            Ends { at_from: arrives - standing, at_to: self.flow - standing }
        }
    }
}
