//! What holds whatever happens, in any order.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Scan(u8),
    Register(usize, f64),
    Bad(usize),
    Trip(bool),
    Main(bool),
    Command(usize, f64, bool),
    Beat(bool),
    Table(Vec<(usize, f64)>),
    WriteFails(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..15).prop_map(Step::Scan),
        3 => (0usize..60, 0f64..1.0).prop_map(|(t, v)| Step::Register(t, v)),
        1 => (0usize..60).prop_map(Step::Bad),
        1 => any::<bool>().prop_map(Step::Trip),
        1 => any::<bool>().prop_map(Step::Main),
        3 => (0usize..17, -0.2f64..1.2, any::<bool>()).prop_map(|(s, v, o)| Step::Command(s, v, o)),
        3 => any::<bool>().prop_map(Step::Beat),
        1 => prop::collection::vec((0usize..17, -0.2f64..1.2), 0..6).prop_map(Step::Table),
        1 => any::<bool>().prop_map(Step::WriteFails),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn no_schedule_moves_fail_safe_the_wrong_way_or_anything_out_of_bounds(steps in prop::collection::vec(step(), 1..40)) {
        let mut bench = Bench::new();
        // Writes are answered at the end of their scan, so that other things come between. `Bench::call` judges each.
        bench.answers_writes = false;
        bench.give(Input::Link(true));
        let mut fails = false;
        let mut serial = 0;
        for step in steps {
            let mut inputs: Vec<Option<Input>> = vec![None];
            match step {
                Step::Scan(n) => inputs = vec![None; usize::from(n)],
                Step::Register(t, share) => {
                    let t = bench.plant.tags[t % bench.plant.tags.len()].clone();
                    bench.registers.insert(t.id, t.min + share * (t.max - t.min));
                }
                Step::Bad(t) => {
                    let t = bench.plant.tags[t % bench.plant.tags.len()].clone();
                    bench.registers.insert(t.id, t.max * 3.0 + 7.0);
                }
                Step::Trip(on) => {
                    for flag in ["a", "b", "c"] {
                        bench.set(&format!("b1.flame-lost-{flag}"), f64::from(u8::from(on)));
                    }
                }
                Step::Main(open) => bench.set("n-s.open", f64::from(u8::from(open))),
                Step::Command(s, share, operator) => {
                    let s = bench.plant.setpoints[s % bench.plant.setpoints.len()].clone();
                    serial += 1;
                    let command = Command {
                        id: format!("c{serial}"),
                        plant: bench.plant.id.clone(),
                        writer: if operator { Writer::Operator } else { Writer::Dispatch },
                        action: Action::Set { setpoint: s.tag, value: s.min + share * (s.max - s.min) },
                        epoch: 1,
                        boot: 9,
                        tick: Tick(bench.tick),
                        ttl_ms: 8000,
                        reason: 1,
                    };
                    inputs = vec![Some(Input::Command(Signed::seal(metric::COMMAND, &command, &key())))];
                }
                Step::Beat(seen) => { bench.beat(if seen { &["north.b1-lost", "n-s"] } else { &[] }); }
                Step::Table(rows) => {
                    let moves: Vec<(String, f64)> = rows.iter().map(|(s, share)| {
                        let s = &bench.plant.setpoints[s % bench.plant.setpoints.len()];
                        (s.tag.as_str().trim_start_matches("north.").to_owned(), s.min + share * (s.max - s.min))
                    }).collect();
                    let moves: Vec<(&str, f64)> = moves.iter().map(|(s, v)| (s.as_str(), *v)).collect();
                    bench.table(hypocaust_protocols::wire::Loss::Source("north.b1".parse().unwrap()), &moves);
                }
                Step::WriteFails(now) => fails = now,
            }
            for input in inputs {
                let effects = match input {
                    Some(input) => bench.give(input),
                    None => bench.scan(),
                };
                for effect in effects {
                    if let Effect::Write { write, setpoint, value, .. } = effect {
                        let result = if fails { Err("no answer".into()) } else {
                            bench.registers.insert(setpoint, value);
                            Ok(value)
                        };
                        bench.give(Input::WriteDone { write, result });
                    }
                }
            }
        }
    }
}
