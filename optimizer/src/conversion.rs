//! How a unit turns its carrier into heat, and heat into power.
//!
//! Most units do it by fixed ratios: `efficiency`, `cop`, or `heat_eff` and `power_eff` of a back-pressure unit. Three
//! shapes are richer:
//! - `segments`: the draw over heat is a chain of straight pieces. A linear program fills the cheapest piece first, so
//!   there the pieces must not become cheaper upwards (the curve must be convex); `validate_linear` refuses others.
//!   `commit` takes any curve, also one with fuel at no load: a short, steep piece before the others.
//! - extraction (oemof's and PyPSA's "extraction turbine"): power is free between `power_to_heat * heat` and
//!   `power_max - power_loss * heat`, and fuel is `(power + power_loss * heat) / condensing_eff`. Standstill is part of
//!   that cone.
//! - `region`: heat, power and fuel are a mixture of vertices (combined heat and power dispatch: Guo, Henwood and van
//!   Ooijen, IEEE Trans. Power Systems 11 (1996) 1778, draw such regions). Its weights sum to 1 while it must run, and
//!   to at most 1 otherwise, because a linear program cannot say "at standstill or in the region".
//!
//! Where a schedule is made without a solver, a unit moves on one line from standstill, and the ratios here are those of
//! the line: the chord of the segments up to full load, the least power of an extraction unit, the ray to a region's
//! vertex with the most heat.

use serde::{Deserialize, Serialize};

use crate::case::{ChpMode, Unit, UnitKind};
use crate::series::Series;

/// One straight piece of a unit's draw over heat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// How many MW of heat it covers.
    pub heat: f64,
    /// MW of the carrier per MW of heat on it.
    pub input_per_heat: Series,
}

/// A corner of the region of a CHP unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vertex {
    /// MW of heat.
    pub heat: f64,
    /// MW of power.
    pub power: f64,
    /// MW of the carrier.
    pub fuel: f64,
}

impl Unit {
    /// Whether input and power follow heat by fixed ratios.
    #[must_use]
    pub fn is_proportional(&self) -> bool {
        self.segments.is_none() && matches!(self.mode, None | Some(ChpMode::Backpressure))
    }

    /// The vertices of its region; none for a unit without one.
    #[must_use]
    pub fn vertices(&self) -> &[Vertex] {
        match (self.mode, &self.region) {
            (Some(ChpMode::Region), Some(region)) => region,
            _ => &[],
        }
    }

    /// The vertex of its region with the most heat.
    #[must_use]
    pub fn hottest(&self) -> Option<Vertex> {
        self.vertices().iter().copied().max_by(|a, b| a.heat.total_cmp(&b.heat))
    }

    /// MW of power that an extraction unit could make without heat in step `t`.
    #[must_use]
    pub fn turbine(&self, t: usize) -> f64 {
        self.power_max.as_ref().map_or(0.0, |most| most.at(t) * self.available(t))
    }

    /// Figures of an extraction unit in step `t`: condensing efficiency, power loss, power to heat.
    #[must_use]
    pub fn extraction(&self, t: usize) -> Option<(f64, f64, f64)> {
        match (self.mode, &self.condensing_eff, &self.power_loss, &self.power_to_heat) {
            (Some(ChpMode::Extraction), Some(efficiency), Some(loss), Some(ratio)) => {
                Some((efficiency.at(t), loss.at(t), ratio.at(t)))
            }
            _ => None,
        }
    }

    /// MW of heat that its shape allows in step `t`, whatever `heat_max` says.
    pub(crate) fn heat_most(&self, t: usize) -> f64 {
        if let Some((_, loss, ratio)) = self.extraction(t) {
            let line = loss + ratio;
            return if line > 0.0 { self.turbine(t) / line } else { f64::INFINITY };
        }
        self.hottest().map_or(f64::INFINITY, |vertex| vertex.heat)
    }

    /// MW of its carrier per MW of heat in step `t`, on its line.
    #[must_use]
    pub fn input_per_heat(&self, t: usize) -> f64 {
        if self.segments.is_some() {
            let full = self.capacity(t);
            return if full > 0.0 { self.input_on_line(t, full) / full } else { self.slope(t, 0) };
        }
        if let Some((efficiency, loss, ratio)) = self.extraction(t) {
            return (ratio + loss) / efficiency;
        }
        if let Some(vertex) = self.hottest() {
            return vertex.fuel / vertex.heat;
        }
        let yields = match self.kind {
            UnitKind::Boiler | UnitKind::ElectricBoiler => self.efficiency.as_ref(),
            UnitKind::HeatPump => self.cop.as_ref(),
            UnitKind::Chp => self.heat_eff.as_ref(),
            UnitKind::WasteHeat => None,
        };
        yields.map_or(0.0, |series| 1.0 / series.at(t))
    }

    /// MW of electricity made per MW of heat in step `t`, on its line; zero for all but CHP.
    #[must_use]
    pub fn power_per_heat(&self, t: usize) -> f64 {
        if let Some((_, _, ratio)) = self.extraction(t) {
            return ratio;
        }
        if let Some(vertex) = self.hottest() {
            return vertex.power / vertex.heat;
        }
        match (self.kind, &self.power_eff, &self.heat_eff) {
            (UnitKind::Chp, Some(power), Some(heat)) => power.at(t) / heat.at(t),
            _ => 0.0,
        }
    }

    /// MW of its carrier for so much heat in step `t`: along its segments, or on its line.
    #[must_use]
    pub fn input_on_line(&self, t: usize, heat: f64) -> f64 {
        let Some(segments) = &self.segments else {
            return heat * self.input_per_heat(t);
        };
        let (mut left, mut input) = (heat, 0.0);
        for (k, segment) in segments.iter().enumerate() {
            // Rounding beyond the last piece goes on with its slope.
            let taken = if k + 1 == segments.len() { left } else { left.min(segment.heat) };
            input += taken * segment.input_per_heat.at(t);
            left -= taken;
        }
        input
    }

    /// Whether a piece of its curve is cheaper than the one before it in some step, so that the order of its pieces has to be
    /// decided: the curve is not convex.
    #[must_use]
    pub fn bends(&self) -> bool {
        self.segments.iter().any(|segments| segments.windows(2).any(|pair| falls(&pair[0], &pair[1]).is_some()))
    }

    fn slope(&self, t: usize, k: usize) -> f64 {
        let piece = self.segments.as_ref().and_then(|segments| segments.get(k));
        piece.map_or(0.0, |segment| segment.input_per_heat.at(t))
    }
}

/// The first step in which a piece is cheaper than the one before it. A single number holds for every step.
pub(crate) fn falls(before: &Segment, after: &Segment) -> Option<usize> {
    let (before, after) = (&before.input_per_heat, &after.input_per_heat);
    (0..before.written().len().max(after.written().len())).find(|&t| after.at(t) < before.at(t))
}
