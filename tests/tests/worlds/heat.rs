//! Nobody lacks what could have been had, and no lower class has what a higher one lacks; with a shed that does nothing or a
//! dispatch that turns the classes round, somebody does.

use crate::fleet;
use crate::worlds::seeds::LEAST_HEAT;
use hypocaust_central::domain::balance::Balances;
use hypocaust_central::domain::{Domain, Effect, Input, Judges, case};
use hypocaust_edge::core::contingency::Origin;
use hypocaust_edge::core::{self, Birth, Core, Memory, Now};
use hypocaust_protocols::model::{Class, Fleet, Millis, PlantId, TagId};
use hypocaust_protocols::wire::{VerifyingKey, metric};
use hypocaust_sim::fault::Fault;
use hypocaust_sim::world::{Centre, EdgeNode, Happening, MakeEdge, Makers, World};
use hypocaust_tests::checks;
use hypocaust_tests::heat::{Latest, Look, looked, unforced, watched, watched_by};
use hypocaust_tests::lateness::Allowed;
use hypocaust_tests::share::{Share, enough};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All that must hold of the heat in a world; how near it was to being too late.
pub fn heat(world: &World, looks: &[Look]) -> Result<Latest, String> {
    let order = unforced(world, looks, |l| l.order).map_err(|e| format!("order of classes: {e}"))?;
    let bound = unforced(world, looks, |l| l.bound).map_err(|e| format!("clairvoyant bound: {e}"))?;
    Ok(order.worse(bound))
}

/// The south loses its boiler, and with it more than production and comfort.
fn lost_boiler(makers: Makers) -> (World, Vec<Look>) {
    let mut world = World::new(fleet(), 2, 10.0, makers);
    let looks = watched(&mut world, &[lost_boiler_of_south()], 300_000, |_| ());
    (world, looks)
}

fn lost_boiler_of_south() -> (i64, Happening) {
    let south = PlantId::new("south").expect("an id");
    (60_000, Happening::Plant(south, Fault::Trip { name: "south.b1".into() }))
}

/// An edge whose shed setpoints do nothing: the write seems done, the register is as it was.
struct Blunt {
    core: Core,
    caps: BTreeSet<TagId>,
}

impl EdgeNode for Blunt {
    fn handle(&mut self, now: Now, input: core::Input) -> Vec<core::Effect> {
        let mut effects = self.core.handle(now, input);
        let mut at = 0;
        while let Some(effect) = effects.get(at) {
            match effect {
                core::Effect::Write { write, setpoint, value, .. } if self.caps.contains(setpoint) => {
                    let done = core::Input::WriteDone { write: *write, result: Ok(*value) };
                    effects.remove(at);
                    effects.extend(self.core.handle(now, done));
                }
                _ => at += 1,
            }
        }
        effects
    }
    fn birth(&mut self, now: Now) -> Birth {
        self.core.birth(now)
    }
}

/// A centre that somebody meddles with before it takes an input, or with what it does then.
struct Meddled {
    domain: Domain,
    before: fn(&mut Domain),
    after: fn(&mut Vec<Effect>),
}

impl Centre for Meddled {
    fn handle(&mut self, now: Millis, input: Input) -> Vec<Effect> {
        (self.before)(&mut self.domain);
        let mut effects = self.domain.handle(now, input);
        (self.after)(&mut effects);
        effects
    }
    fn domain(&self) -> &Domain {
        &self.domain
    }
    fn domain_mut(&mut self) -> &mut Domain {
        &mut self.domain
    }
}

/// A centre that makes something else of what it does.
fn making_of(domain: Domain, after: fn(&mut Vec<Effect>)) -> Box<dyn Centre> {
    Box::new(Meddled { domain, before: |_| (), after })
}

/// There is no judge who would see what is made of its cases.
fn unseen() -> Judges {
    Judges { check: |_, _| Ok(()), ..Judges::ours() }
}

/// Takes class 5 for class 1 and the other way round.
fn inverted(effects: &mut Vec<Effect>) {
    for effect in effects {
        if let Effect::Solve { case, .. } = effect {
            for demand in &mut case.demands {
                if let Some(class) = Class::ALL.iter().find(|c| c.name() == demand.class) {
                    demand.class = Class::ALL[5 - usize::from(class.rank())].name().into();
                }
            }
        }
    }
}

/// Sends no contingency tables.
fn tableless(effects: &mut Vec<Effect>) {
    effects.retain(|e| !matches!(e, Effect::Send { metric: metric::TABLE, .. }));
}

/// Leaves a header below its lower limit where it stands.
fn patient(effects: &mut Vec<Effect>) {
    for effect in effects {
        if let Effect::Solve { case, .. } = effect {
            let people = Class::LifeSafety.name();
            case.demands.retain(|demand| case::is_of_fleet(&demand.id) || demand.class != people);
        }
    }
}

/// Reckons with what a main was set to, whatever arrives.
fn trusting(domain: &mut Domain) {
    let mut image = domain.image().clone();
    image.balances = Balances::default();
    domain.inherit(image);
}

#[test]
fn with_a_blunt_shed_people_go_short() {
    let (world, looks) = lost_boiler(Makers::default());
    heat(&world, &looks).expect("the real edge sheds");
    assert!(looks.iter().any(|l| l.short[4] > 2.0), "nobody went short, so this shows nothing");
    let edge = |fleet: Arc<Fleet>, plant: &PlantId, key: VerifyingKey, boot: u64, memory: Memory, now: Now| {
        let caps = fleet.consumers().filter_map(|(_, c)| Some(c.shed.as_ref()?.setpoint.clone())).collect();
        let core = Core::new(fleet, plant, key, boot, memory, now)?;
        Some(Box::new(Blunt { core, caps }) as Box<dyn EdgeNode>)
    };
    let (world, looks) = lost_boiler(Makers { edge, ..Makers::default() });
    let wrong = unforced(&world, &looks, |l| l.bound).unwrap_err();
    assert!(wrong.contains("1 to 1 lack"), "life safety itself: {wrong}");
    unforced(&world, &looks, |l| l.order).unwrap_err();
}

/// An edge whose caps stand still for this long before they open: the first writes of a way up seem done.
struct Stiff<const MS: u64> {
    core: Core,
    /// Where each cap was last seen, and since when it should open.
    caps: BTreeMap<TagId, (f64, Option<u64>)>,
}

impl<const MS: u64> Stiff<MS> {
    fn make(
        fleet: Arc<Fleet>,
        plant: &PlantId,
        key: VerifyingKey,
        boot: u64,
        memory: Memory,
        now: Now,
    ) -> Option<Box<dyn EdgeNode>> {
        let caps = fleet.consumers().filter_map(|(_, c)| Some((c.shed.as_ref()?.setpoint.clone(), (0.0, None))));
        let caps = caps.collect();
        Some(Box::new(Self { core: Core::new(fleet, plant, key, boot, memory, now)?, caps }) as Box<dyn EdgeNode>)
    }
}

impl<const MS: u64> EdgeNode for Stiff<MS> {
    fn handle(&mut self, now: Now, input: core::Input) -> Vec<core::Effect> {
        if let core::Input::Reads { values, .. } = &input {
            for (tag, read) in values {
                if let (Some(cap), Some(value)) = (self.caps.get_mut(tag), read.value) {
                    cap.0 = value;
                }
            }
        }
        let mut effects = self.core.handle(now, input);
        let mut at = 0;
        while let Some(effect) = effects.get(at) {
            if let core::Effect::Write { write, setpoint, value, .. } = effect
                && let Some((stood, since)) = self.caps.get_mut(setpoint)
            {
                if *value <= *stood {
                    *since = None;
                } else if now.tick.0 < *since.get_or_insert(now.tick.0) + MS {
                    let done = core::Input::WriteDone { write: *write, result: Ok(*value) };
                    effects.remove(at);
                    effects.extend(self.core.handle(now, done));
                    continue;
                }
            }
            at += 1;
        }
        effects
    }
    fn birth(&mut self, now: Now) -> Birth {
        self.core.birth(now)
    }
}

/// The main to the south is shut for half a minute: what was shed may have its heat again at once.
fn shut_for_a_while(edge: MakeEdge) -> (World, Vec<Look>) {
    let mut world = World::new(fleet(), 3, 10.0, Makers { edge, ..Makers::default() });
    let north = PlantId::new("north").expect("an id");
    let happened = [
        (60_000, Happening::Plant(north.clone(), Fault::Close { name: "n-s".into() })),
        (90_000, Happening::Plant(north, Fault::Restore { name: "n-s".into() })),
    ];
    let looks = watched(&mut world, &happened, 180_000, |_| ());
    (world, looks)
}

#[test]
fn caps_that_open_some_seconds_late_are_found() {
    let (world, looks) = shut_for_a_while(Makers::default().edge);
    heat(&world, &looks).expect("the real edge opens them as dispatch says");
    assert!(looks.iter().any(|l| l.short[4] > 2.0), "nobody went short, so this shows nothing");
    let (world, looks) = shut_for_a_while(Stiff::<25_000>::make);
    let wrong = heat(&world, &looks).unwrap_err();
    assert!(wrong.contains("are allowed"), "{wrong}");
    // One figure for every case would have to forgive more than that: the cycle, a solve and the longest way of any cap.
    let one = Allowed { start_ms: 32_000, ..Allowed::default() };
    let forgiven: Vec<Look> = looks.iter().map(|l| Look { allowed: one, ..*l }).collect();
    heat(&world, &forgiven).expect("it is late by less");
}

#[test]
fn with_the_classes_turned_round_the_order_is_wrong() {
    let centre =
        |fleet, key, epoch, state, head| making_of(Domain::new(fleet, key, unseen(), epoch, state, head), inverted);
    let (world, looks) = lost_boiler(Makers { centre, ..Makers::default() });
    unforced(&world, &looks, |l| l.order).unwrap_err();
}

/// From where an edge acted when its boiler tripped this early, and how long after the trip it had latched it.
fn acted(trip_at: i64, makers: Makers) -> (Option<Origin>, i64) {
    let mut world = World::new(fleet(), 3, 10.0, makers);
    world.run(trip_at);
    let north = PlantId::new("north").expect("an id");
    world.happen(&Happening::Plant(north.clone(), Fault::Trip { name: "b1".into() }));
    world.run(10_000);
    let found = world.events.iter().find_map(|(at, plant, event)| match event {
        core::Event::Acted { origin, moves, .. } if *plant == north && !moves.is_empty() => {
            Some((*origin, at - trip_at))
        }
        _ => None,
    });
    (found.map(|f| f.0), found.map_or(i64::MAX, |f| f.1))
}

#[test]
fn a_trip_is_met_from_the_table_within_a_scan_and_its_delay_even_early() {
    // Ten seconds after everything was started; a scan of 500 ms, the trip's own on-delay of 500 ms, a step.
    let (origin, after) = acted(10_000, Makers::default());
    assert_eq!(origin, Some(Origin::Table));
    assert!(after <= 1_100, "{after} ms");
    let centre = |fleet, key, epoch, state, head| {
        making_of(Domain::new(fleet, key, Judges::ours(), epoch, state, head), tableless)
    };
    let (origin, after) = acted(10_000, Makers { centre, ..Makers::default() });
    assert_eq!(origin, Some(Origin::LocalRules), "without a table it acts on its own, as fast");
    assert!(after <= 1_100, "{after} ms");
}

/// An edge that takes no notice of trips or of closed mains: their flags always read as when all is well.
struct Unmoved(Core, BTreeMap<TagId, f64>);

impl EdgeNode for Unmoved {
    fn handle(&mut self, now: Now, mut input: core::Input) -> Vec<core::Effect> {
        if let core::Input::Reads { values, .. } = &mut input {
            for (tag, read) in values {
                self.1.get(tag).into_iter().for_each(|well| *read = Ok(*well).into());
            }
        }
        self.0.handle(now, input)
    }
    fn birth(&mut self, now: Now) -> Birth {
        self.0.birth(now)
    }
}

/// An edge that has thrown its table away.
struct Forgot(Core);

impl EdgeNode for Forgot {
    fn handle(&mut self, now: Now, input: core::Input) -> Vec<core::Effect> {
        if matches!(input, core::Input::Table(_)) { Vec::new() } else { self.0.handle(now, input) }
    }
    fn birth(&mut self, now: Now) -> Birth {
        self.0.birth(now)
    }
}

#[test]
fn an_edge_that_does_nothing_about_a_trip_or_not_what_its_table_says_is_found() {
    let happened = [lost_boiler_of_south()];
    let judged = |makers| checks::trips(&lost_boiler(makers).0, &happened);
    judged(Makers::default()).expect("the real edge does what its table says");
    let edge = |fleet: Arc<Fleet>, plant: &PlantId, key: VerifyingKey, boot: u64, memory: Memory, now: Now| {
        let flags =
            fleet.plants.iter().flat_map(|p| &p.trips).flat_map(|t| t.tags.clone()).map(|tag| (tag, 0.0)).collect();
        let core = Core::new(fleet, plant, key, boot, memory, now)?;
        Some(Box::new(Unmoved(core, flags)) as Box<dyn EdgeNode>)
    };
    assert!(judged(Makers { edge, ..Makers::default() }).unwrap_err().contains("nothing was done"));
    let edge = |fleet: Arc<Fleet>, plant: &PlantId, key: VerifyingKey, boot: u64, memory: Memory, now: Now| {
        Some(Box::new(Forgot(Core::new(fleet, plant, key, boot, memory, now)?)) as Box<dyn EdgeNode>)
    };
    assert!(judged(Makers { edge, ..Makers::default() }).unwrap_err().contains("its table says"));
}

/// The main to the south closes while it carries heat.
fn closed_main(makers: Makers) -> Result<Share, String> {
    let mut world = World::new(fleet(), 3, 10.0, makers);
    let north = PlantId::new("north").expect("an id");
    let happened = [(60_000, Happening::Plant(north, Fault::Close { name: "n-s".into() }))];
    let looks = watched(&mut world, &happened, 180_000, |_| ());
    let judged = checks::mains(&world, &happened)?;
    heat(&world, &looks).map(|_| judged)
}

#[test]
fn an_edge_that_does_nothing_about_a_closed_main_or_not_what_its_table_says_is_found() {
    assert_eq!(closed_main(Makers::default()), Ok(Share::of(1, 0)), "the real edge does what its table says");
    let edge = |fleet: Arc<Fleet>, plant: &PlantId, key: VerifyingKey, boot: u64, memory: Memory, now: Now| {
        let flags = fleet.mains.iter().map(|m| (m.open.clone(), 1.0)).collect();
        let core = Core::new(fleet, plant, key, boot, memory, now)?;
        Some(Box::new(Unmoved(core, flags)) as Box<dyn EdgeNode>)
    };
    assert!(closed_main(Makers { edge, ..Makers::default() }).unwrap_err().contains("nothing was done"));
    let edge = |fleet: Arc<Fleet>, plant: &PlantId, key: VerifyingKey, boot: u64, memory: Memory, now: Now| {
        Some(Box::new(Forgot(Core::new(fleet, plant, key, boot, memory, now)?)) as Box<dyn EdgeNode>)
    };
    assert!(closed_main(Makers { edge, ..Makers::default() }).unwrap_err().contains("its table says"));
}

/// The north's boiler trips this long after its edge was killed (before: negative), and the edge is away for 5 s.
fn trip_at_restart(after_ms: i64) -> (World, Vec<Look>) {
    let mut world = World::new(fleet(), 3, 10.0, Makers::default());
    let north = PlantId::new("north").expect("an id");
    let crash = Happening::EdgeCrash { plant: north.clone(), down_ms: 5_000 };
    let trip = Happening::Plant(north, Fault::Trip { name: "b1".into() });
    let mut happened = [(60_000, crash), (60_000 + after_ms, trip)];
    happened.sort_by_key(|(at, _)| *at);
    let looks = watched(&mut world, &happened, 300_000, |_| ());
    (world, looks)
}

#[test]
fn a_trip_in_the_middle_of_an_edges_restart_is_met_all_the_same() {
    // Before the kill, half way through the shed; while it is away; as it comes back.
    for after_ms in [-2_500, -1_000, 0, 2_500, 4_900, 5_500] {
        let (world, looks) = trip_at_restart(after_ms);
        heat(&world, &looks).unwrap_or_else(|wrong| panic!("tripped {after_ms} ms after the kill: {wrong}"));
        assert!(looks.iter().any(|l| l.short[4] > 2.0), "nobody went short, so this shows nothing");
    }
}

/// The north's edge is dead for a quarter of an hour, with which its main is shut, and then the south loses its boiler.
fn dead_edge(makers: Makers) -> (World, Vec<Look>) {
    let mut world = World::new(fleet(), 3, 10.0, makers);
    let north = PlantId::new("north").expect("an id");
    let dead = Happening::EdgeCrash { plant: north, down_ms: 900_000 };
    let (_, lost) = lost_boiler_of_south();
    let looks = watched(&mut world, &[(60_000, dead), (300_000, lost)], 1_080_000, |_| ());
    (world, looks)
}

#[test]
fn heat_that_a_dead_edge_no_longer_sends_is_not_reckoned_with() {
    let (world, looks) = dead_edge(Makers::default());
    heat(&world, &looks).expect("the other end sees what arrives");
    assert!(looks.iter().any(|l| l.short[4] > 2.0), "nobody went short, so this shows nothing");
    let centre = |fleet, key, epoch, state, head| {
        let domain = Domain::new(fleet, key, Judges::ours(), epoch, state, head);
        Box::new(Meddled { domain, before: trusting, after: |_| () }) as Box<dyn Centre>
    };
    let (world, looks) = dead_edge(Makers { centre, ..Makers::default() });
    let wrong = heat(&world, &looks).unwrap_err();
    assert!(wrong.contains("order of classes"), "{wrong}");
}

/// The north's boiler is lost while its edge is dead, so that its header falls below its lower limit.
fn fallen_header(makers: Makers) -> (World, Vec<Look>) {
    let mut world = World::new(fleet(), 3, 13.0, makers);
    let north = PlantId::new("north").expect("an id");
    let b1 = || "north.b1".to_owned();
    let happened = [
        (60_000, Happening::EdgeCrash { plant: north.clone(), down_ms: 255_000 }),
        (150_000, Happening::Plant(north.clone(), Fault::Trip { name: b1() })),
        (190_000, Happening::Plant(north, Fault::Restore { name: b1() })),
    ];
    let looks = watched(&mut world, &happened, 480_000, |_| ());
    (world, looks)
}

#[test]
fn a_header_that_fell_while_nobody_could_help_it_is_filled_before_all_others() {
    let (world, looks) = fallen_header(Makers::default());
    heat(&world, &looks).expect("people have their heat again as soon as can be");
    assert!(looks.iter().any(|l| l.short[0] > 0.1), "nobody of class 1 went short, so this shows nothing");
    let centre =
        |fleet, key, epoch, state, head| making_of(Domain::new(fleet, key, unseen(), epoch, state, head), patient);
    let (world, looks) = fallen_header(Makers { centre, ..Makers::default() });
    let wrong = heat(&world, &looks).unwrap_err();
    assert!(wrong.contains("order of classes"), "{wrong}");
}

#[test]
fn a_check_that_leaves_everybody_out_is_found_by_what_it_judged() {
    let (_, looks) = lost_boiler(Makers::default());
    enough(&looked(&looks), 1, &LEAST_HEAT).expect("the real one sees who is short");
    // Nobody's heat is anybody's to answer for: there is nothing to complain of, whatever happens.
    let mut world = World::new(fleet(), 2, 10.0, Makers::default());
    let looks = watched_by(&mut world, &[lost_boiler_of_south()], 300_000, |_, _| false, |_| ());
    heat(&world, &looks).expect("it judges nothing");
    let wrong = enough(&looked(&looks), 1, &LEAST_HEAT).unwrap_err();
    assert!(wrong.contains("looks with a shortage: 0 judged"), "{wrong}");
    // One that has the whole shortage for forced judges as little.
    let excused: Vec<Look> = looks.iter().map(|l| Look { order: l.short, bound: l.short, ..*l }).collect();
    let wrong = enough(&looked(&excused), 1, &LEAST_HEAT).unwrap_err();
    assert!(wrong.contains("that the bound did not force"), "{wrong}");
}
