//! A consumer: it asks for heat by the hour of the day, draws what its cap and the header let it.

use hypocaust_protocols::model;

/// Time constant with which the draw follows cap and wish, s: stroke of a pneumatic control valve.
pub const VALVE_LAG_S: f64 = 3.0;
/// Time constant of the wandering of the demand, s, and its standard deviation as a share of the demand.
const WANDER_S: f64 = 600.0;
const WANDER_SHARE: f64 = 0.01;

#[derive(Debug, Clone)]
pub struct Consumer {
    pub spec: model::Consumer,
    pub header: usize,
    /// MW.
    pub asked: f64,
    pub served: f64,
    /// The shed setpoint, MW; infinite for a must-serve consumer.
    pub cap: f64,
    /// Drawn since the beginning, MWh.
    pub energy: f64,
    wander: f64,
}

impl Consumer {
    pub(super) fn new(spec: &model::Consumer, header: usize) -> Self {
        Self { spec: spec.clone(), header, asked: 0.0, served: 0.0, cap: f64::INFINITY, energy: 0.0, wander: 0.0 }
    }

    /// The profile without its wandering, MW at this hour.
    pub fn profile(spec: &model::Consumer, hour: f64) -> f64 {
        let angle = (hour - spec.peak_hour) / 24.0 * std::f64::consts::TAU;
        spec.heat_mw * (1.0 + spec.swing_share * angle.cos())
    }

    pub(super) fn begin(&mut self, hour: f64) {
        self.asked = Self::profile(&self.spec, hour);
        self.served = self.asked;
    }

    pub(super) fn step(&mut self, dt_s: f64, hour: f64, supply: f64, noise: f64) {
        // An Ornstein-Uhlenbeck walk; an even spread of width 1 has standard deviation 1/sqrt(3).
        let sigma = WANDER_SHARE * (2.0 * dt_s / WANDER_S).sqrt() * 3f64.sqrt();
        self.wander += -self.wander * dt_s / WANDER_S + sigma * noise;
        self.asked = (Self::profile(&self.spec, hour) * (1.0 + self.wander)).max(0.0);
        let wanted = self.asked.min(self.cap);
        self.served += (wanted - self.served) * (1.0 - (-dt_s / VALVE_LAG_S).exp());
        // Whatever the valve does, a starved header gives less at once.
        self.served = self.served.min(self.asked * supply).max(0.0);
    }
}
