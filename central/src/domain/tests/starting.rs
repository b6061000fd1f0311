//! What is planned before everything was read: nothing by what is not known yet, and not waiting for ever.

use super::*;

/// A birth names every tag before one is read, and a device that was not reached yet is told of as one that does not
/// answer: no schedule may come of that, for in it nothing burns and all are short.
#[test]
fn before_a_plant_was_read_nothing_is_planned_for_it() {
    for reason in [BadReason::NotRead, BadReason::NoConnection] {
        starts_without_alarm(&reason);
    }
}

fn starts_without_alarm(reason: &BadReason) {
    let mut b = bench(Judges::ours());
    let fleet = b.fleet.clone();
    let born = |b: &mut Bench, plant: &str| {
        let plant = fleet.plant(plant).unwrap();
        for device in &plant.devices {
            let unread = |t: &hypocaust_protocols::model::Tag| Sample {
                tag: t.id.clone(),
                time: b.now,
                value: None,
                quality: Quality::Bad(reason.clone()),
            };
            let samples = plant.tags.iter().filter(|t| t.device == device.id).map(unread).collect();
            let entry = wire::Entry { boot: 11, seq: 0, device: device.id.clone(), samples };
            b.input(Input::Samples { plant: plant.id.clone(), entry });
        }
    };
    let status = |mode| Status {
        boot: 11,
        tick: Tick(0),
        mode: Some(mode),
        trips: None,
        devices: None,
        spool: None,
        anchor: None,
    };
    for plant in ["north", "south"] {
        b.input(Input::EdgeBirth { plant: PlantId::new(plant).unwrap(), status: status(Mode::Holding) });
        born(&mut b, plant);
    }
    b.now = b.now.plus(900);
    b.input(Input::Clock);
    assert!(b.domain.state().schedule.is_none());
    b.seconds(2);
    assert_eq!(b.schedule().origin, Origin::Optimal);
    b.seconds(20);
    let kinds: Vec<&str> = b.domain.state().alarms.keys().map(String::as_str).collect();
    assert!(kinds.is_empty(), "alarms of a plant that lacks nothing: {kinds:?}");
    let began = |r: &Recorded| matches!(r.event, Event::RestorationOpened { .. });
    assert!(!b.recorded().iter().any(began), "standby was started for a shortage that never was");
}

#[test]
fn a_device_that_stays_silent_is_planned_without_once_the_data_age_is_over() {
    let mut b = bench(Judges::ours());
    // The loop with the engine and the heat pump of the north; its boilers have another device.
    let lost: Vec<TagId> = {
        let north = b.fleet.plant("north").unwrap();
        north.tags.iter().filter(|t| t.device.as_str().ends_with("plc2")).map(|t| t.id.clone()).collect()
    };
    b.unheard.clone_from(&lost);
    b.second();
    let gone = |tag: &TagId| Sample {
        tag: tag.clone(),
        time: b.now,
        value: None,
        quality: Quality::Bad(BadReason::NoConnection),
    };
    let samples = lost.iter().map(gone).collect();
    let device = b.fleet.tag(lost[0].as_str()).unwrap().1.device.clone();
    let entry = wire::Entry { boot: b.boot, seq: 0, device, samples };
    b.input(Input::Samples { plant: PlantId::new("north").unwrap(), entry });
    let planned = |b: &Bench| {
        let schedule = b.domain.state().schedule.as_ref();
        schedule.is_some_and(|(_, s)| s.setpoints.iter().any(|t| t.setpoint.as_str() == "north.b2.load-sp"))
    };
    let age = b.fleet.limits.data_age_s as u32;
    b.seconds(age - 2);
    assert!(!planned(&b), "its device may still be on its way");
    b.seconds(2 + b.fleet.limits.dispatch_period_s as u32);
    assert!(planned(&b), "its boilers cannot wait for ever");
}

#[test]
fn the_first_schedule_waits_for_a_plant_that_is_late_and_not_for_one_that_does_not_come() {
    let mut b = bench(Judges::ours());
    let south = b.fleet.plant("south").unwrap().clone();
    b.unheard = south.tags.iter().map(|t| t.id.clone()).collect();
    b.seconds(4);
    assert!(b.domain.state().schedule.is_none(), "south is on its way");
    b.seconds(4);
    assert!(b.domain.state().schedule.is_some(), "north cannot wait for ever");
}
