//! A thermal store: what goes in and out is limited by rate and by what is left.

use hypocaust_protocols::model;

#[derive(Debug, Clone)]
pub struct Storage {
    pub spec: model::Storage,
    pub header: usize,
    /// MWh.
    pub energy: f64,
    /// MW into the header; negative while charging.
    pub heat: f64,
    /// MW asked for, same sign.
    pub setpoint: f64,
}

impl Storage {
    pub(super) fn new(spec: &model::Storage, header: usize) -> Self {
        Self { energy: spec.initial_mwh, heat: 0.0, setpoint: 0.0, header, spec: spec.clone() }
    }

    pub(super) fn step(&mut self, dt_h: f64) {
        self.energy *= (1.0 - self.spec.loss_per_h).powf(dt_h);
        let can_give = (self.energy * self.spec.discharge_eff / dt_h).min(self.spec.discharge_max_mw);
        let room = (self.spec.capacity_mwh - self.energy).max(0.0);
        let can_take = (room / self.spec.charge_eff / dt_h).min(self.spec.charge_max_mw);
        self.heat = self.setpoint.clamp(-can_take, can_give);
        self.energy -= if self.heat >= 0.0 {
            self.heat * dt_h / self.spec.discharge_eff
        } else {
            self.heat * dt_h * self.spec.charge_eff
        };
    }
}
