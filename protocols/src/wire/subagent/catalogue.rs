//! The sub-agents there are: `catalogue.csv`, one a line.

use super::AgentId;
use std::sync::OnceLock;

const CSV: &str = include_str!("catalogue.csv");

/// A sub-agent as the catalogue has it, registered or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: AgentId,
    pub name: &'static str,
    /// What fails together is looked for within a group.
    pub group: &'static str,
    /// A to D: safety, control advice, analysis, business.
    pub class: char,
    /// How often it is asked, seconds.
    pub period_s: u32,
}

fn read(line: &'static str) -> Option<Listed> {
    let mut cells = line.split(',');
    let listed = Listed {
        id: cells.next()?.parse().ok()?,
        name: cells.next()?,
        group: cells.next()?,
        class: cells.next()?.parse().ok()?,
        period_s: cells.next()?.parse().ok()?,
    };
    cells.next().is_none().then_some(listed)
}

/// All of them, by rising id.
pub fn catalogue() -> &'static [Listed] {
    static ALL: OnceLock<Vec<Listed>> = OnceLock::new();
    ALL.get_or_init(|| CSV.lines().skip(1).filter_map(read).collect())
}

/// One of them; the catalogue has a line for every id.
pub fn listed(id: AgentId) -> &'static Listed {
    let all = catalogue();
    all.iter().find(|l| l.id == id).expect("a test holds the catalogue to one line for each id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_one_line_with_a_period_and_a_group() {
        assert_eq!(CSV.lines().count(), 1 + 99);
        assert!(catalogue().iter().map(|l| l.id).eq(AgentId::all()), "a line cannot be read, or one is missing");
        assert!(catalogue().iter().all(|l| l.period_s >= 1 && "ABCD".contains(l.class) && !l.group.is_empty()));
        let flue = listed("GL-018".parse().unwrap());
        assert_eq!((flue.name, flue.group, flue.period_s), ("FlueGasAnalyzer", "combustion_emissions", 10));
    }
}
