use super::super::judge;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const TIMING: Timing = Timing { lease_ms: 3000, longest_ms: 5700, renew_ms: 1000, look_ms: 500, reach_ms: 5000 };

fn replica(id: &str) -> Replica {
    Replica { id: id.into(), address: format!("http://{id}") }
}

/// A database in memory, and what the machines do with it when each effect is answered at once.
#[derive(Default)]
struct Database(Option<Lease>);

impl Database {
    /// Runs one input to its end; what was said about leading.
    fn run(&mut self, machine: &mut Election, now: u64, input: Input) -> Vec<Effect> {
        let (mut said, mut inputs) = (Vec::new(), vec![input]);
        while let Some(input) = inputs.pop() {
            for effect in machine.handle(now, input) {
                match effect {
                    Effect::Look => inputs.push(Input::Seen(self.0.clone())),
                    Effect::Swap { seen, next } => {
                        let done = judge(self.0.as_ref(), seen.as_ref(), &next, 0).expect("epochs rise");
                        if done {
                            self.0 = Some(next);
                        }
                        inputs.push(Input::Swapped(done));
                    }
                    said_of_it => said.push(said_of_it),
                }
            }
        }
        said
    }
}

fn standing(id: &str, now: u64) -> Election {
    let mut machine = Election::new(replica(id), TIMING, now);
    machine.handle(now, Input::Reach(true));
    machine
}

#[test]
fn the_first_leads_at_once_and_the_second_when_it_has_seen_it_stand_still() {
    let mut database = Database::default();
    // The clocks have nothing to do with each other.
    let (mut a, mut b) = (standing("a", 0), standing("b", 90_000));
    assert_eq!(database.run(&mut a, 0, Input::Tick), [Effect::Lead { epoch: 1 }]);
    for t in (0..20_000).step_by(100) {
        database.run(&mut a, t, Input::Tick);
        assert_eq!(database.run(&mut b, 90_000 + t, Input::Tick), []);
        assert_eq!(a.leads(t), Some(1));
        assert_eq!(b.leader(90_000 + t).map(|(r, e)| (r.id.as_str(), e)), Some(("a", 1)));
    }
    // From here on `a` is stopped.
    let mut led = None;
    for t in (20_000..30_000).step_by(100) {
        if database.run(&mut b, 90_000 + t, Input::Tick) == [Effect::Lead { epoch: 2 }] {
            led.get_or_insert(t - 20_000);
            assert_eq!(a.leads(t), None, "its lease ran out before another could have it");
        }
    }
    let led = led.expect("another leads");
    // Its last renewal was up to a second before.
    assert!((2_000..4_000).contains(&led), "{led} ms");
    let said = database.run(&mut a, 30_000, Input::Tick);
    assert!(matches!(&said[..], [Effect::Stop { reason }] if reason.contains("has taken")), "{said:?}");
    assert_eq!(database.run(&mut a, 30_000, Input::Tick), []);
    assert_eq!(a.leader(30_000).map(|(r, e)| (r.id.as_str(), e)), Some(("b", 2)));
}

#[test]
fn a_lease_that_was_given_up_or_is_ones_own_from_before_is_taken_at_once() {
    let mut database = Database::default();
    let (mut a, mut b) = (standing("a", 0), standing("b", 0));
    database.run(&mut a, 0, Input::Tick);
    database.run(&mut b, 100, Input::Tick);
    assert!(matches!(&database.run(&mut a, 200, Input::Leave)[..], [Effect::Stop { .. }]));
    assert_eq!(database.run(&mut a, 1_000, Input::Tick), [], "who leaves does not stand again");
    assert_eq!(database.run(&mut b, 600, Input::Tick), [Effect::Lead { epoch: 2 }]);
    let mut again = standing("b", 0);
    assert_eq!(database.run(&mut again, 10, Input::Tick), [Effect::Lead { epoch: 3 }]);
    assert!(matches!(&database.run(&mut b, 1_600, Input::Tick)[..], [Effect::Stop { .. }]));
}

#[test]
fn who_was_deposed_rests_and_asks_above_what_was_heard() {
    let mut database = Database::default();
    let mut a = standing("a", 0);
    database.run(&mut a, 0, Input::Tick);
    database.run(&mut a, 100, Input::Heard { epoch: 41 });
    let said = database.run(&mut a, 100, Input::Deposed { reason: "an edge knows 41".into() });
    assert!(matches!(&said[..], [Effect::Stop { reason }] if reason == "an edge knows 41"));
    assert!(database.0.as_ref().is_some_and(|l| l.given_up), "others need not wait for it");
    assert_eq!(database.run(&mut a, 3_000, Input::Tick), []);
    assert_eq!(database.run(&mut a, 3_600, Input::Tick), [Effect::Lead { epoch: 42 }]);
}

#[test]
fn without_the_broker_nobody_stands_and_a_leader_lets_another_try() {
    let mut database = Database::default();
    let mut a = Election::new(replica("a"), TIMING, 0);
    assert_eq!(database.run(&mut a, 1_000, Input::Tick), []);
    database.run(&mut a, 2_000, Input::Reach(true));
    assert_eq!(database.run(&mut a, 2_000, Input::Tick), [Effect::Lead { epoch: 1 }]);
    database.run(&mut a, 3_000, Input::Reach(false));
    for t in (3_000..8_000).step_by(500) {
        assert_eq!(database.run(&mut a, t, Input::Tick), [], "a short loss is none at {t}");
    }
    assert!(matches!(&database.run(&mut a, 8_000, Input::Tick)[..], [Effect::Stop { .. }]));
    assert!(database.0.as_ref().is_some_and(|l| l.given_up));
}

#[test]
fn a_renewal_without_an_answer_is_looked_after_and_does_not_prolong_the_lease() {
    let mut database = Database::default();
    let mut a = standing("a", 0);
    database.run(&mut a, 0, Input::Tick);
    let effects = a.handle(1_000, Input::Tick);
    let [Effect::Swap { next, .. }] = &effects[..] else { panic!("{effects:?}") };
    // It was stored, and the answer was lost.
    database.0 = Some(next.clone());
    a.handle(1_500, Input::NoAnswer("time-out".into()));
    assert_eq!(a.until(), Some(3_000));
    // A renewal on the old sight of it would be refused; so it is read first, and that prolongs nothing.
    assert_eq!(a.handle(2_000, Input::Tick), [Effect::Look]);
    assert_eq!(a.until(), Some(3_000));
    let effects = a.handle(2_100, Input::Seen(database.0.clone()));
    assert!(matches!(&effects[..], [Effect::Swap { seen, .. }] if *seen == database.0), "{effects:?}");
    assert_eq!(a.until(), Some(3_000));
    a.handle(2_200, Input::Swapped(true));
    // What was asked for at 2,100, as long as twice the 2,200 ms that it took.
    assert_eq!(a.until(), Some(5_100));
}

/// A replica of a slow machine: what it asks of the database takes its time there and back, and meanwhile it does nothing
/// else.
struct Slowly {
    machine: Election,
    /// The clock's reading at the beginning, and by how many thousandths it runs too fast.
    clock: (u64, i64),
    /// When the database does what was asked, until then not done; and when the answer is there.
    waits: Option<(u64, Effect)>,
    answer: Option<(u64, Input)>,
}

impl Slowly {
    fn new(id: &str, timing: Timing, clock: (u64, i64)) -> Slowly {
        let mut machine = Election::new(replica(id), timing, clock.0);
        machine.handle(clock.0, Input::Reach(true));
        Slowly { machine, clock, waits: None, answer: None }
    }

    fn now(&self, t: u64) -> u64 {
        self.clock.0 + (t as i64 * (1000 + self.clock.1) / 1000) as u64
    }

    fn leads(&self, t: u64) -> bool {
        self.machine.leads(self.now(t)).is_some()
    }

    /// Goes on at this moment; `there` and `back` are what a request that is made now takes. The epochs in which it leads.
    fn step(&mut self, t: u64, database: &mut Database, there: u64, back: u64, cut: bool) -> Vec<u64> {
        let (now, mut led) = (self.now(t), Vec::new());
        let mut inputs = Vec::new();
        if let Some((_, effect)) = self.waits.take_if(|(at, _)| *at <= t) {
            let answer = match effect {
                Effect::Swap { seen, next } => match judge(database.0.as_ref(), seen.as_ref(), &next, 0) {
                    Ok(done) => {
                        if done {
                            database.0 = Some(next);
                        }
                        Input::Swapped(done)
                    }
                    Err(_) => Input::TooLow { highest: database.0.as_ref().map_or(0, |l| l.epoch) },
                },
                _ => Input::Seen(database.0.clone()),
            };
            let (at, _) = self.answer.take().expect("what waits has a time for its answer");
            self.answer = Some((at, answer));
        }
        match self.answer.take_if(|(at, _)| *at <= t) {
            Some((_, answer)) => inputs.push(answer),
            None if self.answer.is_some() => return led,
            None => inputs.push(Input::Tick),
        }
        while let Some(input) = inputs.pop() {
            for effect in self.machine.handle(now, input) {
                match effect {
                    Effect::Lead { epoch } => led.push(epoch),
                    Effect::Stop { .. } => {}
                    _ if cut => inputs.push(Input::NoAnswer("cut off".into())),
                    asked => {
                        self.waits = Some((t + there, asked));
                        // Until the database has done it, nobody knows what the answer is.
                        self.answer = Some((t + there + back, Input::NoAnswer(String::new())));
                    }
                }
            }
        }
        led
    }
}

/// Two replicas on a database that takes `slow` ms for each request from the 20th second to the fifth minute; how many
/// leaderships there were.
fn leaderships(timing: Timing, slow: impl Fn(u64) -> u64) -> usize {
    let mut database = Database::default();
    let mut both = [Slowly::new("a", timing, (0, 0)), Slowly::new("b", timing, (9_000, 0))];
    let mut led = Vec::new();
    for t in (0..300_000).step_by(100) {
        for (i, one) in both.iter_mut().enumerate() {
            let took = if t < 20_000 { 0 } else { slow(t / 100 + 7 * i as u64) };
            led.extend(one.step(t, &mut database, took / 2, took / 2, false));
        }
        assert!(both.iter().filter(|one| one.leads(t)).count() <= 1, "two lead at {t}");
    }
    led.len()
}

#[test]
fn a_slow_database_moves_leadership_once_at_most_where_a_short_lease_moves_it_all_the_time() {
    // From half a second to four, in no order.
    let slow = |n: u64| 500 + (n.wrapping_mul(2_654_435_761) >> 7) % 3_500;
    let fixed = Timing { longest_ms: TIMING.lease_ms, ..TIMING };
    let (follows, stays) = (leaderships(TIMING, slow), leaderships(fixed, slow));
    assert!(follows <= 2, "{follows} leaderships");
    assert!(stays > 5, "a short lease had {stays} leaderships, so this shows nothing");
}

#[test]
fn who_was_slow_asks_for_a_longer_lease_and_another_waits_for_what_stands_in_it() {
    let mut database = Database::default();
    let (mut a, mut b) = (standing("a", 0), standing("b", 0));
    database.run(&mut a, 0, Input::Tick);
    // It comes to its renewal when its lease has all but run out, and is held up no more.
    database.run(&mut a, 2_600, Input::Tick);
    assert_eq!(a.until(), Some(5_600), "this one was asked for before anything was slow");
    database.run(&mut a, 3_600, Input::Tick);
    let length_ms = database.0.as_ref().map_or(0, |l| l.length_ms);
    assert!((5_000..5_200).contains(&length_ms), "{length_ms}");
    assert_eq!(a.until(), Some(3_600 + length_ms));
    // From here on it is stopped.
    let mut led = None;
    for t in (3_600..12_000).step_by(100) {
        if database.run(&mut b, t, Input::Tick) == [Effect::Lead { epoch: 2 }] {
            led.get_or_insert(t - 3_600);
        }
    }
    let led = led.expect("another leads");
    assert!((length_ms + length_ms / 20..length_ms + 1_300).contains(&led), "{led}");
    let taken = database.0.as_ref().map_or(0, |l| l.length_ms);
    assert!(taken > 4_500, "what was slow for the one is taken for slow for the other: {taken}");
}

#[test]
fn one_that_has_run_out_may_not_act_and_goes_on_in_its_epoch_if_nobody_has_it() {
    let mut database = Database::default();
    let mut a = standing("a", 0);
    database.run(&mut a, 0, Input::Tick);
    assert_eq!((a.leads(2_999), a.leads(3_000), a.leader(3_000)), (Some(1), None, None));
    let effects = a.handle(3_500, Input::Tick);
    let [Effect::Swap { seen, next }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((seen, next.epoch), (&database.0, 1));
    assert_eq!(a.leads(3_500), None, "asking is not having");
    a.handle(3_600, Input::Swapped(true));
    assert_eq!((a.leads(3_600), a.until()), (Some(1), Some(6_500)));
    // It asks once: without an answer it stands back.
    a.handle(6_600, Input::Tick);
    let said = a.handle(6_700, Input::NoAnswer("time-out".into()));
    assert!(matches!(&said[..], [Effect::Stop { reason }] if reason.contains("in time")), "{said:?}");
}

#[test]
fn who_waits_for_a_slow_database_is_left_time_for_something_else() {
    let mut a = standing("a", 0);
    a.handle(0, Input::Tick);
    // Whoever asks for the lease does so at once.
    assert!(matches!(&a.handle(800, Input::Seen(None))[..], [Effect::Swap { .. }]));
    assert_eq!(a.handle(900, Input::Swapped(true)), [Effect::Lead { epoch: 1 }]);
    assert!(!a.renews(1_700) && a.renews(1_800), "a second after it was asked for");
    assert!(matches!(&a.handle(1_800, Input::Tick)[..], [Effect::Swap { .. }]));
    a.handle(3_300, Input::Swapped(true));
    assert!(
        !a.renews(3_300) && !a.renews(3_700) && a.renews(3_800),
        "an answer that took longer is not renewed at once"
    );
    let mut b = standing("b", 0);
    assert_eq!(b.handle(0, Input::Tick), [Effect::Look]);
    let lease = Lease { epoch: 1, holder: replica("a"), renewals: 0, given_up: false, length_ms: 3_000 };
    b.handle(1_500, Input::Seen(Some(lease)));
    assert_eq!((b.handle(1_900, Input::Tick), b.handle(2_000, Input::Tick)), (vec![], vec![Effect::Look]));
}

#[test]
fn a_shorter_lease_that_may_stand_there_already_binds_its_holder_before_the_answer() {
    let mut a = standing("a", 0);
    a.handle(0, Input::Tick);
    a.handle(0, Input::Seen(None));
    a.handle(0, Input::Swapped(true));
    a.handle(2_500, Input::Tick);
    a.handle(2_600, Input::Swapped(true));
    a.handle(3_500, Input::Tick);
    a.handle(3_500, Input::Swapped(true));
    let before = a.until().expect("it leads");
    assert!(before > 8_600, "{before}");
    // A minute's forgetting while nothing is renewed would make it shorter; here by a renewal right after the last.
    a.pace = Pace::new(3_500);
    a.handle(4_500, Input::Tick);
    assert_eq!(a.until(), Some(7_500), "another may have seen this one");
}

proptest! {
    /// Three replicas of three clocks that run by a twentieth apart, on a slow database, stopped, cut off, deposed and
    /// restarted at random: at no moment do two lead, no epoch is led twice, no lease is beyond its bounds, and when all is
    /// well again somebody leads.
    #[test]
    fn never_two(steps in prop::collection::vec((0usize..3, 0u8..12, 100u64..900, 0u64..3_000), 20..120)) {
        let mut database = Database::default();
        let clocks = [(0, 0), (1_000_000, 24), (77, -24)];
        let begun = |i: usize, t: u64| {
            let fresh = Slowly::new(["a", "b", "c"][i], TIMING, clocks[i]);
            Slowly { machine: standing(["a", "b", "c"][i], fresh.now(t)), ..fresh }
        };
        let mut all = [0, 1, 2].map(|i| begun(i, 0));
        let (mut stopped, mut lost) = ([0u64; 3], [0u64; 3]);
        let (mut epochs, mut t, quiet) = (BTreeSet::new(), 0, steps.len());
        let calm = std::iter::repeat_n((0usize, 11u8, 100u64, 0u64), 200);
        for (n, (who, what, ms, takes)) in steps.into_iter().chain(calm).enumerate() {
            match what {
                0 => stopped[who] = t + 8 * ms,
                1 => lost[who] = t + 8 * ms,
                2 => all[who] = begun(who, t),
                3 if all[who].answer.is_none() => {
                    let now = all[who].now(t);
                    database.run(&mut all[who].machine, now, Input::Deposed { reason: "x".into() });
                }
                _ => {}
            }
            if n == quiet {
                (stopped, lost) = ([0; 3], [0; 3]);
            }
            let end = t + ms;
            while t < end {
                t += 100;
                for i in 0..3 {
                    if t < stopped[i] {
                        continue;
                    }
                    for epoch in all[i].step(t, &mut database, takes / 3, takes - takes / 3, t < lost[i]) {
                        prop_assert!(epochs.insert(epoch), "epoch {} twice", epoch);
                    }
                }
                let leading = all.iter().filter(|one| one.leads(t)).count();
                prop_assert!(leading <= 1, "{leading} lead at {t}");
                let length_ms = database.0.as_ref().map_or(TIMING.lease_ms, |l| l.length_ms);
                prop_assert!((TIMING.lease_ms..=TIMING.longest_ms).contains(&length_ms), "{length_ms}");
            }
        }
        prop_assert!(all.iter().any(|one| one.leads(t)), "nobody leads in the end");
    }
}
