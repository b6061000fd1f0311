//! A header: one energy store with one process value.

use hypocaust_protocols::model;

#[derive(Debug, Clone)]
pub struct Header {
    pub spec: model::Header,
    /// Pressure in bar or temperature in degC.
    pub value: f64,
}

impl Header {
    pub(super) fn new(spec: &model::Header) -> Self {
        Self { value: spec.nominal, spec: spec.clone() }
    }

    /// The share of its wish that a consumer can draw: all of it down to `low`, nothing at 80 % of `low`.
    pub fn supply(&self) -> f64 {
        let (low, none) = (self.spec.low, 0.8 * self.spec.low);
        ((self.value - none) / (low - none)).clamp(0.0, 1.0)
    }

    /// Takes in `energy` MWh; what would lift it above `high` goes out through the relief valve and is returned.
    pub(super) fn step(&mut self, energy: f64) -> f64 {
        self.value += energy / self.spec.capacity_mwh;
        let above = (self.value - self.spec.high).max(0.0);
        self.value -= above;
        above * self.spec.capacity_mwh
    }
}
