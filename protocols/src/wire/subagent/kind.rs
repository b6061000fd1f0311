//! What an agent can be asked, and what its answer may hold.

use super::AgentId;
use serde::{Deserialize, Serialize};

/// A kind of task. One agent is asked one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Of one boiler (`subject`: the source). Inputs: `heat` MW, `heat-max` MW, `fuel` Nm3/h with `lhv` MJ/Nm3 or `fuel`
    /// MW, `steam` t/h, `feedwater` degC, `drum` bar, `stack` degC, `air` degC, `o2` %, `co2` %, `co` ppm.
    BoilerEfficiency,
    /// Of one boiler (`subject`: the source). Inputs: `o2` %, `co2` %, `co` ppm, `nox` ppm, `stack` degC, `air` degC.
    FlueGas,
    /// Of one header (`subject`: the header). Inputs: `demand` MW and of each unit, by its name, `U.load`, `U.min`,
    /// `U.cap` MW (the most that dispatch loads it to while nothing is short), `U.available` 1 or 0, `U.efficiency` % (heat
    /// over fuel by its meters, bad where they are; the file's curve where it has none, is off or below its least load),
    /// `U.price` EUR/MWh of what it takes in, `U.other` EUR/MWh of heat (maintenance, less power sold).
    HeatLoad,
    /// Of one consumer (`subject`: the consumer). Inputs: `asked` MW now, `hours` of a length of one, counted from the task's
    /// `issued`. The answer has of each of them `N.expected` with its band, `N.lower` and `N.upper`, N from 0 on: MW as means
    /// over the hour, of which one time in ten is below the band and one above it.
    DemandForecast,
}

/// A value that an answer may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Output {
    /// Its name, or the end of it after a dot where each unit has one.
    pub name: &'static str,
    pub unit: &'static str,
    pub min: f64,
    pub max: f64,
    /// Without it an answer that is `done` is not whole.
    pub required: bool,
}

const fn out(name: &'static str, unit: &'static str, min: f64, max: f64, required: bool) -> Output {
    Output { name, unit, min, max, required }
}

const BOILER_EFFICIENCY: [Output; 8] = [
    out("efficiency-input-output", "%", 0.0, 115.0, true),
    out("efficiency-losses", "%", 0.0, 115.0, true),
    out("loss-stack", "%", -5.0, 100.0, true),
    out("loss-co", "%", 0.0, 40.0, true),
    out("loss-radiation", "%", 0.0, 50.0, true),
    out("o2-advice", "%", 0.0, 21.0, true),
    out("o2-change", "%", -21.0, 21.0, true),
    out("saving", "%", -100.0, 100.0, true),
];

const FLUE_GAS: [Output; 7] = [
    out("stack-loss", "%", -5.0, 100.0, true),
    out("co-loss", "%", 0.0, 40.0, true),
    out("excess-air", "%", -50.0, 2_000.0, true),
    out("air-ratio", "1", 0.5, 21.0, true),
    out("recommended-air-ratio", "1", 1.0, 3.0, true),
    out("recommended-o2", "%", 0.0, 21.0, true),
    out("nox-at-3-o2", "ppm", 0.0, 10_000.0, false),
];

const HEAT_LOAD: [Output; 5] = [
    out("load", "MW", 0.0, 10_000.0, true),
    out("marginal-cost", "EUR/MWh", -10_000.0, 10_000.0, false),
    out("cost", "EUR/h", -1e7, 1e7, true),
    out("unmet", "MW", 0.0, 10_000.0, true),
    out("surplus", "MW", 0.0, 10_000.0, true),
];

const DEMAND_FORECAST: [Output; 3] = [
    out("expected", "MW", 0.0, 10_000.0, true),
    out("lower", "MW", 0.0, 10_000.0, true),
    out("upper", "MW", 0.0, 10_000.0, true),
];

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::BoilerEfficiency, Kind::FlueGas, Kind::HeatLoad, Kind::DemandForecast];

    pub fn name(self) -> &'static str {
        match self {
            Kind::BoilerEfficiency => "boiler-efficiency",
            Kind::FlueGas => "flue-gas",
            Kind::HeatLoad => "heat-load",
            Kind::DemandForecast => "demand-forecast",
        }
    }

    /// Who is asked it.
    pub fn agent(self) -> AgentId {
        let number = match self {
            Kind::BoilerEfficiency => 2,
            Kind::FlueGas => 18,
            Kind::HeatLoad => 23,
            Kind::DemandForecast => 69,
        };
        AgentId::new(number).expect("these four are numbers of sub-agents")
    }

    /// What this agent is asked; `None`: the centre has no task for it.
    pub fn of(agent: AgentId) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.agent() == agent)
    }

    /// What an answer may hold.
    pub fn outputs(self) -> &'static [Output] {
        match self {
            Kind::BoilerEfficiency => &BOILER_EFFICIENCY,
            Kind::FlueGas => &FLUE_GAS,
            Kind::HeatLoad => &HEAT_LOAD,
            Kind::DemandForecast => &DEMAND_FORECAST,
        }
    }

    /// The one of them with this name.
    pub fn output(self, name: &str) -> Option<&'static Output> {
        let end = name.rsplit_once('.').map_or(name, |(_, end)| end);
        self.outputs().iter().find(|o| o.name == end)
    }
}
