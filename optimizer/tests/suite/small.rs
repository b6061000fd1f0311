//! The smallest plant: one site, gas at 40, headers `a` and `b`, hourly steps. Cases of single terms are built on it.

use hypocaust_optimizer::Series;
use hypocaust_optimizer::case::{
    Carrier, Case, Connection, Demand, Final, FinalWord, Header, Link, Plant, SCHEMA, Storage, Time, Unit, UnitKind,
};

/// A case of so many hours without units and demands.
pub fn empty(steps: usize) -> Case {
    let header = |id: &str| Header { id: id.into(), plant: "p".into(), medium: "hot-water".into(), reserve: None };
    Case {
        schema: SCHEMA.into(),
        name: "small".into(),
        source: None,
        time: Time { start: "2026-01-12T00:00:00Z".into(), step_minutes: 60.0.into(), steps },
        classes: vec!["life-safety".into(), "production".into()],
        co2_price: 0.0.into(),
        carriers: vec![
            Carrier { id: "gas".into(), price: Some(40.0.into()), ..Carrier::default() },
            Carrier { id: "power".into(), buy: Some(50.0.into()), sell: Some(30.0.into()), ..Carrier::default() },
        ],
        plants: vec![Plant { id: "p".into() }],
        headers: vec![header("a"), header("b")],
        connections: Vec::new(),
        units: Vec::new(),
        storages: Vec::new(),
        links: Vec::new(),
        demands: Vec::new(),
        previous: None,
        expect: None,
    }
}

/// A gas boiler at header `a` that makes a MWh for so much money.
pub fn boiler(id: &str, heat_max: f64, per_mwh: f64) -> Unit {
    let mut unit = Unit::new(id, UnitKind::Boiler, "p", "a", heat_max);
    unit.carrier = Some("gas".into());
    unit.efficiency = Some((40.0 / per_mwh).into());
    unit
}

/// An electric boiler of efficiency 1 at header `a`.
pub fn electric(id: &str, heat_max: f64) -> Unit {
    let mut unit = Unit::new(id, UnitKind::ElectricBoiler, "p", "a", heat_max);
    unit.carrier = Some("power".into());
    unit.efficiency = Some(1.0.into());
    unit
}

/// What header `header` asks for, all of it of the class `production`.
pub fn demand(header: &str, heat: impl Into<Series>) -> Demand {
    Demand {
        id: format!("d.{header}"),
        header: header.into(),
        class: "production".into(),
        heat: heat.into(),
        sheddable: None,
    }
}

/// The grid: bought at 50, sold at 30.
pub fn grid(import: f64, export: f64, base: f64) -> Connection {
    Connection {
        id: "el".into(),
        plant: "p".into(),
        carrier: "power".into(),
        max_import: import.into(),
        max_export: export.into(),
        base_load: base.into(),
    }
}

/// A lossless main from `a` to `b`.
pub fn main(cap: f64) -> Link {
    Link { id: "main".into(), from: "a".into(), to: "b".into(), cap: cap.into(), ..Link::default() }
}

/// A lossless store at header `a` whose content is free at the end.
pub fn store(capacity_mwh: f64, initial_mwh: f64) -> Storage {
    Storage {
        id: "tank".into(),
        header: "a".into(),
        capacity_mwh,
        charge_max: 20.0.into(),
        discharge_max: 20.0.into(),
        charge_eff: 1.0,
        discharge_eff: 1.0,
        loss_per_h: 0.0,
        initial_mwh,
        r#final: Final::Word(FinalWord::Free),
    }
}
