//! What is refused never leaves: the ladder below a fresh optimum, each rung left with its reason in the journal, and the rows
//! of the contingency tables beside it.

use super::*;

impl Bench {
    /// What was refused on the way to the schedule in force, from the top of the ladder.
    fn refusals(&self) -> Vec<(Origin, String)> {
        let recorded = self.recorded();
        let is_schedule = |r: &Recorded| matches!(r.event, Event::Scheduled { .. });
        let latest = recorded.iter().rposition(is_schedule).expect("a schedule");
        let before = recorded[..latest].iter().rposition(is_schedule).map_or(0, |at| at + 1);
        let refused = |r: &Recorded| match &r.event {
            Event::ScheduleRefused { origin, reason, .. } => Some((*origin, reason.clone())),
            _ => None,
        };
        recorded[before..latest].iter().filter_map(refused).collect()
    }

    /// The losses that the journal says have no row, in its order.
    fn lost_rows(&self) -> Vec<(Loss, String)> {
        let of = |r: Recorded| match r.event {
            Event::LossRefused { lost, reason } => Some((lost, reason)),
            _ => None,
        };
        self.recorded().into_iter().filter_map(of).collect()
    }
}

#[test]
fn the_ladder_goes_down_rung_by_rung_and_up_again() {
    let mut b = bench(Judges::ours());
    b.seconds(30);
    b.solver = Solver::Late;
    b.seconds(6);
    assert_eq!(b.schedule().origin, Origin::LastGood);
    assert!(b.schedule().why[0].contains("not done within"), "{:?}", b.schedule().why);
    assert!(b.domain.state().alarm_stands("dispatch-failing"));
    b.trip_b1();
    b.solver = Solver::Fails;
    b.seconds(6);
    assert_eq!(b.schedule().origin, Origin::LastGood, "fitted to the trip that it did not know of");
    let short: Vec<bool> = b.schedule().unserved_mw.iter().map(|(_, mw)| *mw > 0.005).collect();
    assert_eq!((short[0], short[3] || short[4]), (false, true), "{:?}", b.schedule().unserved_mw);
    assert!(b.schedule().trips.iter().any(|t| b.trips.contains(t)));
    let ttl = b.fleet.limits.table_ttl_s as u32;
    b.seconds(ttl);
    assert_eq!(b.schedule().origin, Origin::Greedy, "the last good one is too old");
    assert!(b.schedule().unserved_mw[Class::LifeSafety] < 0.005);
    assert!(b.refusals().is_empty(), "{:?}", b.refusals());
    b.solver = Solver::Works;
    b.seconds(6);
    assert_eq!(b.schedule().origin, Origin::Optimal);
    assert!(!b.domain.state().alarm_stands("dispatch-failing"));

    // Each rung that is tried in vain is in the journal with its reason, in order, before the schedule that is used.
    b.domain.judges.check = |case, solution| match solution.solver.name.as_str() {
        "greedy" => (Judges::ours().check)(case, solution),
        name => Err(format!("not from {name}")),
    };
    b.seconds(6);
    assert_eq!(b.schedule().origin, Origin::Greedy);
    let by_the_solver = (Origin::Optimal, "The check refused the solver's schedule (not from HiGHS)".to_owned());
    let last_good = (Origin::LastGood, "The check refused the last-good schedule (not from repair)".to_owned());
    assert_eq!(b.refusals(), [by_the_solver.clone(), last_good.clone()]);
    b.domain.judges.check = |_, solution| Err(format!("not from {}", solution.solver.name));
    b.seconds(6);
    assert_eq!(b.schedule().origin, Origin::Hold);
    let greedy = (Origin::Greedy, "The check refused the greedy schedule (not from greedy)".to_owned());
    assert_eq!(b.refusals(), [by_the_solver.clone(), last_good, greedy]);
    b.domain.judges.plain = |_, earlier| Err(if earlier.is_some() { "no repair" } else { "no greedy" }.into());
    b.seconds(6);
    assert_eq!(b.schedule().origin, Origin::Hold);
    let no_repair = (Origin::LastGood, "No schedule could be made (no repair)".to_owned());
    let no_greedy = (Origin::Greedy, "No schedule could be made (no greedy)".to_owned());
    assert_eq!(b.refusals(), [by_the_solver, no_repair.clone(), no_greedy.clone()]);
    b.solver = Solver::Late;
    b.seconds(6);
    assert_eq!(b.refusals(), [no_repair, no_greedy], "a solve that is late has nothing to refuse");
    b.domain.judges = Judges::ours();
    b.solver = Solver::Works;
    b.seconds(6);
    assert_eq!((b.schedule().origin, b.refusals()), (Origin::Optimal, vec![]));
    assert_eq!(&State::fold(&b.recorded()), b.domain.state());
}

#[test]
fn a_loss_that_the_check_refuses_is_journaled_once_and_holds_up_no_other() {
    // It refuses whatever is to be done without b1, which takes the loss of its header as well.
    let refuse = |case: &hypocaust_optimizer::Case, solution: &hypocaust_optimizer::Solution| {
        let b1 = case.units.iter().find(|unit| unit.id == "north.b1").expect("it is in every case");
        if b1.capacity(0) > 0.0 { (Judges::ours().check)(case, solution) } else { Err("not without b1".to_owned()) }
    };
    let mut b = bench(Judges { check: refuse, ..Judges::ours() });
    b.seconds(90);
    assert_eq!(b.schedule().origin, Origin::Optimal);
    let told = b.lost_rows();
    let by_check = "The check refused the solver's moves (not without b1)";
    assert!(told.iter().all(|(_, reason)| reason == by_check), "{told:?}");
    let lost: Vec<&Loss> = told.iter().map(|(lost, _)| lost).collect();
    let b1 = Loss::Source("north.b1".parse().unwrap());
    let header = Loss::Header(b.fleet.source("north.b1").unwrap().1.header.clone());
    assert_eq!(lost.len(), 2, "each is told once: {lost:?}");
    assert!(lost.contains(&&b1) && lost.contains(&&header), "{lost:?}");
    assert!(!b.domain.ahead.moves.contains_key(&b1) && b.domain.ahead.moves.len() > 5);
    // The others are solved in turn as before, and these two with them.
    let mut ahead = b.domain.ahead.clone();
    let mut asked = std::collections::BTreeSet::new();
    for _ in 0..20 {
        asked.extend(ahead.due(&b.fleet, b.domain.image(), b.now));
    }
    assert!(b.domain.ahead.moves.keys().all(|loss| asked.contains(loss)) && asked.contains(&b1), "{asked:?}");
    // What can be solved again has its row, and is told anew should it be refused after that.
    b.domain.judges = Judges::ours();
    b.seconds(60);
    assert!(b.domain.ahead.moves.contains_key(&b1));
    assert_eq!(b.lost_rows().len(), 2);
    b.domain.judges.check = refuse;
    b.seconds(60);
    assert_eq!(b.lost_rows().len(), 4);
    assert!(b.domain.ahead.moves.contains_key(&b1), "the row that it had stays");
    assert_eq!(&State::fold(&b.recorded()), b.domain.state());
}

#[test]
fn what_the_check_refuses_never_leaves() {
    let refuse = Judges { check: |_, _| Err("no".into()), ..Judges::ours() };
    let mut b = bench(refuse);
    b.seconds(30);
    assert_eq!(b.schedule().origin, Origin::Hold);
    assert!(b.commands.is_empty());
    let refused = b.refusals();
    let rungs: Vec<Origin> = refused.iter().map(|(origin, _)| *origin).collect();
    assert_eq!(rungs, [Origin::Optimal, Origin::Greedy], "without a good plan there is none to fit");
    assert!(refused.iter().all(|(_, reason)| reason.contains("no")), "{refused:?}");
}
