//! Alarms from their raising to their end, with the people who take note of them.

use super::*;
use crate::domain::alarms::{Acknowledgement, AlarmView, DISPATCH_FAILING, JOURNAL_FORK};

impl Bench {
    fn listed(&self, alarm: &str) -> Option<AlarmView> {
        self.domain.alarm_views().into_iter().find(|a| a.id == alarm)
    }

    fn state_is(&self, alarm: &str) -> Option<&'static str> {
        self.listed(alarm).map(|a| a.state)
    }

    fn acknowledge(&mut self, alarm: &str, raised: Millis) -> Result<String, Rejection> {
        let what = Acknowledgement { user: "ada".into(), alarm: alarm.into(), raised };
        self.input(Input::Acknowledge { request: 9, what });
        self.replies.pop().expect("an answer").1
    }

    fn raised(&self, alarm: &str) -> Millis {
        self.domain.state().alarms[alarm].raised
    }

    fn notes(&self) -> usize {
        self.recorded().iter().filter(|r| matches!(r.event, Event::AlarmAcknowledged { .. })).count()
    }

    /// Solves are late until the alarm stands.
    fn fail(&mut self) {
        self.solver = Solver::Late;
        self.seconds(6);
        assert!(self.domain.state().alarm_stands(DISPATCH_FAILING));
    }

    fn recover(&mut self) {
        self.solver = Solver::Works;
        self.seconds(6);
        assert!(!self.domain.state().alarm_stands(DISPATCH_FAILING));
    }

    fn fork(&mut self) {
        let theirs = Head { seq: 5000, hash: self.domain.head().hash };
        let status = Status {
            boot: self.boot,
            tick: Tick(9),
            mode: None,
            trips: None,
            devices: None,
            spool: None,
            anchor: Some((7, Some(theirs))),
        };
        self.input(Input::EdgeStatus { plant: PlantId::new("north").unwrap(), status });
    }
}

#[test]
fn an_alarm_that_was_acknowledged_leaves_when_it_is_normal_again() {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    b.fail();
    let at = b.now;
    assert_eq!(b.state_is(DISPATCH_FAILING), Some("unacknowledged"));
    assert_eq!(b.acknowledge(DISPATCH_FAILING, b.raised(DISPATCH_FAILING)), Ok(DISPATCH_FAILING.into()));
    let seen = b.listed(DISPATCH_FAILING).unwrap();
    assert_eq!((seen.state, seen.acknowledged_by.as_deref()), ("acknowledged", Some("ada")));
    assert_eq!((seen.acknowledged_at, seen.cleared), (Some(at.rfc3339()), None));
    b.recover();
    assert_eq!(b.listed(DISPATCH_FAILING), None);
    assert_eq!(&State::fold(&b.recorded()), b.domain.state());
}

#[test]
fn an_alarm_that_went_by_itself_stays_until_somebody_takes_note() {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    b.fail();
    b.recover();
    let seen = b.listed(DISPATCH_FAILING).unwrap();
    assert_eq!((seen.state, seen.acknowledged_by), ("returned-to-normal-unacknowledged", None));
    assert!(seen.cleared.is_some());
    assert!(b.acknowledge(DISPATCH_FAILING, b.raised(DISPATCH_FAILING)).is_ok());
    assert_eq!(b.listed(DISPATCH_FAILING), None);
    assert_eq!(&State::fold(&b.recorded()), b.domain.state());
}

#[test]
fn who_acknowledges_takes_note_of_what_was_seen_and_of_nothing_that_came_since() {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    b.fail();
    let first = b.raised(DISPATCH_FAILING);
    b.recover();
    b.fail();
    let second = b.raised(DISPATCH_FAILING);
    assert_ne!(first, second);
    let refused = b.acknowledge(DISPATCH_FAILING, first).unwrap_err();
    assert_eq!(refused, Rejection::RaisedAnew { alarm: DISPATCH_FAILING.into(), raised: second });
    assert_eq!(b.state_is(DISPATCH_FAILING), Some("unacknowledged"));
    assert!(b.acknowledge(DISPATCH_FAILING, second).is_ok());
    assert!(b.acknowledge(DISPATCH_FAILING, second).is_ok(), "somebody else was faster: no fault");
    assert_eq!(b.notes(), 1, "and nothing to write down");
    assert_eq!(b.acknowledge("none", second), Err(Rejection::NoAlarm("none".into())));
}

#[test]
fn an_acknowledged_alarm_that_comes_again_asks_again() {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    b.fail();
    b.recover();
    b.fail();
    assert!(b.acknowledge(DISPATCH_FAILING, b.raised(DISPATCH_FAILING)).is_ok());
    b.recover();
    b.fail();
    assert_eq!(b.state_is(DISPATCH_FAILING), Some("unacknowledged"));
}

#[test]
fn what_happened_once_ends_with_the_acknowledgement() {
    let mut b = bench(Judges::ours());
    b.seconds(5);
    b.fork();
    assert_eq!(b.state_is(JOURNAL_FORK), Some("unacknowledged"));
    assert!(b.acknowledge(JOURNAL_FORK, b.raised(JOURNAL_FORK)).is_ok());
    assert_eq!(b.listed(JOURNAL_FORK), None);
    assert_eq!(&State::fold(&b.recorded()), b.domain.state());
}

#[test]
fn what_asks_for_a_person_stands_first_and_every_page_is_about_its_alarm() {
    let mut b = bench(Judges::ours());
    b.seconds(20);
    b.fork();
    b.fail();
    b.recover();
    b.trip_b1();
    b.seconds(5);
    let listed = b.domain.alarm_views();
    let of = |alarms: &[AlarmView]| alarms.iter().map(|a| a.id.clone()).collect::<Vec<_>>();
    assert_eq!(
        of(&listed),
        ["trip:north.b1", JOURNAL_FORK, DISPATCH_FAILING],
        "newest first, the one that is gone last"
    );
    let told =
        |id: &str| listed.iter().find(|a| a.id == id).map(|a| (a.plant.as_deref(), a.runbook.as_deref())).unwrap();
    assert_eq!(told("trip:north.b1"), (Some("north"), Some("source-tripped")));
    assert_eq!(told(JOURNAL_FORK), (None, None), "no page is about it yet, and another one would mislead");
    assert!(b.acknowledge("trip:north.b1", b.raised("trip:north.b1")).is_ok());
    assert_eq!(of(&b.domain.alarm_views()), [JOURNAL_FORK, DISPATCH_FAILING, "trip:north.b1"]);
}
