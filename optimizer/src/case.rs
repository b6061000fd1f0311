//! The case file `heatcase/1`: what there is, what is asked, over which steps.
//!
//! These are the raw shapes of the file, with public fields, so that central can build a case from a fleet as easily
//! as the program reads one from disk. Whether they make sense together is `validate`'s question, and `solve` asks it
//! first. Power is in MW, energy in MWh, prices per MWh, ramps in MW per hour, `co2_price` per tonne. Flows are
//! positive in the direction that their name says.
//!
//! Additions to the published format, all optional:
//! - `step_minutes` as an array: a graded grid;
//! - of a unit `initial` (`heat_mw`, `on`, `hours`), `must_run`, `outages`, `min_up_h`, `min_down_h`,
//!   `start_max`, `stop_max`, `segments` instead of `efficiency` or `cop`, and the modes `extraction` and `region` of a CHP unit (see `conversion`);
//! - `{"value_per_mwh"}` as a storage's `final`: a terminal value instead of a level;
//! - of a link `delay_steps` with `forward_before`, `reverse_before` and `credit_per_mwh`;
//! - `reserve` of a header, `sheddable` of a demand, `previous` of the case.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::conversion::{Segment, Vertex};
use crate::series::Series;
pub use crate::terminal::{Final, FinalWord};

/// The only value of `schema` that this version reads.
pub const SCHEMA: &str = "heatcase/1";

/// One dispatch problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Always `heatcase/1`.
    pub schema: String,
    /// For people; it is carried into the result.
    pub name: String,
    /// Where the data comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The grid of the horizon.
    pub time: Time,
    /// Priority classes, highest first, at most five.
    pub classes: Vec<String>,
    /// Price of a tonne of CO2.
    #[serde(default = "zero")]
    pub co2_price: Series,
    /// What is burnt, bought and sold.
    pub carriers: Vec<Carrier>,
    /// The sites.
    pub plants: Vec<Plant>,
    /// Where heat is balanced.
    pub headers: Vec<Header>,
    /// Supply contracts of a plant.
    #[serde(default)]
    pub connections: Vec<Connection>,
    /// Sources of heat.
    pub units: Vec<Unit>,
    /// Thermal stores.
    #[serde(default)]
    pub storages: Vec<Storage>,
    /// Mains, let-downs, heat exchangers between headers.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Consumers.
    pub demands: Vec<Demand>,
    /// What is set at present, in MW by id of a unit (heat) or a demand (served): asks for the movement stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<BTreeMap<String, f64>>,
    /// Figures that the author expects; never read by the solver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<serde_json::Value>,
}

impl Case {
    /// How many classes are above this one; none for a class that is none of the case's.
    #[must_use]
    pub fn rank(&self, class: &str) -> Option<usize> {
        self.classes.iter().position(|known| known == class)
    }
}

/// The grid of the horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// Start of the first step, RFC 3339. The optimizer carries it and does not compute with it.
    pub start: String,
    /// Length of every step, or of each.
    pub step_minutes: Series,
    /// Number of steps.
    pub steps: usize,
}

impl Time {
    /// Length of step `t` in hours.
    #[must_use]
    pub fn hours(&self, t: usize) -> f64 {
        self.step_minutes.at(t) / 60.0
    }

    /// The step that lies so many hours after the beginning, and which share of it has passed by then; none beyond the
    /// horizon. A boundary is the end of the step before it.
    #[must_use]
    pub fn step_at(&self, hours: f64) -> Option<(usize, f64)> {
        let mut begins = 0.0;
        for t in 0..self.steps {
            let length = self.hours(t);
            if hours <= begins + length + 1e-9 {
                return Some((t, ((hours - begins) / length).clamp(0.0, 1.0)));
            }
            begins += length;
        }
        None
    }
}

/// A fuel or electricity: `price`, or `buy` and `sell`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carrier {
    /// Unique among carriers.
    pub id: String,
    /// Price of a MWh that is bought and cannot be sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Series>,
    /// Price of a MWh that is bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buy: Option<Series>,
    /// Price of a MWh that is sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sell: Option<Series>,
    /// Tonnes of CO2 per MWh that is bought.
    #[serde(default)]
    pub co2_t_per_mwh: f64,
}

impl Carrier {
    /// What a MWh costs in step `t`, emissions not included.
    #[must_use]
    pub fn buying(&self, t: usize) -> f64 {
        self.buy.as_ref().or(self.price.as_ref()).map_or(0.0, |series| series.at(t))
    }

    /// What a MWh that is fed out earns in step `t`.
    #[must_use]
    pub fn selling(&self, t: usize) -> f64 {
        self.sell.as_ref().map_or(0.0, |series| series.at(t))
    }

    /// Whether it is electricity: the carrier that has a selling price of its own takes the power of the CHP units.
    #[must_use]
    pub fn is_power(&self) -> bool {
        self.sell.is_some()
    }
}

/// A site.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plant {
    /// Unique among plants.
    pub id: String,
}

/// A steam header or hot-water loop; heat is balanced here in every step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Unique among headers.
    pub id: String,
    /// Its site.
    pub plant: String,
    /// `steam`, `hot-water`; for people.
    pub medium: String,
    /// Upward margin that its units are to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Reserve>,
}

/// What a header asks of its running units beyond the heat: so much more within so many minutes. Without commitment
/// every available unit counts as running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserve {
    /// MW upward.
    pub mw: Series,
    /// How soon it must be there: a unit's margin is at most its upward ramp over this time.
    pub minutes: f64,
    /// What a MW lacking for an hour counts for in the cost stage, which comes after every class.
    pub price: f64,
}

/// What a plant may draw of one carrier, and feed out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Unique among connections.
    pub id: String,
    /// Its site.
    pub plant: String,
    /// What it carries.
    pub carrier: String,
    /// MW.
    pub max_import: Series,
    /// MW; without it nothing can be fed out.
    #[serde(default = "zero")]
    pub max_export: Series,
    /// MW that the site draws besides its units.
    #[serde(default = "zero")]
    pub base_load: Series,
}

/// What kind of source a unit is; says which conversion figure it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// Burns a fuel; `efficiency`.
    Boiler,
    /// Makes heat and power; `mode`, `heat_eff`, `power_eff`.
    Chp,
    /// Lifts heat with power; `cop`.
    HeatPump,
    /// Turns power into heat; `efficiency`.
    ElectricBoiler,
    /// Takes what a process gives; no carrier.
    WasteHeat,
}

/// How a CHP unit couples power to heat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChpMode {
    /// Power is `power_eff / heat_eff` of the heat.
    Backpressure,
    /// Steam is drawn from a condensing turbine: fuel is `(power + power_loss * heat) / condensing_eff`, power is at
    /// least `power_to_heat * heat`, and `power + power_loss * heat` at most `power_max`.
    Extraction,
    /// Heat, power and fuel are a mixture of the vertices in `region`.
    Region,
}

/// A source of heat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Unique among units.
    pub id: String,
    /// Which conversion it has.
    pub kind: UnitKind,
    /// Of a CHP unit only. Where such a unit makes power, its plant has a connection for the carrier with a selling price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ChpMode>,
    /// Its site.
    pub plant: String,
    /// What it takes; `null` for waste heat.
    #[serde(default)]
    pub carrier: Option<String>,
    /// Where its heat goes: a header of its plant.
    pub header: String,
    /// MW of heat at full load.
    pub heat_max: Series,
    /// Minimum stable load, MW; at most `heat_max` of the step. A linear program cannot say "off or at least this": there it
    /// binds only through `must_run`; `commit` decides.
    #[serde(default = "zero")]
    pub heat_min: Series,
    /// Heat per fuel (of its net calorific value, so up to 1.25 where flue gas condenses) or power (up to 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<Series>,
    /// The carrier's draw over heat as a chain of straight pieces, from no heat upwards; instead of `efficiency` or
    /// `cop`. Where pieces become cheaper upwards only `commit` takes them: see `conversion`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<Vec<Segment>>,
    /// Heat per power of a heat pump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cop: Option<Series>,
    /// Heat per fuel of a CHP unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heat_eff: Option<Series>,
    /// Power per fuel of a CHP unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_eff: Option<Series>,
    /// Of an extraction unit: power per fuel while it makes no heat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condensing_eff: Option<Series>,
    /// Of an extraction unit: MW of power lost per MW of heat drawn off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_loss: Option<Series>,
    /// Of an extraction unit: the least MW of power per MW of heat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_to_heat: Option<Series>,
    /// Of an extraction unit: MW of power while it makes no heat, at full load; scaled by `availability`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_max: Option<Series>,
    /// Of a unit with a region: its vertices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Vec<Vertex>>,
    /// MW per hour; `null` is no limit.
    #[serde(default)]
    pub ramp_up_per_h: Option<f64>,
    /// MW per hour; `null` is no limit.
    #[serde(default)]
    pub ramp_down_per_h: Option<f64>,
    /// Cost of a start; belongs to commitment, the linear program does not count it.
    #[serde(default)]
    pub start_cost: f64,
    /// Hours for which it must stay on once started; belongs to commitment.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub min_up_h: f64,
    /// Hours for which it must stay off once stopped; belongs to commitment.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub min_down_h: f64,
    /// MW that it can reach in the step in which it starts; belongs to commitment. Without it, one step's upward ramp or
    /// its minimum stable load, whichever is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_max: Option<f64>,
    /// MW from which it can be stopped into the next step; belongs to commitment. Without it, one step's downward ramp
    /// or its minimum stable load, whichever is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_max: Option<f64>,
    /// Scales `heat_max`; 0 is a unit that is off, tripped or locked out.
    #[serde(default = "one")]
    pub availability: Series,
    /// Cost per MWh of heat besides the carrier.
    #[serde(default = "zero")]
    pub var_om: Series,
    /// What it does now: the first ramp starts from here. Without it ramps bind from the second step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Initial>,
    /// MW that it must make while it is available, at most `heat_max` of the step, such as the minimum stable load of a unit
    /// that is not to stop. A CHP unit with a region that must run, be it at 0, is at a point of its region and not between it
    /// and standstill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub must_run: Option<Series>,
    /// Forced outages inside the horizon: what is lost at their beginning is no ramp, where a fall of `availability` is
    /// foreseen and must be ramped down to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<Outage>,
}

/// A forced outage of a unit, whole or in part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// First step, counted from 0.
    pub from_step: usize,
    /// Step in which it is over; at most `steps`.
    pub to_step: usize,
    /// Share of the capacity that remains.
    #[serde(default)]
    pub available: f64,
}

impl Unit {
    /// A unit that is always available, without ramp limits, minimum load or further costs.
    #[must_use]
    pub fn new(id: &str, kind: UnitKind, plant: &str, header: &str, heat_max: f64) -> Self {
        Self {
            id: id.to_owned(),
            kind,
            mode: (kind == UnitKind::Chp).then_some(ChpMode::Backpressure),
            plant: plant.to_owned(),
            carrier: None,
            header: header.to_owned(),
            heat_max: heat_max.into(),
            heat_min: zero(),
            efficiency: None,
            segments: None,
            cop: None,
            heat_eff: None,
            power_eff: None,
            condensing_eff: None,
            power_loss: None,
            power_to_heat: None,
            power_max: None,
            region: None,
            ramp_up_per_h: None,
            ramp_down_per_h: None,
            start_cost: 0.0,
            min_up_h: 0.0,
            min_down_h: 0.0,
            start_max: None,
            stop_max: None,
            availability: one(),
            var_om: zero(),
            initial: None,
            must_run: None,
            outages: Vec::new(),
        }
    }

    /// Share of it that is there in step `t`: `availability`, less what outages take.
    #[must_use]
    pub fn available(&self, t: usize) -> f64 {
        let out = self.outages.iter().filter(|outage| outage.from_step <= t && t < outage.to_step);
        out.fold(self.availability.at(t), |share, outage| share.min(self.availability.at(t) * outage.available))
    }

    /// MW of heat that it can make in step `t`: `heat_max`, or what its turbine or region allows where that is less.
    #[must_use]
    pub fn capacity(&self, t: usize) -> f64 {
        (self.heat_max.at(t) * self.available(t)).min(self.heat_most(t))
    }

    /// Whether commitment decides over it: it has a state that a linear program cannot weigh.
    #[must_use]
    pub fn commits(&self) -> bool {
        self.heat_min.written().iter().any(|mw| *mw > 0.0)
            || self.start_cost > 0.0
            || self.min_up_h > 0.0
            || self.min_down_h > 0.0
            || self.start_max.is_some()
            || self.stop_max.is_some()
            || !self.vertices().is_empty()
    }

    /// Least MW of heat in step `t` while it is on, never more than it can.
    #[must_use]
    pub fn least(&self, t: usize) -> f64 {
        self.heat_min.at(t).min(self.capacity(t))
    }

    /// Whether a forced outage takes all of it in step `t`: it stops then whatever its minimum times say.
    #[must_use]
    pub fn is_out(&self, t: usize) -> bool {
        self.outages.iter().any(|outage| outage.from_step <= t && t < outage.to_step && outage.available <= 0.0)
    }

    /// Whether a forced outage takes something of it from step `t` on.
    #[must_use]
    pub fn trips(&self, t: usize) -> bool {
        self.outages.iter().any(|outage| outage.from_step == t)
    }

    /// MW that it must make in step `t`, never more than it can.
    #[must_use]
    pub fn floor(&self, t: usize) -> f64 {
        self.must_run.as_ref().map_or(0.0, |series| series.at(t).min(self.capacity(t)))
    }
}

/// What a unit does when the horizon begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Initial {
    /// Measured heat.
    pub heat_mw: f64,
    /// Whether it runs; without it, it does where it makes heat. One that is off and could be on in the first step is
    /// for `commit`, which knows minimum times and costs of a start: what its start takes is `availability` 0 elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<bool>,
    /// Hours for which it has been so; without it, long enough for any minimum time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<f64>,
}

impl Initial {
    /// A unit that makes so much, and runs where that is not zero.
    #[must_use]
    pub fn making(heat_mw: f64) -> Self {
        Self { heat_mw, on: None, hours: None }
    }

    /// Whether the unit runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.on.unwrap_or(self.heat_mw > 0.0)
    }
}

/// A thermal store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Unique among storages.
    pub id: String,
    /// Where it charges and discharges.
    pub header: String,
    /// MWh when full.
    pub capacity_mwh: f64,
    /// MW.
    pub charge_max: Series,
    /// MW.
    pub discharge_max: Series,
    /// Share of the heat taken that is stored.
    #[serde(default = "unity")]
    pub charge_eff: f64,
    /// Share of the heat drawn from the store that arrives.
    #[serde(default = "unity")]
    pub discharge_eff: f64,
    /// Share of the content lost in an hour.
    #[serde(default)]
    pub loss_per_h: f64,
    /// MWh at the beginning.
    pub initial_mwh: f64,
    /// What it must hold at the end, or what its content is worth then.
    pub r#final: Final,
}

/// A way for heat from one header to another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Unique among links.
    pub id: String,
    /// Header that forward flow leaves.
    pub from: String,
    /// Header that forward flow reaches.
    pub to: String,
    /// MW forward, at the sending end.
    pub cap: Series,
    /// MW in reverse, at its sending end.
    #[serde(default = "zero")]
    pub cap_reverse: Series,
    /// Share of the flow that is lost.
    #[serde(default)]
    pub loss_frac: f64,
    /// MW lost whatever flows, borne half by each end.
    #[serde(default = "zero")]
    pub fixed_loss: Series,
    /// Steps until what is sent arrives; needs steps of one length.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delay_steps: usize,
    /// With a delay: MW sent forward in the `delay_steps` steps before the horizon, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forward_before: Vec<f64>,
    /// With a delay: MW sent in reverse before the horizon, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverse_before: Vec<f64>,
    /// With a delay: what a MWh is worth that is sent inside the horizon and arrives after it, per MWh that arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_per_mwh: Option<f64>,
}

impl Link {
    /// MW sent forward before the horizon that arrive in step `t` (losses not yet taken off), where the delay reaches
    /// back so far.
    #[must_use]
    pub fn forward_known(&self, t: usize) -> f64 {
        if t < self.delay_steps { self.forward_before.get(t).copied().unwrap_or(0.0) } else { 0.0 }
    }

    /// The same for reverse flow.
    #[must_use]
    pub fn reverse_known(&self, t: usize) -> f64 {
        if t < self.delay_steps { self.reverse_before.get(t).copied().unwrap_or(0.0) } else { 0.0 }
    }
}

/// A consumer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    /// Unique among demands.
    pub id: String,
    /// Where it draws.
    pub header: String,
    /// One of the case's classes.
    pub class: String,
    /// MW that it asks for.
    pub heat: Series,
    /// MW of it that may be taken away by its shed setpoint; without it, all. The rest goes unserved only where
    /// physics leaves nothing else, in the order of the classes, before anything is shed by setpoints; it is reported as a slack
    /// with the demand's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheddable: Option<Series>,
}

impl Demand {
    /// MW of the demand in step `t` that may be shed.
    #[must_use]
    pub fn sheddable_mw(&self, t: usize) -> f64 {
        let asked = self.heat.at(t);
        self.sheddable.as_ref().map_or(asked, |series| series.at(t).clamp(0.0, asked))
    }
}

fn zero() -> Series {
    Series::Constant(0.0)
}

fn one() -> Series {
    Series::Constant(1.0)
}

fn unity() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_nothing(value: &f64) -> bool {
    *value == 0.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
