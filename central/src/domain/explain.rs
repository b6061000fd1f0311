//! Why the schedule is what it is, in sentences for an operator.

use super::schedule::{NOTHING_MW, Origin, Schedule};
use hypocaust_optimizer::explain::one_more;
use hypocaust_optimizer::solution::class_of;
use hypocaust_protocols::model::{ConsumerId, Fleet, Plant, SetpointId, TripId};

/// How many limits and changes are named; more would not be read.
const MOST: usize = 3;

/// `before`: the schedule that it follows. `reason`: why it is not a fresh optimum, where it is none.
pub fn why(fleet: &Fleet, before: Option<&Schedule>, new: &Schedule, reason: Option<&str>) -> Vec<String> {
    let mut say = Vec::new();
    let reason = reason.unwrap_or("no result");
    match new.origin {
        Origin::Optimal => {}
        Origin::LastGood => say.push(format!("{reason}; the last good schedule was fitted to what is now.")),
        Origin::Greedy => say.push(format!("{reason}; scheduled by priority and marginal cost instead.")),
        Origin::Hold => say.push(format!("{reason}, and no fallback is sound; every setpoint stays as it is.")),
    }
    if !new.trips.is_empty() {
        let names: Vec<String> = new.trips.iter().map(|trip| tripped(fleet, trip)).collect();
        say.push(format!("Tripped: {}.", names.join(", ")));
    }
    if new.short.is_empty() && new.origin != Origin::Hold {
        say.push("Every consumer gets what it asks for now.".into());
    }
    for (class, missing) in new.unserved_mw.iter() {
        if *missing < NOTHING_MW {
            continue;
        }
        let who: Vec<String> = new
            .short
            .iter()
            .filter(|s| s.class == class)
            .map(|s| format!("{} {:.1} of {:.1}", name(fleet, &s.consumer), s.served_mw, s.asked_mw))
            .collect();
        say.push(format!("{missing:.1} MW short in {class}: {} MW.", who.join(", ")));
        for limit in new.binding.iter().filter(|b| class_of(&b.stage) == class.name()).take(MOST) {
            let holds = if limit.limit == "heat_max"
                && new.trips.iter().any(|trip| taken(fleet, trip) == Some(limit.owner.as_str()))
            {
                format!("The trip of {} holds {class} back; 1 MW from it", limit.owner)
            } else {
                let (what, one) = (in_words(&limit.limit), one_more(&limit.limit));
                format!("{what} of {} holds {class} back; 1 {one}", limit.owner)
            };
            // The worth is a rate at the limit: a whole MW or MWh saves no more than that, and no more than the class lacks.
            let most = limit.worth.min(new.unserved_mwh[class]);
            say.push(format!("{holds} would save at most {most:.2} MWh."));
        }
    }
    if new.proven {
        say.push("Units may go to their proven rating, because classes 1 to 3 would be short otherwise.".into());
    }
    if let Some(before) = before {
        let mut moved: Vec<(f64, String)> = new
            .setpoints
            .iter()
            .filter_map(|t| {
                let old = before.setpoints.iter().find(|o| o.setpoint == t.setpoint)?.value;
                let (plant, spec) = fleet.setpoint(t.setpoint.as_str())?;
                let share = (t.value - old).abs() / (spec.max - spec.min).max(1e-9);
                (share > fleet.limits.movement_share).then(|| {
                    let unit = plant.tag(t.setpoint.as_str()).map_or("", |tag| tag.unit.symbol());
                    (
                        share,
                        format!("{} from {old:.2} to {:.2} {unit}", what_is_set(fleet, plant, &t.setpoint), t.value),
                    )
                })
            })
            .collect();
        moved.sort_by(|a, b| b.0.total_cmp(&a.0));
        let most: Vec<String> = moved.into_iter().take(MOST).map(|m| m.1).collect();
        if !most.is_empty() {
            say.push(format!("Moved most: {}.", most.join("; ")));
        }
    }
    say
}

/// The source that a trip has taken.
fn taken<'f>(fleet: &'f Fleet, trip: &TripId) -> Option<&'f str> {
    fleet.plants.iter().flat_map(|p| &p.trips).find(|t| t.id == *trip).map(|t| t.source.as_str())
}

/// The source that a trip has taken, and by which of its trips.
fn tripped(fleet: &Fleet, trip: &TripId) -> String {
    taken(fleet, trip).map_or_else(|| trip.to_string(), |source| format!("{source} ({trip})"))
}

/// A consumer by the name that people know it by.
fn name<'f>(fleet: &'f Fleet, id: &'f ConsumerId) -> &'f str {
    fleet.consumers().find(|(_, c)| c.id == *id).map_or(id.as_str(), |(_, c)| &c.name)
}

/// What a setpoint sets, by the name that people know it by.
fn what_is_set(fleet: &Fleet, plant: &Plant, setpoint: &SetpointId) -> String {
    if let Some(consumer) = plant.capped_by(setpoint) {
        return format!("the cap of {}", consumer.name);
    }
    let source = plant.sources.iter().find(|s| s.setpoint == *setpoint).map(|s| s.id.to_string());
    let store = || plant.storages.iter().find(|s| s.setpoint == *setpoint).map(|s| s.id.to_string());
    let main = || fleet.mains.iter().find(|m| m.setpoint == *setpoint).map(|m| format!("main {}", m.id));
    source.or_else(store).or_else(main).unwrap_or_else(|| setpoint.to_string())
}

/// A limit of the case as an operator would call it.
fn in_words(limit: &str) -> &str {
    match limit {
        "heat_max" => "The available heat",
        "cap" | "cap_reverse" => "The capacity",
        "ramp_up_per_h" => "The ramp up",
        "ramp_down_per_h" => "The ramp down",
        "start_max" => "The load after a start",
        "stop_max" => "The load before a stop",
        "charge_max" => "The charging rate",
        "discharge_max" => "The discharging rate",
        "capacity_mwh" => "The content",
        "final" => "The level at the end",
        "max_import" => "The import limit",
        "max_export" => "The export limit",
        other => other,
    }
}
