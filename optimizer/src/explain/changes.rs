//! What is different from an earlier schedule: in the data of the step that is dispatched, and in what is set there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::solution::Solution;

/// MW, MWh, share or money per MWh below which nobody would call it a change, relative to 1 + the earlier figure.
const NOTICED: f64 = 1e-3;

/// One figure that is different in the step that is dispatched; both are of the first step of their case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Whether it is a cause (data of the case) or an effect (of the schedule).
    pub cause: bool,
    /// Id of what changed; a class for what goes unserved, the case for its cost, `CO2` for its price.
    pub owner: String,
    /// `capacity`, `asked`, `buy`, `sell`, `co2_price`, `max_import`, `cap`, `content`; `heat`, `served`, `charge`, `unserved_mwh`, `cost`.
    pub what: String,
    /// MW, MWh or money before; absent where the owner is new.
    pub before: Option<f64>,
    /// Now; absent where the owner is gone.
    pub now: Option<f64>,
}

impl Change {
    /// By how much; what is absent counts as zero.
    #[must_use]
    pub fn by(&self) -> f64 {
        self.now.unwrap_or(0.0) - self.before.unwrap_or(0.0)
    }
}

/// Owner and name of each figure.
type Figures = BTreeMap<(String, &'static str), f64>;

/// What changed, causes before effects, each group by size.
#[must_use]
pub fn changes(old_case: &Case, old: &Solution, case: &Case, now: &Solution) -> Vec<Change> {
    let mut all = differences(true, &data(old_case), &data(case));
    all.extend(differences(false, &set(old_case, old), &set(case, now)));
    all
}

fn differences(cause: bool, before: &Figures, now: &Figures) -> Vec<Change> {
    let mut keys: Vec<&(String, &'static str)> = before.keys().chain(now.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut found: Vec<Change> = keys
        .into_iter()
        .map(|key| Change {
            cause,
            owner: key.0.clone(),
            what: key.1.to_owned(),
            before: before.get(key).copied(),
            now: now.get(key).copied(),
        })
        .filter(|change| {
            change.before.is_none() != change.now.is_none()
                || change.by().abs() > NOTICED * (1.0 + change.before.unwrap_or(0.0).abs())
        })
        .collect();
    // Ties keep the order of the keys.
    found.sort_by(|a, b| b.by().abs().total_cmp(&a.by().abs()));
    found
}

fn data(case: &Case) -> Figures {
    let mut figures = Figures::new();
    let mut put = |owner: &str, what: &'static str, value: f64| {
        figures.insert((owner.to_owned(), what), value);
    };
    put("CO2", "co2_price", case.co2_price.at(0));
    for carrier in &case.carriers {
        put(&carrier.id, "buy", carrier.buying(0));
        if carrier.is_power() {
            put(&carrier.id, "sell", carrier.selling(0));
        }
    }
    for connection in &case.connections {
        put(&connection.id, "max_import", connection.max_import.at(0));
    }
    for unit in &case.units {
        put(&unit.id, "capacity", unit.capacity(0));
    }
    for storage in &case.storages {
        put(&storage.id, "content", storage.initial_mwh);
    }
    for link in &case.links {
        put(&link.id, "cap", link.cap.at(0));
    }
    for demand in &case.demands {
        put(&demand.id, "asked", demand.heat.at(0));
    }
    figures
}

fn set(case: &Case, solution: &Solution) -> Figures {
    let mut figures = Figures::new();
    let first = |series: &[f64]| series.first().copied().unwrap_or(0.0);
    for (id, unit) in &solution.units {
        figures.insert((id.clone(), "heat"), first(&unit.heat));
    }
    for (id, demand) in &solution.demands {
        figures.insert((id.clone(), "served"), first(&demand.served));
    }
    for (id, storage) in &solution.storages {
        figures.insert((id.clone(), "charge"), first(&storage.charge) - first(&storage.discharge));
    }
    for (class, mwh) in &solution.unserved_mwh {
        figures.insert((class.clone(), "unserved_mwh"), *mwh);
    }
    figures.insert((case.name.clone(), "cost"), solution.schedule_cost);
    figures
}
