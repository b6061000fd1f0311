//! Random small cases: every one has a certified schedule that the judge accepts, greedy is accepted too, and no class
//! is worse in the optimum than in any other schedule that is at least as good above it.

use hypocaust_optimizer::case::{
    Carrier, Case, ChpMode, Connection, Demand, Final, FinalWord, Header, Initial, Link, Outage, Plant, Reserve,
    SCHEMA, Segment, Storage, Time, Unit, UnitKind, Vertex,
};
use hypocaust_optimizer::{check, greedy};
use proptest::prelude::*;

use crate::solved;

const CLASSES: [&str; 5] = ["life-safety", "product-safety", "equipment-protection", "production", "comfort"];
pub const STEPS: usize = 4;

fn series(range: std::ops::Range<f64>) -> impl Strategy<Value = hypocaust_optimizer::Series> {
    prop_oneof![range.clone().prop_map(Into::into), prop::collection::vec(range, STEPS).prop_map(Into::into),]
}

fn unit(i: usize) -> impl Strategy<Value = Unit> {
    let availability =
        prop_oneof![Just(vec![1.0; STEPS]), prop::collection::vec(prop_oneof![Just(0.0), Just(0.5), Just(1.0)], STEPS)];
    let ramp = || prop::option::of(1.0..30.0_f64);
    let initial = prop::option::of(0.0..12.0_f64);
    let must_run = prop::option::weighted(0.2, 0.0..5.0_f64);
    let outages = prop_oneof![
        3 => Just(Vec::new()),
        1 => (0..STEPS, 1..3_usize, prop_oneof![Just(0.0), Just(0.4)]).prop_map(|(from_step, length, available)| {
            vec![Outage { from_step, to_step: (from_step + length).min(STEPS), available }]
        }),
    ];
    (0..8_usize, 0..3_usize, 1.0..15.0_f64, availability, ramp(), ramp(), initial, (must_run, outages)).prop_map(
        move |(shape, header, heat_max, availability, up, down, initial, (must_run, outages))| {
            let kinds =
                [UnitKind::Boiler, UnitKind::Chp, UnitKind::HeatPump, UnitKind::ElectricBoiler, UnitKind::WasteHeat];
            // Beyond the kinds: a boiler with a curve, an extraction turbine, a region.
            let kind = kinds[[0, 1, 2, 3, 4, 0, 1, 1][shape]];
            let mut unit =
                Unit::new(&format!("u{i}"), kind, if header == 2 { "b" } else { "a" }, &format!("h{header}"), heat_max);
            match kind {
                UnitKind::Boiler => (unit.carrier, unit.efficiency) = (Some("gas".to_owned()), Some(0.9.into())),
                UnitKind::Chp => {
                    unit.carrier = Some("gas".to_owned());
                    (unit.heat_eff, unit.power_eff) = (Some(0.5.into()), Some(0.3.into()));
                }
                UnitKind::HeatPump => (unit.carrier, unit.cop) = (Some("power".to_owned()), Some(3.5.into())),
                UnitKind::ElectricBoiler => {
                    (unit.carrier, unit.efficiency) = (Some("power".to_owned()), Some(0.98.into()))
                }
                UnitKind::WasteHeat => {}
            }
            if shape == 5 {
                unit.efficiency = None;
                let pieces = [1.05, 1.1, 1.3]
                    .map(|per_heat: f64| Segment { heat: heat_max / 3.0, input_per_heat: per_heat.into() });
                unit.segments = Some(pieces.to_vec());
            }
            if shape > 5 {
                (unit.heat_eff, unit.power_eff) = (None, None);
            }
            if shape == 6 {
                unit.mode = Some(ChpMode::Extraction);
                (unit.condensing_eff, unit.power_loss) = (Some(0.4.into()), Some(0.15.into()));
                (unit.power_to_heat, unit.power_max) = (Some(0.5.into()), Some((0.4 * heat_max).into()));
            }
            if shape == 7 {
                unit.mode = Some(ChpMode::Region);
                let corner = |heat: f64, power: f64, fuel: f64| Vertex {
                    heat: heat * heat_max,
                    power: power * heat_max,
                    fuel: fuel * heat_max,
                };
                unit.region = Some(vec![corner(0.1, 0.2, 0.5), corner(0.0, 0.5, 1.3), corner(0.8, 0.4, 1.6)]);
            }
            unit.availability = availability.into();
            unit.outages = outages;
            unit.ramp_up_per_h = up;
            unit.ramp_down_per_h = down;
            unit.initial = initial.map(Initial::making);
            unit.must_run = must_run.map(|mw| mw.min(heat_max).into());
            unit
        },
    )
}

fn demand(i: usize) -> impl Strategy<Value = Demand> {
    (0..3_usize, 0..5_usize, series(0.0..8.0), prop::option::weighted(0.3, series(0.0..8.0))).prop_map(
        move |(header, class, heat, sheddable)| Demand {
            id: format!("d{i}"),
            header: format!("h{header}"),
            class: CLASSES[class].to_owned(),
            heat,
            sheddable,
        },
    )
}

pub fn case() -> impl Strategy<Value = Case> {
    let units = (1..6_usize).prop_flat_map(|count| (0..count).map(unit).collect::<Vec<_>>());
    let demands = (1..8_usize).prop_flat_map(|count| (0..count).map(demand).collect::<Vec<_>>());
    let link = (0.0..6.0_f64, 0.0..6.0_f64, 0.0..0.3_f64, 0.0..0.5_f64, prop_oneof![3 => Just(0), 1 => 1..3_usize]);
    let store = (0.0..20.0_f64, 0.0..1.0_f64, 0..3_usize, prop::option::weighted(0.3, 1.0..8.0_f64));
    let power = (0.0..6.0_f64, 0.0..3.0_f64, 0.0..4.0_f64);
    (
        units,
        demands,
        link.clone(),
        link,
        store,
        power,
        prop_oneof![Just(vec![15.0; STEPS]), Just(vec![5.0, 10.0, 30.0, 60.0])],
    )
        .prop_map(
            |(units, demands, first, second, (capacity, filled, end, reserve), (import, export, base), minutes)| {
                let graded = minutes[0] != minutes[1];
                let link = |id: &str, from: &str, to: &str, figures: (f64, f64, f64, f64, usize)| {
                    let (cap, cap_reverse, loss_frac, fixed, delay) = figures;
                    let delay_steps = if graded { 0 } else { delay };
                    Link {
                        id: id.to_owned(),
                        from: from.to_owned(),
                        to: to.to_owned(),
                        cap: cap.into(),
                        cap_reverse: cap_reverse.into(),
                        loss_frac,
                        fixed_loss: fixed.into(),
                        delay_steps,
                        forward_before: vec![cap / 2.0; delay_steps],
                        reverse_before: vec![cap_reverse / 3.0; delay_steps],
                        credit_per_mwh: (delay_steps > 0).then_some(45.0),
                    }
                };
                let connection =
                    |id: &str, plant: &str, carrier: &str, import: f64, export: f64, base: f64| Connection {
                        id: id.to_owned(),
                        plant: plant.to_owned(),
                        carrier: carrier.to_owned(),
                        max_import: import.into(),
                        max_export: export.into(),
                        base_load: base.into(),
                    };
                let header = |id: &str, plant: &str| Header {
                    id: id.to_owned(),
                    plant: plant.to_owned(),
                    medium: "steam".to_owned(),
                    reserve: reserve.filter(|_| id == "h0").map(|mw| Reserve {
                        mw: mw.into(),
                        minutes: 10.0,
                        price: 20.0,
                    }),
                };
                Case {
                    schema: SCHEMA.to_owned(),
                    name: "random".to_owned(),
                    source: None,
                    time: Time { start: "2026-01-12T00:00:00Z".to_owned(), step_minutes: minutes.into(), steps: STEPS },
                    classes: CLASSES.map(str::to_owned).to_vec(),
                    co2_price: 80.0.into(),
                    carriers: vec![
                        Carrier {
                            id: "gas".to_owned(),
                            price: Some(40.0.into()),
                            co2_t_per_mwh: 0.2,
                            ..Carrier::default()
                        },
                        Carrier {
                            id: "power".to_owned(),
                            buy: Some(vec![90.0, -20.0, 110.0, 100.0].into()),
                            sell: Some(vec![60.0, -50.0, 80.0, 70.0].into()),
                            ..Carrier::default()
                        },
                    ],
                    plants: ["a", "b"].map(|id| Plant { id: id.to_owned() }).to_vec(),
                    headers: vec![header("h0", "a"), header("h1", "a"), header("h2", "b")],
                    connections: vec![
                        connection("a.gas", "a", "gas", 20.0, 0.0, 0.0),
                        connection("a.el", "a", "power", import, export, base),
                        connection("b.el", "b", "power", 3.0, 0.0, 1.0),
                    ],
                    units,
                    storages: vec![Storage {
                        id: "tank".to_owned(),
                        header: "h1".to_owned(),
                        capacity_mwh: capacity,
                        charge_max: 4.0.into(),
                        discharge_max: 5.0.into(),
                        charge_eff: 0.95,
                        discharge_eff: 0.95,
                        loss_per_h: 0.01,
                        initial_mwh: capacity * filled,
                        r#final: match end {
                            0 => Final::Word(FinalWord::Free),
                            1 => Final::Word(FinalWord::EqualInitial),
                            _ => Final::Value { value_per_mwh: 60.0 },
                        },
                    }],
                    links: vec![link("l0", "h0", "h1", first), link("l1", "h1", "h2", second)],
                    demands,
                    previous: None,
                    expect: None,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_case_has_a_schedule_that_holds(case in case()) {
        let best = solved(&case);
        let fallback = greedy(&case).unwrap();
        let verdict = check(&case, &fallback);
        prop_assert!(verdict.passed, "greedy: {:#?}", verdict.faults);
        // Where no physical limit had to give in either, the optimum is at most the greedy schedule, class by class
        // until the first difference.
        if fallback.slacks.is_empty() {
            prop_assert!(best.slacks.is_empty());
            for class in &case.classes {
                let (optimal, by_priority) = (best.unserved_mwh[class], fallback.unserved_mwh[class]);
                prop_assert!(optimal <= by_priority + 1e-5, "{class}: {optimal} against {by_priority}");
                if optimal < by_priority - 1e-5 {
                    break;
                }
            }
        }
    }
}
