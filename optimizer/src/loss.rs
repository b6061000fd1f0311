//! The cases of tomorrow's failures: a case with one thing lost, for contingency tables and N-1 studies.
//!
//! What is lost stays in the case at zero, so that results of all losses have the same ids and can be compared.

use crate::case::{Case, Final, FinalWord, Link};

/// What is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A source trips: it makes nothing from now on.
    Unit(String),
    /// A main closes.
    Link(String),
    /// A plant is islanded: every link between it and another plant closes.
    Plant(String),
    /// A header fails: its sources, stores and links stop, and all that it serves goes unserved.
    Header(String),
    /// Two of them at once.
    Both(Box<Loss>, Box<Loss>),
}

impl std::fmt::Display for Loss {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unit(id) => write!(formatter, "unit {id}"),
            Self::Link(id) => write!(formatter, "link {id}"),
            Self::Plant(id) => write!(formatter, "plant {id} islanded"),
            Self::Header(id) => write!(formatter, "header {id}"),
            Self::Both(first, second) => write!(formatter, "{first} and {second}"),
        }
    }
}

/// The case after the loss. An id that the case does not have loses nothing; take them from `losses`.
#[must_use]
pub fn lose(case: &Case, what: &Loss) -> Case {
    let mut after = case.clone();
    match what {
        Loss::Both(first, second) => return lose(&lose(case, first), second),
        Loss::Unit(id) => lose_units(&mut after, |unit, _| unit == id),
        Loss::Link(id) => lose_links(&mut after, |link| link.id == *id),
        Loss::Plant(id) => {
            let of = |header: &str| {
                case.headers.iter().find(|candidate| candidate.id == header).map(|found| found.plant.as_str())
            };
            lose_links(&mut after, |link| (of(&link.from) == Some(id.as_str())) != (of(&link.to) == Some(id.as_str())));
        }
        Loss::Header(id) => {
            lose_units(&mut after, |_, header| header == id);
            lose_links(&mut after, |link| link.from == *id || link.to == *id);
            for storage in after.storages.iter_mut().filter(|storage| storage.header == *id) {
                storage.charge_max = 0.0.into();
                storage.discharge_max = 0.0.into();
                storage.r#final = Final::Word(FinalWord::Free);
            }
            for demand in after.demands.iter_mut().filter(|demand| demand.header == *id) {
                demand.sheddable = None;
            }
        }
    }
    after
}

/// Every single source, main and header, and each plant that has mains to others.
#[must_use]
pub fn losses(case: &Case) -> Vec<Loss> {
    let mut losses: Vec<Loss> = Vec::new();
    losses.extend(case.units.iter().map(|unit| Loss::Unit(unit.id.clone())));
    losses.extend(case.links.iter().map(|link| Loss::Link(link.id.clone())));
    losses.extend(case.headers.iter().map(|header| Loss::Header(header.id.clone())));
    for plant in &case.plants {
        let loss = Loss::Plant(plant.id.clone());
        if lose(case, &loss) != *case {
            losses.push(loss);
        }
    }
    losses
}

fn lose_units(case: &mut Case, lost: impl Fn(&str, &str) -> bool) {
    for unit in &mut case.units {
        if lost(&unit.id, &unit.header) {
            unit.availability = 0.0.into();
            unit.initial = None;
            unit.must_run = None;
            unit.outages.clear();
        }
    }
}

fn lose_links(case: &mut Case, lost: impl Fn(&Link) -> bool) {
    for link in &mut case.links {
        if lost(link) {
            link.cap = 0.0.into();
            link.cap_reverse = 0.0.into();
            link.fixed_loss = 0.0.into();
            // What is under way in it arrives no more.
            link.forward_before.fill(0.0);
            link.reverse_before.fill(0.0);
        }
    }
}
