//! The documents say what the code does: error codes and metrics, each with a row, and no row without its thing.

use hypocaust_protocols::metrics;
use hypocaust_protocols::wire::{GATES, Refusal};
use hypocaust_tests::harness::root;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const CLASSES: [&str; 6] = ["USER_CONFIG", "TRANSIENT", "RESOURCE", "POLICY_DENIED", "AGENT_BUG", "INFRASTRUCTURE"];
const RETRIES: [&str; 4] = ["no", "bounded", "exponential", "once"];

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap_or_else(|e| panic!("docs/{name}: {e}"))
}

/// Cells of every row of every table, the heads left out.
fn rows(page: &str) -> Vec<Vec<String>> {
    let rows = page.lines().filter(|l| l.starts_with("| GL-") || l.starts_with("| `gl_"));
    rows.map(|l| l.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The sources of the programs.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if entry.is_dir() {
            sources(&entry, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(entry);
        }
    }
}

fn programs() -> Vec<String> {
    let mut files = Vec::new();
    for member in ["protocols", "edge-agent", "central", "optimizer", "sim"] {
        sources(&root().join(member).join("src"), &mut files);
    }
    // What stands behind the tests' attribute is no part of the program.
    let program = |text: String| text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
    files.iter().map(|f| program(std::fs::read_to_string(f).unwrap())).collect()
}

/// Every word that begins with this in the programs' texts.
fn words(prefix: &str) -> BTreeSet<String> {
    let of = |text: &String| -> Vec<String> {
        let rest = text.split(prefix).skip(1);
        rest.map(|rest| rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '-').collect::<String>())
            .filter(|word| !word.is_empty())
            .map(|word| format!("{prefix}{word}"))
            .collect()
    };
    programs().iter().flat_map(of).collect()
}

#[test]
fn every_error_code_has_its_row_and_every_row_its_code() {
    let mut codes = words("GL-E-");
    codes.extend(GATES.map(|gate| Refusal::new(gate, String::new()).code));
    let rows = rows(&page("error-codes.md"));
    let told: BTreeMap<&str, &Vec<String>> = rows.iter().map(|row| (row[0].as_str(), row)).collect();
    assert_eq!(told.len(), rows.len(), "a code has two rows");
    assert!(codes.len() > 25, "only {codes:?}");
    for code in &codes {
        let row = told.get(code.as_str()).unwrap_or_else(|| panic!("docs/error-codes.md has no row for {code}"));
        assert_eq!(row.len(), 5, "{row:?}");
        assert!(CLASSES.contains(&row[1].as_str()) && RETRIES.contains(&row[2].as_str()), "{row:?}");
        assert!(row[3].len() > 20 && row[4].len() > 15, "{code} is not explained: {row:?}");
    }
    for code in told.keys() {
        assert!(codes.contains(*code), "no program says {code} any more");
    }
}

#[test]
fn the_gates_that_refuse_are_the_ones_that_are_named() {
    // `refusal("gate", …)`, also where the call is broken over two lines.
    let used: BTreeSet<String> = programs()
        .iter()
        .flat_map(|text| text.split("refusal(").skip(1).map(str::trim_start).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|rest| Some(rest.strip_prefix('"')?.split_once('"')?.0.to_owned()))
        .collect();
    assert_eq!(used, GATES.iter().map(|g| (*g).to_owned()).collect());
}

#[test]
fn every_metric_has_its_row_and_every_row_its_metric() {
    let told: BTreeSet<Vec<String>> =
        rows(&page("metrics.md")).into_iter().map(|mut row| row.drain(..4).collect()).collect();
    let known: BTreeSet<Vec<String>> = metrics::ALL
        .iter()
        .map(|m| {
            let labels = m.labels.join(", ");
            let kind = format!("{:?}", m.kind).to_lowercase();
            vec![format!("`{}`", m.name), kind, labels, m.help.to_owned()]
        })
        .collect();
    let missing: Vec<String> = known.difference(&told).map(|row| format!("| {} |", row.join(" | "))).collect();
    assert!(missing.is_empty(), "docs/metrics.md lacks these rows:\n{}", missing.join("\n"));
    let surplus: Vec<_> = told.difference(&known).collect();
    assert!(surplus.is_empty(), "docs/metrics.md has rows that are not so: {surplus:?}");
}
