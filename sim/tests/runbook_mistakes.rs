//! Goldens: each mistake that the writer of a runbook makes, and the words with which `drill` answers.
//!
//! Every case takes the first runbook, replaces one text, and compares the whole answer.

use hypocaust_sim::drill::{cli, page};
use std::path::Path;

fn read(from: &str, to: &str) -> String {
    let runbooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks");
    let text = std::fs::read_to_string(runbooks.join("source-tripped.md")).expect("the first runbook");
    assert!(text.contains(from), "the runbook no longer holds {from:?}");
    let text = text.replacen(from, to, 1);
    match page::read("runbooks/source-tripped.md", &text, |name| cli::find(&runbooks, None, name)) {
        Ok(_) => "the runbook is right".to_owned(),
        Err(error) => error.to_string(),
    }
}

macro_rules! golden {
    ($($name:ident: $from:expr => $to:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(read($from, $to));
        }
    )*};
}

#[test]
fn as_it_stands_it_is_right() {
    assert_eq!(read("id = ", "id = "), "the runbook is right");
}

golden! {
    no_front_matter: "+++\n" => "";
    front_matter_without_end: "+++\n# A heat source" => "\n# A heat source";
    not_toml: "seed = 7" => "seed = = 7";
    named_like_another_file: "id = \"source-tripped\"" => "id = \"main-closed\"";
    no_such_severity: "severity = \"P1\"" => "severity = \"high\"";
    escalation_is_no_list: "escalation = [\"on-call engineer\", \"plant lead\"]" => "escalation = \"plant lead\"";
    unknown_fleet: "fleet = \"small\"" => "fleet = \"smal\"";
    fleet_as_a_path: "fleet = \"small\"" => "fleet = \"../small\"";
    misspelt_field: "settle_s = 120" => "setle_s = 120";
    no_start_hour: "start_hour = 10\n" => "";
    run_as_a_text: "run_s = 1500" => "run_s = \"25 min\"";
    no_such_fault: "do = \"trip north.b1\"" => "do = \"explode north.b1\"";
    fault_on_a_local_name: "do = \"trip north.b1\"" => "do = \"trip b1\"";
    fault_on_a_misspelt_name: "do = \"trip north.b1\"" => "do = \"trip nroth.b1\"";
    fault_after_the_end: "at_s = 300" => "at_s = 1501";
    misspelt_expectation: "what = \"life-safety-whole\"" => "what = \"life-safty-whole\"";
    expectation_of_nobody: "what = \"shed production\"" => "what = \"shed\"";
    class_that_there_is_not: "what = \"shed production\"" => "what = \"shed prodution\"";
    class_that_cannot_be_shed: "what = \"shed production\"" => "what = \"shed life-safety\"";
    restart_of_a_consumer: "what = \"restarted north.b1\"" => "what = \"restarted north.mill\"";
    prediction_for_nobody: "what = \"predicted north.mill\"" => "what = \"predicted north.mil\"";
    deadline_for_what_holds_throughout: "what = \"sheds-in-order\"" => "what = \"sheds-in-order\"\nby_s = 20";
    deadline_before_the_fault: "at_s = 0\n" => "at_s = 5\n";
    no_deadline: "by_s = 1155\n" => "";
    within_for_by: "within_s = 30\n" => "by_s = 30\n";
    expected_twice: "what = \"shed comfort\"" => "what = \"shed production\"";
    nothing_is_done: "[[drill.fault]]\nat_s = 0\ndo = \"trip north.b1\"\n[[drill.fault]]\nat_s = 300\ndo = \"restore north.b1\"\n" => "";
    many_at_once: "seed = 7\nstart_hour = 10\n" => "seed = -7\nstart_hour = 25\ncolour = \"grey\"\n";
}
