//! GL-023: the load of one header over its units, at least cost.
//!
//! Units that run are kept at or above their least load; above it the cheapest heat is taken first. With a constant cost for
//! each unit that is the optimum of the linear program (merit order): any MW moved from a cheaper to a dearer unit costs
//! more. `cost of a MWh = price / efficiency + other`. The marginal cost is that of the next MW: of the unit in part load, or
//! of the cheapest with room. There is none where every unit gives all it can, or where even the least loads are too much.

use super::{CannotTell, Told, input};
use hypocaust_protocols::wire::subagent::{Number, Task};
use std::collections::BTreeMap;

/// MW below which a difference is none.
const NOTHING: f64 = 1e-9;

/// A unit that runs.
#[derive(Debug, Clone, PartialEq)]
struct Unit {
    name: String,
    min: f64,
    cap: f64,
    /// EUR per MWh of heat.
    cost: f64,
    load: f64,
}

fn units(task: &Task) -> Result<(Vec<Unit>, Vec<String>), CannotTell> {
    let names = task.inputs.keys().filter_map(|name| name.strip_suffix(".available"));
    let (mut running, mut idle) = (Vec::new(), Vec::new());
    for name in names {
        let get = |what: &str, unit| input(task, &format!("{name}.{what}"), unit);
        if get("available", "1")? == 0.0 {
            idle.push(name.to_owned());
            continue;
        }
        // What it gives now is not reckoned with; but of a unit that nobody can see, nobody knows that it will do as told.
        get("load", "MW")?;
        let (min, cap) = (get("min", "MW")?, get("cap", "MW")?);
        let efficiency = get("efficiency", "%")?;
        if !(0.0 <= min && min <= cap) || efficiency <= 0.0 {
            let why =
                format!("{name} has a least load of {min} MW, a most of {cap} MW and an efficiency of {efficiency} %");
            return Err(CannotTell::Untrue(why));
        }
        let cost = get("price", "EUR/MWh")? / (efficiency / 100.0) + get("other", "EUR/MWh")?;
        running.push(Unit { name: name.to_owned(), min, cap, cost, load: min });
    }
    if running.is_empty() && idle.is_empty() {
        return Err(CannotTell::Missing("U.available".to_owned()));
    }
    Ok((running, idle))
}

pub fn answer(task: &Task) -> Told {
    let demand = input(task, "demand", "MW")?;
    if demand < 0.0 {
        return Err(CannotTell::Untrue(format!("a demand of {demand} MW is none")));
    }
    let (mut units, idle) = units(task)?;
    units.sort_by(|a, b| a.cost.total_cmp(&b.cost).then_with(|| a.name.cmp(&b.name)));
    let must: f64 = units.iter().map(|u| u.min).sum();
    let mut left = (demand - must).max(0.0);
    for unit in &mut units {
        let more = left.min(unit.cap - unit.min);
        unit.load += more;
        left -= more;
    }
    let surplus = (must - demand).max(0.0);
    let part = |u: &&Unit| u.load > u.min + NOTHING && u.load < u.cap - NOTHING;
    let marginal = match units.iter().find(part) {
        Some(unit) => Some(unit.cost),
        // A MW more comes from the cheapest that has room; where too much runs already, nothing is saved by a MW less.
        None if surplus > NOTHING => None,
        None => units.iter().find(|u| u.load < u.cap - NOTHING).map(|u| u.cost),
    };
    let cost = units.iter().map(|u| u.load * u.cost).sum();
    let mut values = BTreeMap::from([
        ("cost".to_owned(), Number::good(cost, "EUR/h")),
        ("unmet".to_owned(), Number::good(left, "MW")),
        ("surplus".to_owned(), Number::good(surplus, "MW")),
    ]);
    let marginal = marginal.map_or_else(
        || {
            Number::bad(
                "EUR/MWh",
                if surplus > NOTHING { "all units stand at their least load" } else { "every unit gives all it can" },
            )
        },
        |cost| Number::good(cost, "EUR/MWh"),
    );
    values.insert("marginal-cost".to_owned(), marginal);
    values.extend(units.into_iter().map(|u| (format!("{}.load", u.name), Number::good(u.load, "MW"))));
    values.extend(idle.into_iter().map(|name| (format!("{name}.load"), Number::good(0.0, "MW"))));
    Ok(values)
}
