//! What somebody sees who is limited to some plants.

use super::Problem;
use crate::domain::alarms::{AlarmView, plant_of};
use crate::domain::view::{DispatchView, FleetView};
use crate::users::{Scope, Session};

/// What stands where the reasons are left out, because they speak of all plants.
const PART: &str =
    "This is the part of your plants; the reasons speak of all plants and are for those who may see all.";

/// Refuses a plant that is not the caller's; whether there is such a plant is not told.
pub fn within(session: &Session, plant: &str) -> Result<(), Problem> {
    if session.plants.covers(plant) { Ok(()) } else { Err(Problem::isolated(session, plant)) }
}

/// The same for a thing by its id, which begins with the plant's.
pub fn holds(session: &Session, id: &str) -> Result<(), Problem> {
    if session.plants.covers_thing(id) {
        return Ok(());
    }
    Err(Problem::isolated(session, id.split('.').next().unwrap_or(id)))
}

/// Refuses an alarm of a plant that is not the caller's, and one of the whole to whoever does not see all of it.
pub fn noted(session: &Session, alarm: &str) -> Result<(), Problem> {
    match plant_of(alarm) {
        Some(plant) => within(session, plant),
        None if session.plants == Scope::Every => Ok(()),
        None => Err(Problem::of_all_plants(session)),
    }
}

/// The alarms of the plants; those of the whole are for those who see all of it.
pub fn alarms(mut views: Vec<AlarmView>, plants: &Scope) -> Vec<AlarmView> {
    views.retain(|a| *plants == Scope::Every || a.plant.as_ref().is_some_and(|plant| plants.covers(plant)));
    views
}

/// The fleet as its plants.
pub fn fleet(mut view: FleetView, plants: &Scope) -> FleetView {
    view.plants.retain(|p| plants.covers(&p.id));
    view
}

/// The schedule's part of the plants. Cost, certificate and reasons belong to the whole: they are left out.
pub fn dispatch(mut view: DispatchView, plants: &Scope) -> DispatchView {
    if *plants == Scope::Every {
        return view;
    }
    view.setpoints.retain(|t| plants.covers(&t.plant));
    view.short.retain(|s| plants.covers_thing(&s.consumer));
    view.prices.retain(|header, _| plants.covers_thing(header));
    view.binding.retain(|b| plants.covers_thing(&b.owner));
    for (class, mw) in &mut view.unserved_mw {
        let own = view.short.iter().filter(|s| s.class == *class);
        *mw = own.map(|s| s.asked_mw - s.served_mw).sum();
    }
    view.unserved_mwh.clear();
    view.status = if view.short.is_empty() { "served" } else { "short" };
    view.cost = None;
    view.certificate = None;
    view.why = vec![PART.into()];
    view
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::view::{ShortView, TargetView};
    use hypocaust_protocols::model::PlantId;
    use std::collections::BTreeMap;

    #[test]
    fn the_part_of_a_plant_holds_nothing_of_another() {
        let short = |consumer: &str, class| ShortView {
            consumer: consumer.into(),
            class,
            asked_mw: 3.0,
            served_mw: 1.0,
            heat_at: None,
        };
        let target =
            |plant: &str| TargetView { plant: plant.into(), setpoint: format!("{plant}.b1.load-sp"), value: 1.0 };
        let whole = DispatchView {
            seq: 7,
            time: "2026-01-31T12:00:00.000Z".into(),
            status: "short",
            source: "optimal",
            cost: Some(12.0),
            unserved_mwh: BTreeMap::from([("comfort", 4.0)]),
            unserved_mw: BTreeMap::from([("comfort", 4.0), ("production", 0.0)]),
            setpoints: vec![target("north"), target("south")],
            short: vec![short("north.halls", "comfort"), short("south.halls", "comfort")],
            prices: BTreeMap::from([("north.steam".into(), 1.0), ("south.steam".into(), 2.0)]),
            binding: Vec::new(),
            certificate: None,
            solve_ms: Some(1.0),
            why: vec!["south.b1 is tripped".into()],
        };
        assert_eq!(dispatch(whole.clone(), &Scope::Every), whole);
        let north = Scope::Only([PlantId::new("north").unwrap()].into());
        let part = dispatch(whole.clone(), &north);
        assert!(!serde_json::to_string(&part).unwrap().contains("south"), "{part:?}");
        assert_eq!((part.setpoints.len(), part.prices.len(), part.cost), (1, 1, None));
        assert_eq!((part.status, part.unserved_mw["comfort"]), ("short", 2.0));
        let east = Scope::Only([PlantId::new("east").unwrap()].into());
        assert_eq!((dispatch(whole, &east).status), "served");
    }
}
