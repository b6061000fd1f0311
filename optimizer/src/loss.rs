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

/// What a word for a loss may be, as `Display` writes it.
const FORMS: &str =
    "\"unit ID\", \"link ID\", \"header ID\" or \"plant ID islanded\", two of them with \"and\" between";

/// A text that names no loss.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no loss{}; write {FORMS}", unknown.as_ref().map_or(String::new(), |id| format!(": there is no {id} in the case")))]
pub struct Unnamed {
    /// As given.
    pub text: String,
    /// What it names and the case does not have.
    pub unknown: Option<String>,
}

impl Loss {
    /// The loss that a text names, as `Display` writes it: `unit p0.b1`, `plant p1 islanded`, `link l and header p0.s`.
    ///
    /// # Errors
    /// `Unnamed` where the text is of no such form, or names what the case does not have.
    pub fn named(case: &Case, text: &str) -> Result<Self, Unnamed> {
        let text = text.trim();
        let unnamed = |unknown: Option<String>| Unnamed { text: text.to_owned(), unknown };
        if let Some(loss) = Self::single(case, text) {
            return Ok(loss);
        }
        // An id may have the word in it, so every place where it stands is tried.
        let cuts = text.match_indices(" and ").map(|(at, word)| (&text[..at], &text[at + word.len()..]));
        let both = |(first, second)| Some((Self::named(case, first).ok()?, Self::named(case, second).ok()?));
        if let Some((first, second)) = cuts.clone().find_map(both) {
            return Ok(Self::Both(Box::new(first), Box::new(second)));
        }
        let parts: Vec<&str> = text.split(" and ").map(str::trim).collect();
        let unknown = parts.iter().find(|part| form(part).is_some() && Self::single(case, part).is_none());
        Err(unnamed(unknown.map(|part| (*part).to_owned())))
    }

    fn single(case: &Case, text: &str) -> Option<Self> {
        let loss = form(text)?;
        let known = match &loss {
            Self::Unit(id) => case.units.iter().any(|unit| unit.id == *id),
            Self::Link(id) => case.links.iter().any(|link| link.id == *id),
            Self::Plant(id) => case.plants.iter().any(|plant| plant.id == *id),
            Self::Header(id) => case.headers.iter().any(|header| header.id == *id),
            Self::Both(..) => false,
        };
        known.then_some(loss)
    }
}

/// The loss that a text would name in a case that has it.
fn form(text: &str) -> Option<Loss> {
    let (kind, id) = text.split_once(' ')?;
    match kind {
        "unit" => Some(Loss::Unit(id.to_owned())),
        "link" => Some(Loss::Link(id.to_owned())),
        "header" => Some(Loss::Header(id.to_owned())),
        "plant" => Some(Loss::Plant(id.strip_suffix(" islanded")?.to_owned())),
        _ => None,
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
