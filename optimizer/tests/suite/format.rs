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
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"kop\":4.0"), @r#"the file is no heatcase/1: at units[1].kop: unknown field `kop`, expected one of `id`, `kind`, `mode`, `plant`, `carrier`, `header`, `heat_max`, `heat_min`, `efficiency`, `cop`, `heat_eff`, `power_eff`, `ramp_up_per_h`, `ramp_down_per_h`, `start_cost`, `availability`, `var_om`, `initial`, `must_run` at line 1 column 667"#);
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":\"four\""), @r#"the file is no heatcase/1: at units[1].cop: invalid type: string "four", expected a number, or an array with one number per step at line 1 column 674"#);
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":[4.0,4.0]"), @r#"the case has 1 mistake: units[1].cop: 2 numbers for 1 steps; write one per step, or a single number"#);
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":NaN"), @r#"the file is no heatcase/1: at units[1].cop: expected value at line 1 column 669"#);
    insta::assert_snapshot!(refusal("\"cop\":4.0", "\"cop\":1e999"), @r#"the file is no heatcase/1: at units[1].cop: number out of range at line 1 column 673"#);
    insta::assert_snapshot!(refusal("\"class\":\"life-safety\"", "\"class\":\"lifesafety\""), @r#"the case has 1 mistake: demands[0].class: "lifesafety" is no class of this case; write one of ["life-safety", "product-safety", "equipment-protection", "production", "comfort"]"#);
    insta::assert_snapshot!(refusal("\"heat\":1.0", "\"heat\":-1.0"), @r#"the case has 1 mistake: demands[0].heat: -1 is out of range; write a number of at least 0"#);
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
