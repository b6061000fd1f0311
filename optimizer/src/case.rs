//! The case file `heatcase/1`: what there is, what is asked, over which steps.
//!
//! These are the raw shapes of the file, with public fields, so that central can build a case from a fleet as easily
//! as the program reads one from disk. Whether they make sense together is `validate`'s question, and `solve` asks it
//! first. Power is in MW, energy in MWh, prices per MWh, ramps in MW per hour, `co2_price` per tonne. Flows are
//! positive in the direction that their name says.
//!
//! Additions to the published format, all optional: `initial` and `must_run` of a unit, `sheddable` of a demand,
//! `previous` of the case, and `step_minutes` as an array (a graded grid).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::series::Series;

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
}

/// A source of heat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Unique among units.
    pub id: String,
    /// Which conversion it has.
    pub kind: UnitKind,
    /// Of a CHP unit only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ChpMode>,
    /// Its site.
    pub plant: String,
    /// What it takes; `null` for waste heat.
    #[serde(default)]
    pub carrier: Option<String>,
    /// Where its heat goes.
    pub header: String,
    /// MW of heat at full load.
    pub heat_max: Series,
    /// Minimum stable load, MW. A linear program cannot say "off or at least this": it binds only through `must_run`.
    #[serde(default = "zero")]
    pub heat_min: Series,
    /// Heat per fuel or power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<Series>,
    /// Heat per power of a heat pump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cop: Option<Series>,
    /// Heat per fuel of a CHP unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heat_eff: Option<Series>,
    /// Power per fuel of a CHP unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_eff: Option<Series>,
    /// MW per hour; `null` is no limit.
    #[serde(default)]
    pub ramp_up_per_h: Option<f64>,
    /// MW per hour; `null` is no limit.
    #[serde(default)]
    pub ramp_down_per_h: Option<f64>,
    /// Cost of a start; belongs to commitment, the linear program does not count it.
    #[serde(default)]
    pub start_cost: f64,
    /// Scales `heat_max`; 0 is a unit that is off, tripped or locked out.
    #[serde(default = "one")]
    pub availability: Series,
    /// Cost per MWh of heat besides the carrier.
    #[serde(default = "zero")]
    pub var_om: Series,
    /// What it makes now: the first ramp starts from here. Without it ramps bind from the second step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Initial>,
    /// MW that it must make while it is available, such as the minimum stable load of a unit that is not to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub must_run: Option<Series>,
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
            cop: None,
            heat_eff: None,
            power_eff: None,
            ramp_up_per_h: None,
            ramp_down_per_h: None,
            start_cost: 0.0,
            availability: one(),
            var_om: zero(),
            initial: None,
            must_run: None,
        }
    }

    /// MW of heat that it can make in step `t`.
    #[must_use]
    pub fn capacity(&self, t: usize) -> f64 {
        self.heat_max.at(t) * self.availability.at(t)
    }

    /// MW that it must make in step `t`, never more than it can.
    #[must_use]
    pub fn floor(&self, t: usize) -> f64 {
        self.must_run.as_ref().map_or(0.0, |series| series.at(t).min(self.capacity(t)))
    }

    /// MW of its carrier per MW of heat in step `t`.
    #[must_use]
    pub fn input_per_heat(&self, t: usize) -> f64 {
        let yields = match self.kind {
            UnitKind::Boiler | UnitKind::ElectricBoiler => self.efficiency.as_ref(),
            UnitKind::HeatPump => self.cop.as_ref(),
            UnitKind::Chp => self.heat_eff.as_ref(),
            UnitKind::WasteHeat => None,
        };
        yields.map_or(0.0, |series| 1.0 / series.at(t))
    }

    /// MW of electricity made per MW of heat in step `t`; zero for all but CHP.
    #[must_use]
    pub fn power_per_heat(&self, t: usize) -> f64 {
        match (self.kind, &self.power_eff, &self.heat_eff) {
            (UnitKind::Chp, Some(power), Some(heat)) => power.at(t) / heat.at(t),
            _ => 0.0,
        }
    }
}

/// What a unit does when the horizon begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Initial {
    /// Measured heat.
    pub heat_mw: f64,
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
    /// What it must hold at the end.
    pub r#final: Final,
}

/// The content of a store at the end of the horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Final {
    /// So many MWh.
    Mwh(f64),
    /// By a word.
    Word(FinalWord),
}

/// The words for a final content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FinalWord {
    /// As at the beginning.
    EqualInitial,
    /// Whatever is best inside the horizon.
    Free,
}

impl Storage {
    /// MWh that it must hold at the end, where it must.
    #[must_use]
    pub fn final_mwh(&self) -> Option<f64> {
        match self.r#final {
            Final::Mwh(mwh) => Some(mwh),
            Final::Word(FinalWord::EqualInitial) => Some(self.initial_mwh),
            Final::Word(FinalWord::Free) => None,
        }
    }
}

/// A way for heat from one header to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// physics leaves nothing else, before any class is weighed, and is reported as a slack with the demand's name.
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
