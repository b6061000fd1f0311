//! The judge must find what is wrong with a result: each mutation here breaks one thing, and the fault must name it.

use hypocaust_optimizer::{Solution, check};

use crate::{bench, solved};

fn found(what: &str, mutate: impl Fn(&mut Solution)) {
    let case = bench();
    let mut solution = solved(&case);
    mutate(&mut solution);
    let verdict = check(&case, &solution);
    assert!(!verdict.passed, "{what}: not found");
    assert!(verdict.faults.iter().any(|fault| fault.contains(what)), "{what} is not among {:#?}", verdict.faults);
}

#[test]
fn every_mutation_is_found() {
    found("unit p0.b1 heat", |s| s.units.get_mut("p0.b1").unwrap().heat[3] = 99.0);
    found("unit p0.b1 heat", |s| s.units.get_mut("p0.b1").unwrap().heat[3] = f64::NAN);
    found("unit p0.chp power", |s| s.units.get_mut("p0.chp").unwrap().power[0] += 0.1);
    found("unit p0.b2 ramp", |s| s.units.get_mut("p0.b2").unwrap().heat[5] = 0.0);
    found("header p0.s balance", |s| s.units.get_mut("p0.b1").unwrap().heat[3] -= 0.01);
    found("connection p0.el balance", |s| s.connections.get_mut("p0.el").unwrap().import[2] += 0.01);
    found("connection p0.gas import", |s| s.connections.get_mut("p0.gas").unwrap().import[2] = 1e3);
    found("storage p0.tank content", |s| s.storages.get_mut("p0.tank").unwrap().energy[4] += 0.01);
    found("storage p0.tank final level", |s| *s.storages.get_mut("p0.tank").unwrap().energy.last_mut().unwrap() -= 1.0);
    found("link p0.letdown reverse", |s| s.links.get_mut("p0.letdown").unwrap().reverse[0] = 0.5);
    found("demand p0.life-safety sum", |s| s.demands.get_mut("p0.life-safety").unwrap().unserved[0] = 0.1);
    found("class production unserved total", |s| *s.unserved_mwh.get_mut("production").unwrap() = 0.0);
    found("stage production", |s| {
        s.stages.iter_mut().find(|stage| stage.name == "production").unwrap().value -= 1.0;
    });
    found("cost against the cost stage", |s| s.cost -= 1.0);
    found("schedule cost", |s| s.schedule_cost += 1.0);
    found("certificate", |s| s.certificate.gap = Some(1e-6));
    found("certificate", |s| s.certificate.dual = None);
    found("vent", |s| s.vents.get_mut("p0.s").unwrap()[0] = -1.0);
    found("0 values for 24 steps", |s| {
        s.units.remove("p0.b1");
    });
}

#[test]
fn shedding_the_wrong_class_is_found() {
    let case = bench();
    let mut solution = solved(&case);
    // Give a served consumer's heat to nobody and a lower one's to it: take from life safety what production lacks.
    let (t, header, missing) = case
        .demands
        .iter()
        .find_map(|demand| {
            let series = &solution.demands[&demand.id];
            let t = series.unserved.iter().position(|mw| *mw > 0.1)?;
            Some((t, demand.header.clone(), series.unserved[t].min(0.1)))
        })
        .expect("the sample is short");
    let id = |class: &str| {
        let found = case.demands.iter().find(|d| d.header == header && d.class == class);
        found.map(|demand| demand.id.clone())
    };
    let higher = case.classes[..3].iter().find_map(|class| id(class)).expect("a higher class is at the header");
    let lower = case
        .demands
        .iter()
        .find(|demand| demand.header == header && solution.demands[&demand.id].unserved[t] > 0.05)
        .map(|demand| demand.id.clone())
        .unwrap();
    let give = |solution: &mut Solution, id: &str, mw: f64| {
        let series = solution.demands.get_mut(id).unwrap();
        series.served[t] += mw;
        series.unserved[t] -= mw;
    };
    give(&mut solution, &higher, -missing);
    give(&mut solution, &lower, missing);
    let verdict = check(&case, &solution);
    assert!(verdict.faults.iter().any(|fault| fault.starts_with("priority")), "{:#?}", verdict.faults);
    assert!(!verdict.faults.iter().any(|fault| fault.contains("balance")), "{:#?}", verdict.faults);
}
