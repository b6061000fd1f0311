//! What is refused, and what it says.

use hypocaust_optimizer::Case;

fn refusal(from: &str, to: &str) -> String {
    let text = include_str!("../cases/priority-trap.json");
    assert!(text.contains(from), "the sample has no {from}");
    let error = Case::from_json(&text.replacen(from, to, 1)).unwrap_err();
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[test]
fn mistakes_are_named_with_their_path() {
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"kop\":4.0"), @"");
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":\"four\""), @"");
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":[4.0,4.0]"), @"");
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":NaN"), @"");
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":1e999"), @"");
    insta::assert_snapshot!(refusal("\"class\":\"life-safety\"", "\"class\":\"lifesafety\""), @"");
    insta::assert_snapshot!(refusal("\"heat\":1.0", "\"heat\":-1.0"), @"");
}

#[test]
fn every_mistake_is_reported_at_once() {
    let text = include_str!("../cases/priority-trap.json")
        .replace("\"carrier\":\"power\",\"header\":\"p.s\"", "\"carrier\":\"gas\",\"header\":\"p.x\"")
        .replace("\"max_import\":1.0", "\"max_import\":-1.0");
    let hypocaust_optimizer::Error::Invalid(mistakes) = Case::from_json(&text).unwrap_err() else {
        panic!("the file can be read");
    };
    let paths: Vec<&str> = mistakes.iter().map(|mistake| mistake.path.as_str()).collect();
    assert_eq!(paths, ["connections[0].max_import", "units[0].header", "units[0].carrier"]);
}

#[test]
fn a_case_survives_writing_and_reading() {
    let case = crate::bench();
    let text = serde_json::to_string(&case).unwrap();
    assert_eq!(Case::from_json(&text).unwrap(), case);
}
