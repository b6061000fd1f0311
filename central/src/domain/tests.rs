//! Scripts of inputs against the small fleet, with a bench that plays journal, solver and edges.

mod absent;
mod alarms;
mod forecast;
mod header;
mod ladder;
mod restoration;
mod seeing;
mod starting;
mod why;

use super::event::Phase;
use super::state::OrderState;
use super::*;
use crate::journal::Memory;
use crate::solver::{Bases, Rolling};
use hypocaust_protocols::model::{BadReason, Class, Direction, Quality, Sample, SourceState, TagId, Tick, TripId};
use hypocaust_protocols::wire::{self, Action, Outcome, Refusal, Verdict, VerifyingKey, Writer};
use std::path::Path;

/// How the bench answers a solve.
#[derive(Clone, Copy, PartialEq)]
enum Solver {
    Works,
    Late,
    Fails,
}

struct Bench {
    domain: Domain,
    fleet: Arc<Fleet>,
    journal: Memory,
    open: VerifyingKey,
    now: Millis,
    seq: u64,
    boot: u64,
    tags: BTreeMap<TagId, f64>,
    trips: Vec<TripId>,
    /// Of both edges.
    mode: Mode,
    /// The edges refuse to start a source.
    no_starts: bool,
    /// The fail-safe lane of the edges has every setpoint.
    held: bool,
    /// Tags of which nothing is heard any more, though their edge is linked.
    unheard: Vec<TagId>,
    /// A plant whose edge has died.
    away: Option<PlantId>,
    /// The mean of what a tag was over the slot that begins then; nothing where there is no history.
    past: fn(&TagId, Millis) -> Option<f64>,
    /// How often it was asked for.
    foreseen: u32,
    solver: Solver,
    rolling: Rolling,
    bases: Bases,
    /// While false, appends are laid by and nothing is stored.
    stores: bool,
    laid_by: Vec<Effect>,
    answers: bool,
    commands: Vec<Command>,
    tables: BTreeMap<PlantId, Table>,
    beats: Vec<Beat>,
    replies: Vec<(u64, Result<String, Rejection>)>,
    tasks: Vec<hypocaust_protocols::wire::subagent::Task>,
    stepped_down: Option<String>,
}

fn small() -> Arc<Fleet> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    Arc::new(hypocaust_protocols::files::load(&folder).expect("the small fleet is right"))
}

fn id(text: &str) -> TagId {
    TagId::new(text).unwrap()
}

fn bench(judges: Judges) -> Bench {
    let fleet = small();
    let journal = Memory::new(&fleet.id);
    let key = SigningKey::from_bytes(&[3; 32]);
    let open = key.verifying_key();
    let domain = Domain::new(fleet.clone(), key, judges, 7, State::default(), Head::genesis(&fleet.id));
    let mut tags = BTreeMap::new();
    for plant in &fleet.plants {
        tags.extend(plant.tags.iter().map(|t| (t.id.clone(), 0.0)));
        for h in &plant.headers {
            tags.insert(h.process_value.clone(), h.nominal);
        }
        for s in &plant.sources {
            tags.insert(s.state.clone(), SourceState::On as u8 as f64);
            tags.insert(s.heat.clone(), 0.75 * s.heat_max_mw);
            tags.insert(s.setpoint.clone(), 0.75 * s.heat_max_mw);
            tags.extend(s.start_request.iter().map(|t| (t.clone(), 1.0)));
        }
        for c in &plant.consumers {
            tags.insert(c.asked.clone(), c.heat_mw);
            tags.insert(c.served.clone(), c.heat_mw);
            tags.extend(c.shed.iter().map(|s| (s.setpoint.clone(), plant.setpoint(s.setpoint.as_str()).unwrap().max)));
        }
        tags.extend(plant.storages.iter().map(|s| (s.level.clone(), s.initial_mwh)));
    }
    tags.extend(fleet.mains.iter().map(|m| (m.open.clone(), 1.0)));
    Bench {
        domain,
        fleet,
        journal,
        open,
        // A winter's morning, 10 o'clock.
        now: Millis(1_768_471_200_000),
        seq: 0,
        boot: 11,
        tags,
        trips: vec![],
        mode: Mode::Remote,
        no_starts: false,
        held: false,
        unheard: vec![],
        away: None,
        past: |_, _| None,
        foreseen: 0,
        solver: Solver::Works,
        rolling: Rolling::default(),
        bases: Bases::default(),
        stores: true,
        laid_by: vec![],
        answers: true,
        commands: vec![],
        tables: BTreeMap::new(),
        beats: vec![],
        replies: vec![],
        tasks: Vec::new(),
        stepped_down: None,
    }
}

impl Bench {
    fn input(&mut self, input: Input) {
        let mut effects: VecDeque<Effect> = self.domain.handle(self.now, input).into();
        while let Some(effect) = effects.pop_front() {
            if let Effect::SolveLosses { at, base, losses } = effect {
                let base = self.bases.stand(at, *base).expect("a base");
                for (id, case) in losses {
                    let answer = base.solve(&case).into();
                    effects.extend(self.domain.handle(self.now, Input::Solved { id, answer }));
                }
            } else if let Some(next) = self.carry_out(effect) {
                effects.extend(self.domain.handle(self.now, next));
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Append { .. } if !self.stores => {
                self.laid_by.push(effect);
                None
            }
            Effect::Append { expected, epoch, drafts } => {
                Some(match self.journal.append_now(&expected, epoch, drafts) {
                    Ok(head) => Input::Appended { head },
                    Err(e) => Input::AppendFailed { reason: e.to_string() },
                })
            }
            Effect::Solve { id, at, case } => {
                let answer = match self.solver {
                    Solver::Late => Answer::Late,
                    Solver::Fails => Answer::Failed("the bench says so".into()),
                    Solver::Works => self.rolling.solve(at, &case).into(),
                };
                Some(Input::Solved { id, answer })
            }
            Effect::Foresee { wanted } => {
                self.foreseen += 1;
                let slots: Vec<Millis> =
                    (wanted.from().0..wanted.until.0).step_by(super::forecast::SLOT_MS as usize).map(Millis).collect();
                let past = |tag: &TagId| slots.iter().filter_map(|at| Some((*at, (self.past)(tag, *at)?))).collect();
                Some(Input::Foreseen { forecasts: Box::new(super::forecast::foresee(&wanted, past)) })
            }
            Effect::SolveLosses { .. } => unreachable!("they have many answers"),
            Effect::Send { plant, metric, signed } => self.received(plant, metric, &signed),
            Effect::Task { task } => {
                self.tasks.push(*task);
                None
            }
            Effect::Reply { request, result } => {
                self.replies.push((request, result));
                None
            }
            Effect::StepDown { reason } => {
                self.stepped_down = Some(reason);
                None
            }
        }
    }

    fn received(&mut self, plant: PlantId, label: &str, signed: &Signed) -> Option<Input> {
        match label {
            metric::BEAT => self.beats.push(signed.open(label, &self.open).unwrap()),
            metric::TABLE => {
                self.tables.insert(plant, signed.open(label, &self.open).unwrap());
            }
            _ => {
                let command: Command = signed.open(label, &self.open).unwrap();
                assert!(
                    self.journal
                        .entries()
                        .iter()
                        .any(|e| e.kind == "ordered" && e.body.contains(&format!("\"{}\"", command.id))),
                    "{} left before its decision was in the journal",
                    command.id
                );
                self.commands.push(command.clone());
                if !self.answers {
                    return None;
                }
                let starts =
                    matches!(&command.action, Action::Set { setpoint, .. } if setpoint.as_str().ends_with(".start"));
                if self.held || self.no_starts && starts {
                    let refusal = Refusal::new("arbitration", "the bench says so".into());
                    let outcome = Outcome { id: command.id, verdict: Verdict::Refused(refusal), tick: Tick(1) };
                    return Some(Input::Outcome { plant, outcome });
                }
                let readback = match &command.action {
                    Action::Set { setpoint, value } => {
                        self.tags.insert(setpoint.clone(), *value);
                        *value
                    }
                    Action::ResetTrip { trip } => {
                        self.trips.retain(|t| t != trip);
                        0.0
                    }
                };
                let outcome = Outcome { id: command.id, verdict: Verdict::Done { readback }, tick: Tick(1) };
                return Some(Input::Outcome { plant, outcome });
            }
        }
        None
    }

    /// One second: sources follow their setpoints, every tag is heard, time passes.
    fn second(&mut self) {
        self.now = self.now.plus(1000);
        self.seq += 1;
        let fleet = self.fleet.clone();
        for (plant, source) in fleet.sources() {
            let on = self.tags[&source.state] == 4.0;
            let swing = plant.headers.iter().any(|h| h.swing == source.id);
            let heat = self.tags[&source.heat];
            // A swing source's own controller settles at what the balance needs; here, where it began.
            let top = self.tags[&source.setpoint];
            let goal = if swing { top.min(0.75 * source.heat_max_mw) } else { top };
            let step = source.ramp_mw_per_min / 60.0;
            self.tags.insert(source.heat.clone(), if on { heat + (goal - heat).clamp(-step, step) } else { 0.0 });
        }
        let away = self.away.clone();
        for plant in fleet.plants.iter().filter(|plant| away.as_ref() != Some(&plant.id)) {
            let status = Status {
                boot: self.boot,
                tick: Tick(self.seq * 1000),
                mode: Some(self.mode),
                trips: Some(self.trips.iter().filter(|t| t.as_str().starts_with(plant.id.as_str())).cloned().collect()),
                devices: None,
                spool: None,
                anchor: None,
            };
            self.input(Input::EdgeStatus { plant: plant.id.clone(), status });
            for device in &plant.devices {
                let samples = plant
                    .tags
                    .iter()
                    .filter(|t| t.device == device.id && !self.unheard.contains(&t.id))
                    .map(|t| Sample {
                        tag: t.id.clone(),
                        time: self.now,
                        value: Some(self.tags[&t.id]),
                        quality: Quality::Good,
                    })
                    .collect();
                let entry = wire::Entry { boot: self.boot, seq: self.seq, device: device.id.clone(), samples };
                self.input(Input::Samples { plant: plant.id.clone(), entry });
            }
        }
        self.input(Input::Clock);
    }

    fn goes_away(&mut self, plant: &str) {
        let plant = PlantId::new(plant).unwrap();
        self.input(Input::EdgeDeath { plant: plant.clone() });
        self.away = Some(plant);
    }

    fn seconds(&mut self, n: u32) {
        (0..n).for_each(|_| self.second());
    }

    fn state_of(&mut self, source: &str, state: SourceState) {
        let tag = self.fleet.source(source).unwrap().1.state.clone();
        self.tags.insert(tag, state as u8 as f64);
    }

    fn trip_b1(&mut self) {
        self.state_of("north.b1", SourceState::Tripped);
        self.b1_flames(1.0);
        self.tags.insert(id("north.b1.heat"), 0.0);
        self.trips = vec![TripId::new("north.b1-lost").unwrap()];
    }

    /// What the three that watch its flame say: 1 is lost.
    fn b1_flames(&mut self, lost: f64) {
        for t in ["a", "b", "c"] {
            self.tags.insert(id(&format!("north.b1.flame-lost-{t}")), lost);
        }
    }

    /// It stands still after its trip, the cause is gone, and nobody has asked for a start.
    fn b1_may_start(&mut self) {
        self.state_of("north.b1", SourceState::Off);
        self.tags.insert(id("north.b1.start"), 0.0);
        self.b1_flames(0.0);
    }

    fn schedule(&self) -> &Schedule {
        &self.domain.state().schedule.as_ref().expect("a schedule").1
    }

    fn recorded(&self) -> Vec<Recorded> {
        self.journal.entries().iter().map(|e| Event::read(e).unwrap()).collect()
    }

    fn phase(&self, source: &str) -> Option<Phase> {
        self.domain.state().restorations.get(source).map(|r| r.phase.clone())
    }

    fn operator(&mut self, request: u64, key: &str, setpoint: &str, value: f64) -> Result<String, Rejection> {
        let what = Request {
            user: "ada".into(),
            idempotency_key: key.into(),
            plant: PlantId::new("north").unwrap(),
            setpoint: id(setpoint),
            value,
            reason: "a test".into(),
        };
        self.input(Input::Operator { request, what });
        self.replies.iter().find(|(r, _)| *r == request).expect("a reply").1.clone()
    }
}

#[test]
fn in_order_everybody_is_served_and_the_journal_replays_to_the_same_state() {
    let mut b = bench(Judges::ours());
    b.seconds(60);
    assert_eq!(b.schedule().origin, Origin::Optimal, "{:?}", b.schedule().why);
    assert!(b.schedule().short.is_empty(), "{:?}", b.schedule().short);
    let entries = b.journal.entries();
    assert_eq!(crate::journal::verify(&b.fleet.id, &entries, None).unwrap(), b.domain.head());
    assert_eq!(&State::fold(&b.recorded()), b.domain.state());
    assert!(b.beats.iter().filter(|x| x.plant.as_str() == "north").count() >= 55, "a beat every second");
    assert_eq!(b.stepped_down, None);
}

#[test]
fn a_trip_sheds_from_the_bottom_and_the_beat_releases_the_edge() {
    let mut b = bench(Judges::ours());
    b.seconds(60);
    let before = b.schedule().clone();
    b.trip_b1();
    b.seconds(8);
    let s = b.schedule().clone();
    assert!(s.trips.iter().any(|t| t.as_str() == "north.b1-lost"));
    assert!(!s.short.is_empty(), "9 MW are gone at once: {:?}", s.why);
    for class in [Class::LifeSafety, Class::ProductSafety, Class::EquipmentProtection] {
        assert!(s.unserved_mw[class] < 0.005, "{class}: {:?}", s.why);
    }
    let order = |short: &str| s.short.iter().any(|x| x.consumer.as_str() == short);
    assert!(order("south.offices") || order("north.halls"), "comfort before production: {:?}", s.short);
    let capped = b.commands.iter().any(|c| {
        matches!(&c.action, Action::Set { setpoint, value } if setpoint.as_str().ends_with("cap-sp") && *value < 3.0)
    });
    assert!(capped, "a cap was lowered");
    // In the words of people: a consumer by its name, and a figure with its unit.
    let why = explain::why(&small(), Some(&before), &s, None);
    let moved = why.iter().find(|sentence| sentence.starts_with("Moved most: ")).expect("much has moved");
    assert!(moved.contains("the cap of ") && moved.contains(" MW") && !moved.contains("cap-sp"), "{moved}");
    assert!(b.beats.last().unwrap().plant.as_str() == "south");
    assert!(b.beats.iter().rev().take(2).any(|x| x.trips_seen.iter().any(|t| t.as_str() == "north.b1-lost")));
    assert!(b.domain.state().alarm_stands("trip:north.b1"));
}

/// Orders that overtake the beat which ends a shed are refused by the fail-safe lane, and it lets go a moment later.
#[test]
fn an_order_that_met_the_fail_safe_lane_is_given_again_with_the_next_schedule() {
    let mut b = bench(Judges::ours());
    b.seconds(60);
    b.trip_b1();
    b.held = true;
    b.seconds(2);
    let refused = |r: &Recorded| matches!(r.event, Event::Answered { verdict: Verdict::Refused(_), .. });
    assert!(b.recorded().iter().any(refused), "no order met it, so this shows nothing");
    b.held = false;
    b.seconds(b.fleet.limits.dispatch_period_s as u32 + 1);
    let caps: Vec<_> = b.schedule().setpoints.iter().filter(|t| t.setpoint.as_str().ends_with("cap-sp")).collect();
    assert!(!caps.is_empty());
    for cap in caps {
        let shown = b.tags[&cap.setpoint];
        assert!((shown - cap.value).abs() < 0.15, "{} stands at {shown}, {} is due", cap.setpoint, cap.value);
    }
}

#[test]
fn nothing_leaves_before_it_is_stored_and_a_failed_append_ends_the_leader() {
    let mut b = bench(Judges::ours());
    b.seconds(3);
    b.stores = false;
    let commands = b.commands.len();
    b.seconds(12);
    assert_eq!(b.laid_by.len(), 1, "one append at a time");
    let beats = b.beats.len();
    b.seconds(5);
    assert_eq!((b.commands.len(), b.beats.len()), (commands, beats), "a leader that cannot append falls silent");
    b.input(Input::AppendFailed { reason: "disk full".into() });
    assert_eq!(b.stepped_down.as_deref(), Some("disk full"));
    b.stores = true;
    b.seconds(5);
    assert_eq!((b.commands.len(), b.beats.len()), (commands, beats));
    assert!(matches!(b.operator(1, "k", "north.b2.load-sp", 5.0), Err(Rejection::NotLeading(_))));
}

#[test]
fn an_operator_is_answered_once_per_key() {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    let first = b.operator(1, "k1", "north.b2.load-sp", 5.0).unwrap();
    assert_eq!(b.operator(2, "k1", "north.b2.load-sp", 5.0), Ok(first.clone()));
    assert_eq!(b.operator(3, "k1", "north.b2.load-sp", 6.0), Err(Rejection::KeyReused));
    assert_eq!(b.commands.iter().filter(|c| c.id == first).count(), 1);
    assert!(matches!(b.domain.state().orders[&first].state, OrderState::Done { readback: 5.0 }));
    assert!(matches!(b.operator(4, "k4", "north.b2.load-sp", 9.0), Err(Rejection::OutOfBounds { .. })));
    assert!(matches!(b.operator(5, "k5", "north.b2.load-sp", f64::NAN), Err(Rejection::OutOfBounds { .. })));
    assert!(matches!(b.operator(6, "k6", "north.plc1.counter", 1.0), Err(Rejection::Watchdog(_))));
    match b.operator(7, "k7", "north.b2.lod-sp", 1.0) {
        Err(Rejection::NoSetpoint { nearest, .. }) => assert!(nearest.contains("north.b2.load-sp"), "{nearest}"),
        other => panic!("{other:?}"),
    }
    let other_user = Request {
        user: "eve".into(),
        idempotency_key: "k1".into(),
        plant: PlantId::new("north").unwrap(),
        setpoint: id("north.b2.load-sp"),
        value: 5.5,
        reason: "another".into(),
    };
    b.input(Input::Operator { request: 8, what: other_user });
    assert_ne!(b.replies.last().unwrap().1, Ok(first), "keys of two users never meet");
}

#[test]
fn without_an_answer_the_same_order_is_sent_again_and_then_given_up() {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    b.answers = false;
    let order = b.operator(1, "k", "north.b2.load-sp", 5.0).unwrap();
    b.seconds(9);
    let sent = b.commands.iter().filter(|c| c.id == order).count();
    assert!((4..=6).contains(&sent), "every two seconds: {sent}");
    b.seconds(3);
    assert_eq!(b.domain.state().orders[&order].state, OrderState::Unknown);
    b.seconds(5);
    assert!(b.commands.iter().filter(|c| c.id == order).count() <= 6);
    // The truth may still come, late.
    let refusal = Refusal { gate: "rate".into(), code: "GL-E-RATE".into(), reason: "too often".into() };
    let outcome = Outcome { id: order.clone(), verdict: Verdict::Refused(refusal.clone()), tick: Tick(1) };
    b.input(Input::Outcome { plant: PlantId::new("north").unwrap(), outcome });
    assert_eq!(b.domain.state().orders[&order].state, OrderState::Refused { refusal });
}

#[test]
fn an_answer_to_what_was_never_ordered_is_kept_and_of_a_flood_each_is_counted() {
    let mut b = bench(Judges::ours());
    b.seconds(3);
    for n in 0..100 {
        let refusal = Refusal { gate: "signature".into(), code: "GL-E-SIGNATURE".into(), reason: "foreign".into() };
        let outcome = Outcome { id: format!("x{n}"), verdict: Verdict::Refused(refusal), tick: Tick(1) };
        b.input(Input::Outcome { plant: PlantId::new("north").unwrap(), outcome });
    }
    let kept = b.recorded().iter().filter(|r| matches!(r.event, Event::Stranger { .. })).count();
    assert_eq!(kept, STRANGERS_PER_MINUTE as usize);
    let counted = &b.domain.tally().refusals;
    assert_eq!(counted.get(&(PlantId::new("north").unwrap(), "signature")), Some(&100), "{counted:?}");
}

#[test]
fn every_plant_has_a_table_whose_moves_are_safe_and_shed_from_the_bottom() {
    let mut b = bench(Judges::ours());
    b.seconds(90);
    for plant in &b.fleet.plants {
        let table = b.tables.get(&plant.id).expect("a table");
        for s in &plant.sources {
            assert!(table.contingencies.iter().any(|c| c.lost == Loss::Source(s.id.clone())), "{}", s.id);
        }
        // A main is lost first to the plant that has the tag of its state.
        for m in b.fleet.mains.iter().filter(|m| plant.tag(m.open.as_str()).is_some()) {
            assert!(table.contingencies.iter().any(|c| c.lost == Loss::Main(m.id.clone())), "{}", m.id);
        }
        for c in &table.contingencies {
            let mut last = 9;
            for m in &c.moves {
                let spec = plant.setpoint(m.setpoint.as_str()).expect("a setpoint of this plant");
                assert!(m.value >= spec.min && m.value <= spec.max);
                let (shown, slack) = (b.tags[&m.setpoint], 0.05 * (spec.max - spec.min));
                match spec.safe_direction {
                    Direction::Down => assert!(m.value < shown + slack, "{} to {} from {shown}", m.setpoint, m.value),
                    Direction::Up => assert!(m.value > shown - slack, "{} to {} from {shown}", m.setpoint, m.value),
                }
                let rank = plant.capped_by(&m.setpoint).map_or(0, |x| x.class.rank());
                assert!(rank <= last, "lowest class first in {:?}", c.lost);
                last = rank;
            }
        }
    }
    let north = &b.tables["north"];
    let lost =
        north.contingencies.iter().find(|c| matches!(&c.lost, Loss::Source(s) if s.as_str() == "north.b1")).unwrap();
    assert!(lost.moves.iter().any(|m| m.setpoint.as_str().ends_with("cap-sp")), "b1's loss sheds: {:?}", lost.moves);
}

#[test]
fn a_newer_epoch_at_an_edge_ends_this_leader_and_a_later_head_is_a_fork() {
    let mut b = bench(Judges::ours());
    b.seconds(3);
    let north = PlantId::new("north").unwrap();
    let status =
        |anchor| Status { boot: 11, tick: Tick(9), mode: None, trips: None, devices: None, spool: None, anchor };
    let theirs = Head { seq: 5000, hash: b.domain.head().hash };
    b.input(Input::EdgeStatus { plant: north.clone(), status: status(Some((7, Some(theirs)))) });
    b.input(Input::EdgeStatus { plant: north.clone(), status: status(Some((7, Some(theirs)))) });
    let forks = b.recorded().iter().filter(|r| matches!(r.event, Event::Forked { .. })).count();
    assert_eq!(forks, 1);
    assert!(b.domain.state().alarm_stands("journal-fork"));
    b.input(Input::EdgeStatus { plant: north, status: status(Some((8, None))) });
    assert!(b.stepped_down.as_deref().is_some_and(|r| r.contains("epoch 8")));
}

#[test]
fn a_plant_out_of_reach_gets_no_orders_and_shows_no_numbers() {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    let south = PlantId::new("south").unwrap();
    b.input(Input::EdgeDeath { plant: south.clone() });
    assert!(!b.domain.image().linked(&south));
    assert!(!b.domain.state().edges.contains_key(&south));
    let view = b.domain.plant_view("south", b.now).unwrap();
    assert_eq!((view.link, view.mode, view.sources[0].heat_mw), (false, "unknown", None));
    let tags = b.domain.tag_views(Some("south"), "south.b1", b.now);
    assert!(!tags.is_empty() && tags.iter().all(|t| t.quality == "bad" && t.reason == Some("edge-lost")));
    let request = Request {
        user: "ada".into(),
        idempotency_key: "s".into(),
        plant: south,
        setpoint: id("south.b1.load-sp"),
        value: 5.0,
        reason: "r".into(),
    };
    b.input(Input::Operator { request: 1, what: request });
    assert!(matches!(b.replies[0].1, Err(Rejection::NotLinked(_))));
}

#[test]
fn upper_classes_get_the_proven_rating_and_an_alarm_says_so() {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    b.trip_b1();
    b.tags.insert(id("north.n-s.open"), 0.0);
    b.tags.insert(id("north.b2.heat"), 7.1);
    b.tags.insert(id("north.b2.load-sp"), 7.2);
    for (consumer, mw) in [("ward", 3.0), ("dairy", 5.0), ("tracing", 2.0)] {
        b.tags.insert(id(&format!("north.{consumer}.asked")), mw);
    }
    b.seconds(20);
    let s = b.schedule();
    assert!(s.proven, "{:?}", s.why);
    assert!(s.unserved_mw[Class::LifeSafety] < 0.005, "{:?}", s.short);
    assert!(s.unserved_mw[Class::EquipmentProtection] > 0.5, "10 MW from a boiler of 8: {:?}", s.short);
    let b2 = s.setpoints.iter().find(|t| t.setpoint.as_str() == "north.b2.load-sp").unwrap();
    assert!(b2.value > 7.2, "above 90 % of nameplate: {}", b2.value);
    assert!(b.domain.state().alarm_stands("proven-rating"));
    b.seconds(40);
    let told =
        |r: &Recorded| matches!(&r.event, Event::Escalated { consumer, .. } if consumer.as_str() == "north.tracing");
    assert_eq!(b.recorded().iter().filter(|r| told(r)).count(), 1, "no heat within the horizon: people are told, once");
    assert_eq!(&State::fold(&b.recorded()), b.domain.state());
}

#[test]
fn every_kind_of_event_comes_back_from_the_journal() {
    let plant = PlantId::new("north").unwrap();
    let source = hypocaust_protocols::model::SourceId::new("north.b1").unwrap();
    let head = Head::genesis(&small().id);
    let events = [
        Event::Forked { plant: plant.clone(), ours: head, theirs: head },
        Event::EdgeLost { plant: plant.clone() },
        Event::EdgeMode { plant, mode: Mode::Fallback },
        Event::ScheduleRefused { solve: 3, origin: Origin::LastGood, reason: "r".into() },
        Event::LossRefused { lost: Loss::Source(source.clone()), reason: "r".into() },
        Event::Unanswered { id: "7-1-0".into(), sent: true },
        Event::RestorationMoved {
            source: source.clone(),
            phase: Phase::Resting { until: Millis(5) },
            heat_at: Some(Millis(6)),
        },
        Event::RestorationClosed { source, ending: event::Ending::NotNeeded, took_s: 0.1 },
        Event::AlarmCleared { alarm: "a".into() },
        Event::AlarmAcknowledged { alarm: "a".into(), user: "u".into() },
    ];
    let drafts = events.iter().map(|e| e.draft(Millis(4))).collect();
    let entries = Entry::chain(&head, 2, drafts);
    for (entry, event) in entries.iter().zip(events) {
        let read = Event::read(entry).unwrap();
        assert_eq!((read.seq, read.time, read.event), (entry.seq, Millis(4), event));
    }
    let refused = entries.iter().find(|e| e.kind == "schedule-refused").expect("it is among them");
    let older = Entry { body: r#"{"solve":3,"reason":"r"}"#.into(), ..refused.clone() };
    let of_the_solver = Event::ScheduleRefused { solve: 3, origin: Origin::Optimal, reason: "r".into() };
    assert_eq!(Event::read(&older).unwrap().event, of_the_solver, "written before a refusal named its rung");
    let unknown = Entry { kind: "later".into(), ..entries[0].clone() };
    assert!(Event::read(&unknown).unwrap_err().to_string().contains("use the version that wrote it"));
    let newer = Entry { schema: 2, ..entries[0].clone() };
    assert!(matches!(Event::read(&newer), Err(event::Error::Unknown { schema: 2, .. })));
}
