//! Scripts of what agents say, against a leader on the small fleet.

use super::*;
use crate::domain::{Domain, Effect, Event, Input, Judges, Mode, Recorded, State, Status};
use crate::journal::{Head, Memory};
use hypocaust_protocols::model::{BadReason, DeviceId, Meter, Quality, Sample, Source, SourceState, Tick};
use hypocaust_protocols::wire::subagent::Mark;
use hypocaust_protocols::wire::{Entry, SigningKey};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

const FLUE: u8 = 18;
const BOILER: u8 = 2;

struct Room {
    domain: Domain,
    journal: Memory,
    fleet: Arc<Fleet>,
    now: Millis,
    tasks: Vec<Task>,
    /// While true, every task is answered well a second later.
    answering: bool,
    open: Vec<Task>,
    bad: Vec<&'static str>,
    /// Of tags that do not stand at 4.
    values: BTreeMap<&'static str, f64>,
}

fn agent(number: u8) -> AgentId {
    AgentId::new(number).unwrap()
}

fn room() -> Room {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    let fleet = Arc::new(hypocaust_protocols::files::load(&folder).unwrap());
    let journal = Memory::new(&fleet.id);
    let head = Head::genesis(&fleet.id);
    let key = SigningKey::from_bytes(&[3; 32]);
    let domain = Domain::new(Arc::clone(&fleet), key, Judges::ours(), 7, State::default(), head);
    let now = Millis(1_768_471_200_000);
    Room {
        domain,
        journal,
        fleet,
        now,
        tasks: Vec::new(),
        answering: true,
        open: Vec::new(),
        bad: Vec::new(),
        values: BTreeMap::new(),
    }
}

impl Room {
    fn input(&mut self, input: Input) {
        let mut effects: VecDeque<Effect> = self.domain.handle(self.now, input).into();
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Append { expected, epoch, drafts } => {
                    let head = self.journal.append_now(&expected, epoch, drafts).unwrap();
                    effects.extend(self.domain.handle(self.now, Input::Appended { head }));
                }
                Effect::Task { task } => {
                    self.open.push((*task).clone());
                    self.tasks.push(*task);
                }
                _ => {}
            }
        }
    }

    fn say(&mut self, message: Coordination) {
        // As it comes over the bus.
        let message = Coordination::read(&message.record()).unwrap();
        self.input(Input::Subagent { message });
    }

    fn register(&mut self, number: u8, version: &str) {
        let capabilities = vec!["flue-gas".to_owned()];
        let (schema, time, version) = (Register::SCHEMA.into(), Time(self.now), version.into());
        self.say(Coordination::Register(Register { schema, time, agent: agent(number), version, capabilities }));
    }

    fn beat(&mut self, number: u8, boot: u64, success_ratio: f64) {
        let (schema, time) = (Heartbeat::SCHEMA.into(), Time(self.now));
        self.say(Coordination::Heartbeat(Heartbeat { schema, time, agent: agent(number), boot, success_ratio }));
    }

    fn comes(&mut self, number: u8, boot: u64) {
        self.register(number, "1");
        self.beat(number, boot, 1.0);
    }

    fn answer(&self, task: &Task) -> Report {
        let value = |o: &hypocaust_protocols::wire::subagent::Output| (o.name.to_owned(), Number::good(1.0, o.unit));
        let values = task.kind.outputs().iter().map(value).collect();
        let (schema, time) = (Report::SCHEMA.into(), Time(self.now));
        Report { schema, time, agent: task.agent, task: task.id.clone(), outcome: Outcome::Done, values, reason: None }
    }

    /// So many seconds pass; edges are heard, all values good but those in `bad`.
    fn seconds(&mut self, n: u32) {
        for _ in 0..n {
            self.now = self.now.plus(1000);
            for task in std::mem::take(&mut self.open).iter().filter(|_| self.answering).collect::<Vec<_>>() {
                let report = self.answer(task);
                self.say(Coordination::Report(report));
            }
            for plant in &Arc::clone(&self.fleet).plants {
                let status = Status {
                    boot: 1,
                    tick: Tick(self.now.0 as u64),
                    mode: Some(Mode::Remote),
                    trips: None,
                    devices: None,
                    spool: None,
                    anchor: None,
                };
                self.input(Input::EdgeStatus { plant: plant.id.clone(), status });
                let quality = |tag: &str| {
                    if self.bad.contains(&tag) { Quality::Bad(BadReason::DeviceError) } else { Quality::Good }
                };
                let sample = |t: &hypocaust_protocols::model::Tag| Sample {
                    tag: t.id.clone(),
                    time: self.now,
                    value: Some(self.values.get(t.id.as_str()).copied().unwrap_or(4.0)),
                    quality: quality(t.id.as_str()),
                };
                let samples = plant.tags.iter().map(sample).collect();
                let entry = Entry { boot: 1, seq: 0, device: DeviceId::new("x.y").unwrap(), samples };
                self.input(Input::Samples { plant: plant.id.clone(), entry });
            }
            self.input(Input::Clock);
        }
    }

    fn kinds(&self) -> Vec<String> {
        let about = |e: &&crate::journal::Entry| e.kind.starts_with("subagent-") || e.body.contains("subagents-down");
        self.journal.entries().iter().filter(about).map(|e| e.kind.clone()).collect()
    }

    fn stands(&self, number: u8) -> &'static str {
        self.domain.state().subagents.get(&agent(number)).map_or("unknown", |m| m.standing.name())
    }

    fn count(&self, number: u8, outcome: &'static str) -> u64 {
        self.domain.subagents().counts().get(&(agent(number), outcome)).copied().unwrap_or(0)
    }

    fn view(&self, number: u8) -> SubagentView {
        let view = self.domain.subagents_view(self.now);
        view.subagents.into_iter().find(|s| s.id == agent(number).to_string()).unwrap()
    }

    /// What GL-023 would be told now of the steam of the south.
    fn load_of_south(&self, fleet: &Fleet) -> BTreeMap<String, Number> {
        inputs::inputs(fleet, self.domain.image(), Kind::HeatLoad, "south.steam", self.now)
    }

    /// The same a second later, with these meters bad.
    fn load_with(&mut self, bad: &[&'static str]) -> BTreeMap<String, Number> {
        self.bad = bad.to_vec();
        self.seconds(1);
        self.load_of_south(&Arc::clone(&self.fleet))
    }

    fn taken(&mut self) -> Vec<Task> {
        std::mem::take(&mut self.tasks)
    }

    fn is_the_fold_of_its_journal(&self) {
        let entries = self.journal.entries();
        let events: Vec<Recorded> = entries.iter().map(|e| Event::read(e).unwrap()).collect();
        assert_eq!(&State::fold(&events), self.domain.state());
    }
}

#[test]
fn an_agent_comes_is_doubted_goes_and_comes_back_by_registering_alone() {
    let mut r = room();
    r.seconds(2);
    r.beat(FLUE, 1, 1.0);
    r.seconds(2);
    assert_eq!((r.stands(FLUE), r.taken().len()), ("unknown", 0), "nobody is asked that did not register");
    r.comes(FLUE, 1);
    r.seconds(1);
    assert_eq!(r.stands(FLUE), "healthy");
    assert_eq!(r.taken().len(), 3, "one for each boiler of the fleet");
    for _ in 0..4 {
        r.seconds(10);
        r.beat(FLUE, 1, 1.0);
        assert_eq!(r.stands(FLUE), "healthy", "a beat each ten seconds is enough");
    }
    r.seconds(14);
    assert_eq!(r.stands(FLUE), "healthy");
    r.seconds(1);
    assert_eq!(r.stands(FLUE), "degraded", "one is late");
    r.seconds(14);
    assert_eq!(r.stands(FLUE), "degraded");
    r.taken();
    r.seconds(1);
    assert_eq!(r.stands(FLUE), "removed", "three are missed");
    assert_eq!(r.view(FLUE).why.as_deref(), Some("no heartbeat for 30 s: 3 missed"));
    r.beat(FLUE, 1, 1.0);
    r.seconds(15);
    assert_eq!((r.stands(FLUE), r.taken().len()), ("removed", 0), "a beat does not bring it back");
    r.comes(FLUE, 2);
    r.seconds(1);
    assert_eq!((r.stands(FLUE), r.taken().len()), ("healthy", 3));
    let kinds = [
        "subagent-registered",
        "subagent-started",
        "subagent-degraded",
        "subagent-removed",
        "subagent-registered",
        "subagent-started",
    ];
    assert_eq!(r.kinds(), kinds, "what was decided, and no beat");
    // The same again says nothing new; another version does.
    r.register(FLUE, "1");
    r.seconds(1);
    assert_eq!(r.kinds().len(), 6);
    r.register(FLUE, "2");
    r.seconds(1);
    assert_eq!((r.kinds().len(), r.view(FLUE).version.as_deref()), (7, Some("2")));
    r.is_the_fold_of_its_journal();
}

#[test]
fn a_task_says_what_it_is_about_and_cites_what_led_to_it() {
    let mut r = room();
    r.seconds(2);
    r.bad = vec!["north.b2.stack"];
    r.seconds(1);
    r.comes(FLUE, 1);
    r.seconds(1);
    let tasks = r.taken();
    let b2 = tasks.iter().find(|t| t.subject == "north.b2").unwrap();
    assert_eq!((b2.epoch, b2.plant.as_str(), b2.kind, b2.id.as_str()), (7, "north", Kind::FlueGas, "7-2"));
    assert_eq!(b2.deadline.0.since(b2.issued.0), 5_000);
    assert!(tasks.iter().all(|t| t.correlation == b2.correlation), "one round");
    let cited: u64 = b2.causation.strip_prefix("journal/").unwrap().parse().unwrap();
    assert!(cited > 0 && cited <= r.domain.head().seq);
    assert_eq!(b2.good("o2"), Some(4.0));
    assert_eq!(b2.inputs["o2"].unit, "%");
    let stack = &b2.inputs["stack"];
    assert_eq!(
        (stack.value, stack.reason.as_deref()),
        (None, Some("device-error")),
        "what is bad does not travel as a number"
    );
    r.seconds(9);
    assert!(r.taken().is_empty(), "the period is ten seconds");
    r.seconds(2);
    assert_eq!(r.taken().len(), 3);
    // The load of each header; its demand is what its consumers ask for and what leaves it.
    r.comes(23, 1);
    r.seconds(1);
    let steam = r.taken().into_iter().find(|t| t.subject == "south.steam").unwrap();
    // Five consumers of 4 MW; of the 4 MW that the main brings 3 % are lost, and half of 0.1 MW of standing loss.
    assert!((steam.good("demand").unwrap() - (20.0 - 4.0 * 0.97 + 0.05)).abs() < 1e-9, "{:?}", steam.inputs["demand"]);
    assert_eq!(steam.good("b1.available"), Some(1.0), "a state of 4 is on");
    // 38 EUR/MWh and 0.202 t of 70 EUR.
    assert!((steam.good("b1.price").unwrap() - 52.14).abs() < 1e-9);
    r.bad = vec!["south.line.asked"];
    for _ in 0..7 {
        r.seconds(9);
        r.beat(23, 1, 1.0);
    }
    let steam = r.taken().into_iter().rfind(|t| t.subject == "south.steam").unwrap();
    assert_eq!(steam.inputs["demand"].reason.as_deref(), Some("south.line.asked: device-error"));
}

/// The small fleet with its only boiler in the south changed.
fn with_b1(fleet: &Fleet, change: impl Fn(&mut Source)) -> Fleet {
    let mut fleet = fleet.clone();
    let sources = fleet.plants.iter_mut().flat_map(|p| &mut p.sources);
    sources.filter(|s| s.id.as_str() == "south.b1").for_each(change);
    fleet
}

#[test]
fn an_efficiency_whose_meters_cannot_be_used_is_no_number() {
    let mut r = room();
    r.seconds(2);
    // 4 MW of heat at 80 %: 5 MW of fuel at 0.01 MW for one Nm3/h. The curve would say 90.5 % at this load.
    r.values.insert("south.b1.fuel", 500.0);
    let close =
        |n: &Number, percent: f64| n.quality == Mark::Good && n.value.is_some_and(|v| (v - percent).abs() < 1e-9);
    let bad = |n: &Number, why: &str| n.quality == Mark::Bad && n.value.is_none() && n.reason.as_deref() == Some(why);
    let told = r.load_with(&[]);
    assert!(close(&told["b1.efficiency"], 80.0), "{:?}", told["b1.efficiency"]);
    for meter in ["south.b1.fuel", "south.b1.heat"] {
        let told = r.load_with(&[meter]);
        assert!(bad(&told["b1.efficiency"], &format!("{meter}: device-error")), "{:?}", told["b1.efficiency"]);
    }
    let told = r.load_with(&["south.b1.heat"]);
    assert!(bad(&told["b1.load"], "device-error"), "{:?}", told["b1.load"]);
    assert!(close(&told["wh1.efficiency"], 100.0), "others are not touched by it");
    // Each meter is good by itself, and one of them is wrong.
    r.values.insert("south.b1.fuel", 40.0);
    let told = r.load_with(&[]);
    let why = "south.b1.heat, south.b1.fuel: 4.00 MW of heat from 0.40 MW of fuel";
    assert!(bad(&told["b1.efficiency"], why), "{:?}", told["b1.efficiency"]);

    // The curve serves one that has no meter of its fuel,
    let unmetered = with_b1(&r.fleet, |s| drop(s.meters.remove(&Meter::Fuel)));
    let told = r.load_of_south(&unmetered);
    assert!(close(&told["b1.efficiency"], 90.5), "{:?}", told["b1.efficiency"]);
    // one that carries less than its least load,
    r.values.insert("south.b1.heat", 1.0);
    let told = r.load_with(&["south.b1.fuel"]);
    assert!(close(&told["b1.efficiency"], 88.5), "{:?}", told["b1.efficiency"]);
    // and one that is off.
    r.values.insert("south.b1.state", f64::from(SourceState::Off as u8));
    let told = r.load_with(&["south.b1.fuel", "south.b1.heat"]);
    assert!(close(&told["b1.efficiency"], 88.5), "{:?}", told["b1.efficiency"]);
    assert_eq!(told["b1.available"].value, Some(0.0));
}

#[test]
fn the_most_that_a_unit_may_give_is_what_dispatch_uses() {
    let mut r = room();
    r.seconds(2);
    let range = |fleet: &Fleet| {
        let told = r.load_of_south(fleet);
        ["b1.min", "b1.cap"].map(|name| told[name].value.expect("a number"))
    };
    assert_eq!(range(&r.fleet), [2.0, 9.0], "nine tenths of 10 MW");
    assert_eq!(range(&with_b1(&r.fleet, |s| s.proven_mw = 6.0)), [2.0, 6.0]);
    assert_eq!(range(&with_b1(&r.fleet, |s| s.proven_mw = 1.5)), [1.5, 1.5], "it is not kept above its most");
}

#[test]
fn only_the_first_whole_answer_in_time_of_who_was_asked_counts() {
    let mut r = Room { answering: false, ..room() };
    r.seconds(2);
    r.comes(FLUE, 1);
    r.seconds(1);
    let tasks = r.taken();
    let mut foreign = r.answer(&tasks[0]);
    foreign.agent = agent(BOILER);
    r.say(Coordination::Report(foreign));
    let mut unknown = r.answer(&tasks[0]);
    unknown.task = "7-999".into();
    r.say(Coordination::Report(unknown.clone()));
    unknown.task = "no id of ours".into();
    r.say(Coordination::Report(unknown.clone()));
    unknown.task = "6-1".into();
    r.say(Coordination::Report(unknown));
    assert_eq!(r.view(FLUE).last_result, None, "none of these is used");
    let good = r.answer(&tasks[0]);
    r.say(Coordination::Report(good.clone()));
    r.say(Coordination::Report(good));
    let mut wrong = r.answer(&tasks[1]);
    wrong.values.get_mut("stack-loss").unwrap().unit = "K".into();
    r.say(Coordination::Report(wrong));
    r.seconds(5);
    let late = r.answer(&tasks[2]);
    r.seconds(1);
    r.say(Coordination::Report(late));
    let counted: Vec<u64> = ["done", "foreign", "unknown", "old-epoch", "duplicate", "invalid", "timeout", "late"]
        .map(|o| r.count(FLUE, o))
        .into();
    assert_eq!(counted, [1, 0, 2, 1, 1, 1, 1, 1]);
    assert_eq!(r.count(BOILER, "foreign"), 1, "counted with who answered");
    let view = r.view(FLUE);
    assert_eq!(view.results.len(), 1);
    assert_eq!(view.last_result.unwrap().subject, tasks[0].subject);
    assert_eq!(view.last_failure.unwrap().code, "GL-E-AGENT-TIMEOUT");
}

#[test]
fn answers_that_break_their_kind_are_told_why() {
    let mut r = Room { answering: false, ..room() };
    r.seconds(2);
    r.comes(FLUE, 1);
    r.seconds(1);
    let change: [fn(&mut Report); 4] = [
        |x| drop(x.values.remove("stack-loss")),
        |x| drop(x.values.insert("colour".into(), Number::good(1.0, "1"))),
        |x| x.values.get_mut("stack-loss").unwrap().value = Some(400.0),
        |x| *x.values.get_mut("air-ratio").unwrap() = Number::bad("1", "tired"),
    ];
    let words = [
        "has no 'stack-loss'",
        "'colour' is no value of flue-gas",
        "is 400, outside of -5 to 100",
        "'air-ratio' has no number",
    ];
    for (change, words) in change.into_iter().zip(words) {
        r.tasks.clear();
        r.seconds(10);
        r.beat(FLUE, 1, 1.0);
        let tasks = r.taken();
        for well in &tasks[1..] {
            let report = r.answer(well);
            r.say(Coordination::Report(report));
        }
        let mut report = r.answer(&tasks[0]);
        change(&mut report);
        r.say(Coordination::Report(report));
        let failure = r.view(FLUE).last_failure.unwrap();
        assert!(failure.code == "GL-E-AGENT-OUTPUT-INVALID" && failure.reason.contains(words), "{failure:?}");
    }
}

#[test]
fn a_task_whose_agent_was_started_anew_or_vanished_ends_as_a_crash() {
    let mut r = Room { answering: false, ..room() };
    r.seconds(2);
    r.comes(FLUE, 5);
    r.seconds(1);
    let tasks = r.taken();
    r.beat(FLUE, 4, 1.0);
    assert_eq!(r.count(FLUE, "crash"), 0, "a beat of an earlier start is nothing new");
    r.comes(FLUE, 6);
    r.seconds(1);
    assert_eq!((r.count(FLUE, "crash"), r.stands(FLUE)), (3, "healthy"));
    assert_eq!(r.view(FLUE).last_failure.unwrap().code, "GL-E-AGENT-CRASH");
    let late = r.answer(&tasks[0]);
    r.say(Coordination::Report(late));
    assert_eq!((r.count(FLUE, "lost"), r.view(FLUE).last_result), (1, None));
    assert_eq!(r.domain.state().subagents[&agent(FLUE)].boot, Some(6));
    r.is_the_fold_of_its_journal();
}

#[test]
fn after_failures_in_a_row_an_agent_rests_and_is_then_asked_once() {
    let mut r = Room { answering: false, ..room() };
    r.seconds(2);
    r.comes(FLUE, 1);
    // Nothing is answered: three time out after five seconds, three more ten seconds later.
    for _ in 0..2 {
        r.seconds(10);
        r.beat(FLUE, 1, 1.0);
    }
    assert_eq!((r.count(FLUE, "timeout"), r.stands(FLUE)), (6, "degraded"));
    assert_eq!(r.view(FLUE).why.as_deref(), Some("5 tasks in a row failed"));
    r.taken();
    for _ in 0..5 {
        r.seconds(10);
        r.beat(FLUE, 1, 1.0);
    }
    assert!(r.taken().is_empty(), "its breaker is open for a minute");
    while r.tasks.is_empty() {
        r.seconds(1);
    }
    r.beat(FLUE, 1, 1.0);
    let probe = r.taken();
    assert_eq!(probe.len(), 1, "one task, to see");
    let answer = r.answer(&probe[0]);
    r.say(Coordination::Report(answer));
    r.seconds(1);
    assert_eq!(r.stands(FLUE), "healthy");
    assert_eq!(r.taken().len(), 3 - 1, "the others are due at once");
    r.is_the_fold_of_its_journal();
}

#[test]
fn an_agent_that_says_that_it_fails_is_degraded_until_it_does_not() {
    let mut r = room();
    r.seconds(2);
    r.register(FLUE, "1");
    r.beat(FLUE, 1, 0.79);
    r.seconds(1);
    assert_eq!(r.stands(FLUE), "degraded");
    assert_eq!(r.view(FLUE).why.as_deref(), Some("it did 79 % of its tasks well, 80 % are expected"));
    r.beat(FLUE, 1, 0.8);
    r.seconds(1);
    assert_eq!(r.stands(FLUE), "healthy");
}

#[test]
fn the_last_good_answer_stays_and_is_marked_stale_with_its_age() {
    let mut r = room();
    r.seconds(2);
    r.comes(FLUE, 1);
    r.seconds(2);
    let subject = r.taken()[0].subject.clone();
    let shown = |r: &Room| r.view(FLUE).results.into_iter().find(|x| x.subject == subject).unwrap();
    let fresh = shown(&r);
    assert!(!fresh.stale && fresh.age_ms == 0 && fresh.values["stack-loss"].value == Some(1.0));
    r.seconds(8);
    r.beat(FLUE, 1, 1.0);
    r.taken();
    r.answering = false;
    r.seconds(1);
    let again = r.taken().into_iter().find(|t| t.subject == subject).unwrap();
    let none = |r: &Room, task: &Task, outcome, reason: &str| {
        let report = Report { outcome, values: BTreeMap::new(), reason: Some(reason.into()), ..r.answer(task) };
        Coordination::Report(report)
    };
    r.say(none(&r, &again, Outcome::Failed, "a bug"));
    assert_eq!(r.view(FLUE).last_failure.unwrap().reason, "a bug");
    assert_eq!(shown(&r).values["stack-loss"].value, Some(1.0), "the last good one");
    r.answering = true;
    r.seconds(20);
    let old = shown(&r);
    assert!(old.stale && old.values["stack-loss"].value == Some(1.0), "its agent is silent");
    r.taken();
    r.answering = false;
    r.comes(FLUE, 1);
    r.seconds(1);
    // Cannot tell is an answer, and none to hide.
    let again = r.taken().into_iter().find(|t| t.subject == subject).unwrap();
    r.say(none(&r, &again, Outcome::CannotTell, "no o2"));
    let blind = shown(&r);
    assert_eq!((blind.outcome, blind.reason.as_deref(), blind.stale), ("cannot-tell", Some("no o2"), false));
    // Nor does what was true before it come back behind a failure.
    r.seconds(10);
    r.beat(FLUE, 1, 1.0);
    let again = r.taken().into_iter().rfind(|t| t.subject == subject).unwrap();
    r.say(none(&r, &again, Outcome::Failed, "a bug"));
    let failed = shown(&r);
    assert_eq!((failed.outcome, failed.values.len()), ("failed", 0));
}

#[test]
fn several_of_one_group_gone_together_are_one_alarm() {
    let mut r = room();
    r.seconds(2);
    // Four of one group, two of another.
    let (steam, flue) = ([2, 3, 8, 12], [4, 5]);
    for number in steam.iter().chain(&flue) {
        r.comes(*number, 1);
    }
    r.seconds(35);
    assert!(steam.iter().chain(&flue).all(|n| r.stands(*n) == "removed"));
    let alarms = |r: &Room| r.kinds().into_iter().filter(|k| k.starts_with("alarm-")).collect::<Vec<_>>();
    assert_eq!(alarms(&r), ["alarm-raised"]);
    assert!(r.domain.state().alarm_stands("subagents-down.boiler_steam"));
    // Heat is not touched by it: the page of a lost boiler would send a tired person to the wrong place.
    let page = r.domain.state().alarms["subagents-down.boiler_steam"].runbook.clone().expect("a page").to_string();
    let text = std::fs::read_to_string(format!("{}/../runbooks/{page}.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(text.contains("Heat does not depend on them"), "{page}");
    r.comes(2, 2);
    r.seconds(1);
    r.beat(2, 2, 1.0);
    assert!(r.domain.state().alarm_stands("subagents-down.boiler_steam"), "three are gone still");
    r.comes(3, 2);
    r.seconds(1);
    assert_eq!(alarms(&r), ["alarm-raised", "alarm-cleared"]);
    // One after the other, more than the window apart: no cascade.
    for number in [2, 3, 8, 12] {
        r.comes(number, 3);
        r.seconds(1);
    }
    for silent in 0..4 {
        for _ in 0..8 {
            [2, 3, 8, 12][silent + 1..].iter().for_each(|n| r.beat(*n, 3, 1.0));
            r.seconds(9);
        }
    }
    assert!(steam.iter().all(|n| r.stands(*n) == "removed"));
    assert_eq!(alarms(&r).len(), 2);
    r.is_the_fold_of_its_journal();
}

#[test]
fn a_new_leader_gives_every_member_a_whole_lease_and_takes_no_answer_to_the_old_one() {
    let mut r = Room { answering: false, ..room() };
    r.seconds(2);
    r.comes(FLUE, 1);
    r.seconds(1);
    let old = r.taken();
    let entries = r.journal.entries();
    let events: Vec<Recorded> = entries.iter().map(|e| Event::read(e).unwrap()).collect();
    let key = SigningKey::from_bytes(&[3; 32]);
    // A minute without any leader.
    r.now = r.now.plus(60_000);
    r.domain = Domain::new(Arc::clone(&r.fleet), key, Judges::ours(), 8, State::fold(&events), r.domain.head());
    r.seconds(10);
    assert_eq!(r.stands(FLUE), "healthy");
    assert_eq!(r.taken().len(), 3, "it is asked at once");
    let answer = r.answer(&old[0]);
    r.say(Coordination::Report(answer));
    assert_eq!((r.count(FLUE, "old-epoch"), r.view(FLUE).last_result), (1, None));
    r.seconds(21);
    assert_eq!(r.stands(FLUE), "removed", "it was not heard of for 30 s of this leader");
}

#[test]
fn all_of_the_catalogue_are_shown_and_those_never_seen_as_unknown() {
    let r = room();
    let view = r.domain.subagents_view(r.now);
    assert_eq!(view.subagents.len(), 99);
    assert!(view.subagents.iter().all(|s| s.state == "unknown" && s.last_result.is_none() && s.registered.is_none()));
}
