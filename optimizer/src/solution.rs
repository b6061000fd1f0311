//! The result of a solve: a schedule, what it leaves unserved, and the evidence.
//!
//! Every series has one value per step. Units' heat and power, flows and demands are in MW; a store's energy is in MWh
//! at the end of the step; prices are per MWh of heat. `cost` is the optimum of the cost stage, `schedule_cost` what
//! the schedule that is printed costs: the movement stage may spend 0.1 % on calm setpoints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::written;

/// The value of `schema` in a result.
pub const SCHEMA: &str = "heatresult/1";

/// A schedule with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Solution {
    /// Always `heatresult/1`.
    pub schema: String,
    /// Of the case.
    pub name: String,
    /// How it was found.
    pub status: Status,
    /// Objective of the first, weighted solve: cost plus weight times unserved MWh. Absent where no such solve ran.
    pub objective_weighted: Option<f64>,
    /// The stages in their order, each with its optimum.
    pub stages: Vec<Stage>,
    /// Optimum of the cost stage (for a greedy schedule: its cost).
    pub cost: f64,
    /// What this schedule costs.
    pub schedule_cost: f64,
    /// MWh not served, by class, over the horizon; every class of the case is there.
    pub unserved_mwh: BTreeMap<String, f64>,
    /// By unit.
    pub units: BTreeMap<String, UnitSeries>,
    /// By connection.
    pub connections: BTreeMap<String, ConnectionSeries>,
    /// By link.
    pub links: BTreeMap<String, LinkSeries>,
    /// By storage.
    pub storages: BTreeMap<String, StorageSeries>,
    /// By demand.
    pub demands: BTreeMap<String, DemandSeries>,
    /// MW of heat thrown away, by header.
    pub vents: BTreeMap<String, Vec<f64>>,
    /// MW of reserve that lacks, by header; only headers that ask for some.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reserve_short: BTreeMap<String, Vec<f64>>,
    /// Shadow price of a MWh more at the header in the cost stage; empty where no duals exist. Optima are degenerate:
    /// it is one of the prices between the two one-sided ones.
    pub prices: BTreeMap<String, Vec<f64>>,
    /// Physical limits that the data cannot keep, each with its owner; empty in every ordinary case.
    pub slacks: Vec<Slack>,
    /// What limits the result: for each class that is short, the limits whose relaxation would serve more of it, then
    /// the limits of the first step that cost money.
    pub binding: Vec<Binding>,
    /// Residuals, computed by our own code.
    pub certificate: Certificate,
    /// What proves the stages, given the states: duals of each that is not at zero, and of cost. `check` works out anew what
    /// they prove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
    /// How good the on and off states are, where they were chosen: everything else is optimal given them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<Commitment>,
    /// What solved it.
    pub solver: SolverInfo,
}

impl Solution {
    /// Reads a result. Whether it holds is for `check` to say.
    ///
    /// # Errors
    /// `Error::Parse` where the text is no `heatresult/1`.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        written::read(text, SCHEMA)
    }

    /// Whether it has states, or pieces of curves, that were chosen.
    #[must_use]
    pub fn decides(&self) -> bool {
        self.units.values().any(|series| !series.on.is_empty() || !series.piece.is_empty())
    }
}

/// How a schedule was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Every stage was solved to optimality and certified.
    Optimal,
    /// By priority and marginal cost, step by step; feasible, not optimal.
    Greedy,
}

/// What the stages are called that are no classes, so that no class may have such a name.
pub const OTHER_STAGES: [&str; 4] = ["physical", "final", "cost", "movement"];

/// What follows the name of a class in that of the stage of its heat that no shed setpoint reaches; no class may end so.
pub const BEYOND_SETPOINTS: &str = " beyond setpoints";

/// The stage of what a class lacks of the heat that no shed setpoint reaches.
#[must_use]
pub fn beyond_setpoints(class: &str) -> String {
    format!("{class}{BEYOND_SETPOINTS}")
}

/// The class that a stage is of, within its setpoints or beyond; a stage of no class is called as it is.
#[must_use]
pub fn class_of(stage: &str) -> &str {
    stage.strip_suffix(BEYOND_SETPOINTS).unwrap_or(stage)
}

/// One stage of the lexicographic solve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// In this order: `physical`; by class what lacks beyond its shed setpoints ([`BEYOND_SETPOINTS`]); `final`; the
    /// classes; `cost`; `movement`.
    pub name: String,
    /// Its optimum: MWh, MWh, money, MW of change.
    pub value: f64,
    /// Whether it needed a solve of its own, or was proved minimal by the first one.
    pub solved: bool,
}

/// Series of a unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitSeries {
    /// MW of heat.
    pub heat: Vec<f64>,
    /// MW of electricity made; zero for all but CHP.
    pub power: Vec<f64>,
    /// MW of its carrier that it takes.
    pub input: Vec<f64>,
    /// MW upward that it keeps for its header; empty where the header asks for none. With `heat` it is the band in
    /// which the unit may swing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reserve: Vec<f64>,
    /// Whether it is on; empty where commitment did not decide over it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<bool>,
    /// Per step on which piece of its curve it is, counted from 0: those before it are full, those after it unused. Empty for
    /// a unit whose pieces follow by themselves: its curve is convex, and its carrier worth something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub piece: Vec<usize>,
    /// Per step the weights of its region's vertices; empty for a unit without a region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<Vec<f64>>,
}

/// Series of a connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSeries {
    /// MW drawn.
    pub import: Vec<f64>,
    /// MW fed out.
    pub export: Vec<f64>,
}

/// Series of a link, each at its sending end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSeries {
    /// MW from `from`.
    pub forward: Vec<f64>,
    /// MW from `to`.
    pub reverse: Vec<f64>,
}

/// Series of a storage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageSeries {
    /// MW taken from the header.
    pub charge: Vec<f64>,
    /// MW given to the header.
    pub discharge: Vec<f64>,
    /// MWh at the end of the step.
    pub energy: Vec<f64>,
}

/// Series of a demand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandSeries {
    /// MW that it gets.
    pub served: Vec<f64>,
    /// MW that it asks for and does not get.
    pub unserved: Vec<f64>,
}

/// A physical limit that had to give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// What gave.
    pub kind: SlackKind,
    /// Id of the unit, storage, header, connection or demand.
    pub owner: String,
    /// Per step: MWh of a final level, MW of all others.
    pub amount: Vec<f64>,
}

/// What may give before a class is shed. Ramps, must-run, losses and base load come first, since nobody has heat of what is
/// lost there: the stage `physical`. Then heat that no shed setpoint reaches, class by class. Then final levels, which are
/// heat that can be had: the stage `final`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlackKind {
    /// A unit falls faster than its ramp.
    RampDown,
    /// A unit makes less than it must; of a region that must run, what it lacks counted in its largest heat.
    MustRun,
    /// A store ends below its final level.
    FinalShort,
    /// A store ends above its final level.
    FinalOver,
    /// A header cannot cover the fixed loss of its links.
    FixedLoss,
    /// A connection cannot cover the base load.
    BaseLoad,
    /// A demand loses heat that its shed setpoint does not reach.
    MustServe,
}

impl SlackKind {
    /// Whether it is in MWh rather than MW: a final level.
    #[must_use]
    pub fn is_energy(self) -> bool {
        matches!(self, Self::FinalShort | Self::FinalOver)
    }
}

/// A limit that holds the result back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The stage whose value it limits: a class, or `cost`.
    pub stage: String,
    /// Id of the owner.
    pub owner: String,
    /// As the case names it: `heat_max`, `ramp_up_per_h`, `start_max`, `max_import`, `cap`, `final`, …
    pub limit: String,
    /// First step in which it binds.
    pub step: usize,
    /// What one MW more in every step where it binds would save: MWh of the class, or money. Of the `final` level of a
    /// store, one MWh less.
    pub worth: f64,
}

/// Evidence that the answer solves the problem, computed from the problem and the answer, the worst over all stages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Largest violation of a bound or row, MW or MWh.
    pub primal: f64,
    /// Largest dual of the wrong sign, relative to the costs; absent for a greedy schedule.
    pub dual: Option<f64>,
    /// Relative gap of primal and dual objective; absent for a greedy schedule.
    pub gap: Option<f64>,
    /// Whether all are within tolerance.
    pub passed: bool,
}

/// The duals of one stage. Each is by how much the stage's value would rise for one unit more on the right of its rule; of
/// a rule that is an inequality it has the sign of the side that holds. Where all of an owner are zero it is left out.
/// There is one per step, but of `order` two per step for each piece after the first, step by step, and of `above` one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// `physical`, a class, or `cost`.
    pub stage: String,
    /// By rule and owner.
    pub duals: BTreeMap<Rule, BTreeMap<String, Vec<f64>>>,
}

/// What holds of an owner in a step. MW throughout, MWh where it says content; a slack is what a limit gives and is on the
/// left, where it helps. States of 0 and 1 (`on`, `start`, `stop`) are the schedule's; in the proofs of a commitment they are
/// anything between, and on the left too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Header: heat of units + what arrives - what is sent + discharge - charge - vent + shed + slacks = demand + half of
    /// each link's fixed loss - what was sent before the horizon and arrives.
    Balance,
    /// Header: margins of units + what lacks >= reserve.
    Reserve,
    /// Connection: import - export + power made - carrier drawn + slack = base load.
    Connection,
    /// Connection: export - power made <= 0, where selling pays more than buying costs.
    MadeHere,
    /// Unit without states: heat - heat before + slack within the ramps, in the first step plus the measured heat.
    Ramp,
    /// Unit: heat + slack >= what it must make.
    MustRun,
    /// Unit: weights of its region + slack over its largest heat >= 1, or >= `on`.
    InRegion,
    /// Unit: heat of its segments, or weights times heat of its region's vertices, - heat = 0.
    Shape,
    /// Unit: weights of its region <= 1 while it is there.
    Weights,
    /// Extraction unit: power - `power_to_heat` heat >= 0.
    LeastPower,
    /// Extraction unit: power + `power_loss` heat <= `power_max`.
    Turbine,
    /// Unit without states: heat + margin <= capacity.
    Margin,
    /// Unit: on - on before - start + stop = 0, in the first step the state before.
    State,
    /// Unit with states and margin: heat + margin <= capacity `on`.
    MostWhileOn,
    /// Unit with states: heat + slack >= minimum stable load `on`.
    LeastWhileOn,
    /// Unit: a piece of its curve is used only where the one before it is full: heat on that one >= its size `filled`, then
    /// heat on this one <= its size `filled`, where `filled` is 0 or 1.
    Order,
    /// Unit: no stop so soon after a start: starts within the minimum time up - `on` <= 0.
    MinUp,
    /// Unit: no start so soon after a stop: stops within the minimum time down + `on` <= 1.
    MinDown,
    /// Unit with states: heat - heat before <= ramp (on before) + what a start reaches.
    Rise,
    /// Unit with states: heat before - heat - slack <= ramp `on` + what a stop leaves.
    Fall,
    /// Store: content - kept content before - charged + discharged, with their efficiencies, = 0, in the first step what is
    /// kept of the initial content.
    Content,
    /// Store: content at the end + short - over = final level.
    Final,
    /// In a commitment, a stage above the one that is proved: its value is at most what this schedule has.
    Above,
}

/// How good the chosen on and off states are. Bounds are below every schedule, whatever its states, that is as good as this
/// one in the stages above. Each is said twice: by the relaxation, in which a unit may be on in part, with duals by which
/// `check` proves it; and by the search, which may know better and is the solver's word.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// The stages above cost, in their order.
    pub stages: Vec<Bound>,
    /// Least cost that any states could reach at the unserved heat of this schedule, as the search says.
    pub cost_bound: f64,
    /// (cost - bound) / (1 + |cost|), by the bound of the search.
    pub gap: f64,
    /// The same least cost as the relaxation proves it.
    pub relaxed_cost: f64,
    /// The gap to it, which is what is proven.
    pub relaxed_gap: f64,
    /// Branch-and-bound nodes over all stages.
    pub nodes: u64,
    /// Whether the search says that every stage above cost is at its bound and the gap is within what was asked. Otherwise
    /// the node limit ended it, or its tolerances left a bound that is short of the schedule.
    pub finished: bool,
    /// The duals of the relaxation: of each stage that is not at zero, with the stages above it held where this schedule has
    /// them, and of cost.
    pub proofs: Vec<Proof>,
}

/// A stage and the least that it could be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// Name of the stage.
    pub stage: String,
    /// In its unit, as the search says.
    pub least: f64,
    /// The same as the relaxation proves it.
    pub relaxed: f64,
}

/// What solved it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SolverInfo {
    /// Of the solver, or `greedy` or `repair`.
    pub name: String,
    /// Of the solver.
    pub version: String,
    /// Random seed, fixed so that a replay gives the same answer.
    pub seed: i32,
    /// Simplex iterations over all stages.
    pub iterations: u64,
    /// Elapsed time; the caller fills it in, for nothing here reads a clock.
    pub ms: Option<f64>,
}
