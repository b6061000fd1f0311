//! Why a schedule is as it is, as data and as sentences.
//!
//! [`duals`] reads what the solve itself leaves: prices and the limits that bind. Optima are degenerate, so one dual is one
//! of many. What is said to a person is therefore asked of the solver anew: [`Around`] is the case with everybody kept as
//! well served as the schedule has them, and each answer is a warm solve of it with one thing changed, one MW more or less.
//!
//! * A price of heat has two sides: what one MW more costs and what one MW less saves ([`Price`]).
//! * A consumer is short because of limits; each is named with the MWh that one MW more of it gives back ([`Short`]).
//! * A limit that binds is worth what one MW more of it saves, MWh of a class or money ([`Worth`]); of a store's level at the
//!   end it is one MWh less ([`one_more`]).
//! * What changed since an earlier schedule, in the data and in what is set ([`Change`]).
//!
//! All of it holds for the schedule that is given, with the states of its units where it has chosen any: nobody that it
//! serves is taken anything in these answers. Only where one MW more is not to be had so, it is said which class would
//! give it.

mod around;
mod changes;
mod duals;
mod words;

pub use changes::{Change, changes};
pub use duals::{class, cost, one_more, prices};

use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::error::Error;
use crate::solution::Solution;
use around::Around;

/// How much to explain.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Prices of so many steps from the first.
    pub steps: usize,
    /// So many short consumers, the highest class and the largest shortage first.
    pub short: usize,
    /// So many limits of each.
    pub limits: usize,
    /// Simplex iterations allowed in one solve.
    pub iteration_limit: i32,
}

impl Default for Extent {
    fn default() -> Self {
        Self { steps: 1, short: 12, limits: 3, iteration_limit: 5_000_000 }
    }
}

/// Why a schedule is as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// By header and step.
    pub prices: Vec<Price>,
    /// Consumers that go short.
    pub short: Vec<Short>,
    /// How many more go short than are listed.
    pub further_short: usize,
    /// What one MW more of each limit in the schedule's `binding` is worth, without those that are worth nothing.
    pub worth: Vec<Worth>,
    /// Since an earlier schedule, where one was given.
    pub changes: Vec<Change>,
    /// The same for a person.
    pub sentences: Vec<String>,
}

/// What heat costs at a header, from both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Where.
    pub header: String,
    /// When.
    pub step: usize,
    /// Money per MWh that one MW more costs; absent where it is not to be had without taking it from somebody.
    pub up: Option<f64>,
    /// Money per MWh that one MW less saves.
    pub down: Option<f64>,
    /// Where there is no `up`: the lowest class that can give it, and MWh that it would lose.
    pub taken: Option<(String, f64)>,
}

/// A consumer that goes short, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Short {
    /// Its id.
    pub demand: String,
    /// Its class.
    pub class: String,
    /// MWh that it lacks over the horizon.
    pub mwh: f64,
    /// MW that it lacks at most.
    pub peak_mw: f64,
    /// First step in which it is short.
    pub from: usize,
    /// First step after which it is short no more.
    pub to: usize,
    /// MWh that it could have had without taking anything from anybody: nothing, in an optimal schedule.
    pub avoidable_mwh: f64,
    /// What holds it back, the most telling first.
    pub limits: Vec<Relief>,
}

/// A limit, and what one MW more of it would give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Relief {
    /// Whose limit.
    pub owner: String,
    /// As in `Binding`.
    pub limit: String,
    /// First step in which it binds.
    pub step: usize,
    /// MWh that one MW more of it ([`one_more`]), in every step in which it binds, would give back.
    pub gives_mwh: f64,
}

/// What one MW more of a limit ([`one_more`]) is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Worth {
    /// A class, or `cost`.
    pub stage: String,
    /// Whose limit.
    pub owner: String,
    /// As in `Binding`.
    pub limit: String,
    /// MWh of the class over the horizon, or money in the first step, that one MW more of it would save.
    pub saves: f64,
}

/// MWh below which nobody is called short.
const MATTERS: f64 = 1e-4;

/// Explains a schedule of a case, and where an earlier case and its schedule are given what changed.
///
/// # Errors
/// `Error::Invalid` where the case makes no sense; the others where the solver fails, among them a schedule that does not
/// belong to the case.
pub fn explain(
    case: &Case,
    solution: &Solution,
    before: Option<(&Case, &Solution)>,
    extent: Extent,
) -> Result<Explanation, Error> {
    if solution.decides() {
        case.validate()?;
    } else {
        case.validate_linear()?;
    }
    let mut around = Around::new(case, solution, extent.iteration_limit)?;
    let mut all = Explanation::default();
    for t in 0..extent.steps.min(case.time.steps) {
        for h in 0..case.headers.len() {
            all.prices.push(around.price(h, t)?);
        }
    }
    for binding in &solution.binding {
        let saves = around.worth(binding)?;
        if saves > MATTERS {
            let (stage, owner, limit) = (binding.stage.clone(), binding.owner.clone(), binding.limit.clone());
            all.worth.push(Worth { stage, owner, limit, saves });
        }
    }
    let mut short: Vec<(usize, f64, usize)> = Vec::new();
    for (d, demand) in case.demands.iter().enumerate() {
        let unserved = solution.demands.get(&demand.id).map_or(&[][..], |series| &series.unserved);
        let mwh: f64 = unserved.iter().enumerate().map(|(t, mw)| mw * case.time.hours(t)).sum();
        if mwh > MATTERS {
            let rank = case.rank(&demand.class).unwrap_or(usize::MAX);
            short.push((rank, mwh, d));
        }
    }
    short.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    all.further_short = short.len().saturating_sub(extent.short);
    for &(_, mwh, d) in short.iter().take(extent.short) {
        all.short.push(around.short(d, mwh, extent.limits)?);
    }
    if let Some((old_case, old)) = before {
        all.changes = changes(old_case, old, case, solution);
    }
    all.sentences = words::sentences(case, solution, &all);
    Ok(all)
}
