//! What a drill wants to see: the words of `what` in an expectation, and what each of them takes.
//!
//! * `shed CLASS`, `by_s`: a cap of this class is lowered. Shedding has begun, though nobody need miss heat yet.
//! * `shed-done`, `by_s`: the caps withhold what the schedule of that moment wants withheld.
//! * `sheds-in-order`: on no header is a class short for longer than the programs need to act while a lower one that can
//!   be shed draws more than its turndown; going down and coming back.
//! * `life-safety-whole`: no consumer of the first class is short for longer than the programs need to act.
//! * `restarted SOURCE`, `by_s`: it stood still, is on again, and stays on.
//! * `all-served`, `by_s`: from then on nobody is short.
//! * `deadlines-kept`: whoever was short had heat back within the fleet's `restore_min` of the class.
//! * `predicted SOURCE|CONSUMER`, `within_s`: the centre's first promise after the cause was gone was that near to the truth.

use hypocaust_protocols::files::{At, Reader, nearest};
use hypocaust_protocols::model::{Class, ConsumerId, Fleet, SourceId};
use std::fmt;

/// Whose heat was promised for a time.
#[derive(Debug, Clone, PartialEq)]
pub enum Promised {
    Source(SourceId),
    Consumer(ConsumerId),
}

/// Times count from the end of settling, ms.
#[derive(Debug, Clone, PartialEq)]
pub enum Expect {
    Shed { class: Class, by: i64 },
    ShedDone { by: i64 },
    ShedsInOrder,
    LifeSafetyWhole,
    Restarted { source: SourceId, by: i64 },
    AllServed { by: i64 },
    DeadlinesKept,
    Predicted { of: Promised, within: i64 },
}

const WORDS: [&str; 8] = [
    "shed",
    "shed-done",
    "sheds-in-order",
    "life-safety-whole",
    "restarted",
    "all-served",
    "deadlines-kept",
    "predicted",
];
const EXAMPLES: &str = "\"shed CLASS\", \"shed-done\", \"sheds-in-order\", \"life-safety-whole\", \"restarted SOURCE\", \
                        \"all-served\", \"deadlines-kept\" or \"predicted SOURCE|CONSUMER\"";

/// Seconds of a file as milliseconds, which the world counts in.
pub(super) fn ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// One `[[drill.expect]]`. Without a fleet, names are not looked up; nothing can be due before the first fault or after
/// the end of the drill.
pub(super) fn read(r: Reader<'_, '_>, fleet: Option<&Fleet>, (first_s, last_s): (f64, f64)) -> Option<Expect> {
    let what = r.text("what")?;
    let words: Vec<&str> = what.value.split_whitespace().collect();
    let by = || r.number_in("by_s", first_s, last_s).map(ms);
    let expect = match words.as_slice() {
        ["shed", class] => {
            let by = by();
            shed_class(&r, &what, class, fleet).zip(by).map(|(class, by)| Expect::Shed { class, by })
        }
        ["shed-done"] => by().map(|by| Expect::ShedDone { by }),
        ["sheds-in-order"] => always(&r, Expect::ShedsInOrder),
        ["life-safety-whole"] => always(&r, Expect::LifeSafetyWhole),
        ["deadlines-kept"] => always(&r, Expect::DeadlinesKept),
        ["restarted", name] => {
            let by = by();
            source(&r, &what, name, fleet).zip(by).map(|(source, by)| Expect::Restarted { source, by })
        }
        ["all-served"] => by().map(|by| Expect::AllServed { by }),
        ["predicted", name] => {
            let within = r.number_in("within_s", 0.0, last_s).map(ms);
            promised(&r, &what, name, fleet).zip(within).map(|(of, within)| Expect::Predicted { of, within })
        }
        _ => {
            unknown(&r, &what, &words);
            // Which fields it should have is not known, so none is called superfluous.
            let _ = (r.opt_number("by_s"), r.opt_number("within_s"));
            None
        }
    };
    r.finish();
    expect
}

/// What holds throughout has no time of its own.
fn always(r: &Reader<'_, '_>, expect: Expect) -> Option<Expect> {
    for key in ["by_s", "within_s"] {
        if let Some(number) = r.opt_number(key) {
            let message = format!("`{expect}` holds throughout the drill and takes no `{key}`");
            r.mistake(number.span, message, format!("the expectation without `{key}`"));
            return None;
        }
    }
    Some(expect)
}

fn unknown(r: &Reader<'_, '_>, what: &At<String>, words: &[&str]) {
    let first = words.first().copied().unwrap_or_default();
    let message = match (WORDS.contains(&first), words.len()) {
        (true, 1) => format!("`what = \"{first}\"` does not say of whom"),
        (true, _) => format!("`what = \"{}\"` has too many words", what.value),
        (false, _) => format!("a drill knows no \"{}\"", what.value),
    };
    let help = match nearest(first, WORDS.into_iter()) {
        Some(near) if near != first => format!("\"{near}\" (the choices are {EXAMPLES})"),
        _ => EXAMPLES.to_owned(),
    };
    r.mistake(what.span.clone(), message, help);
}

fn shed_class(r: &Reader<'_, '_>, what: &At<String>, name: &str, fleet: Option<&Fleet>) -> Option<Class> {
    let names = || Class::ALL.iter().map(|c| c.name());
    let Some(class) = Class::from_name(name) else {
        let help = match nearest(name, names()) {
            Some(near) => format!("\"shed {near}\""),
            None => format!("a class: {}", names().collect::<Vec<_>>().join(", ")),
        };
        r.mistake(what.span.clone(), format!("there is no class `{name}`"), help);
        return None;
    };
    if let Some(fleet) = fleet {
        let sheddable = |class| fleet.consumers().any(|(_, c)| c.class == class && c.shed.is_some());
        if !sheddable(class) {
            let others: Vec<&str> = Class::ALL.into_iter().filter(|c| sheddable(*c)).map(Class::name).collect();
            let message = format!("nobody of class `{name}` can be shed in this fleet");
            r.mistake(what.span.clone(), message, format!("one of {}", others.join(", ")));
            return None;
        }
    }
    Some(class)
}

fn source(r: &Reader<'_, '_>, what: &At<String>, name: &str, fleet: Option<&Fleet>) -> Option<SourceId> {
    let Some(fleet) = fleet else { return SourceId::new(name).ok() };
    if let Some((_, source)) = fleet.source(name) {
        return Some(source.id.clone());
    }
    nowhere(r, what, "the fleet", "source", name, fleet.sources().map(|(_, s)| s.id.as_str()).collect());
    None
}

fn promised(r: &Reader<'_, '_>, what: &At<String>, name: &str, fleet: Option<&Fleet>) -> Option<Promised> {
    let Some(fleet) = fleet else { return SourceId::new(name).ok().map(Promised::Source) };
    if let Some((_, source)) = fleet.source(name) {
        return Some(Promised::Source(source.id.clone()));
    }
    if let Some((_, consumer)) = fleet.consumers().find(|(_, c)| c.id.as_str() == name) {
        return Some(Promised::Consumer(consumer.id.clone()));
    }
    let sources = fleet.sources().map(|(_, s)| s.id.as_str());
    let all = sources.chain(fleet.consumers().map(|(_, c)| c.id.as_str())).collect();
    nowhere(r, what, "the fleet", "source or consumer", name, all);
    None
}

/// A name that points nowhere in `place`.
pub(super) fn nowhere(r: &Reader<'_, '_>, at: &At<String>, place: &str, kind: &str, name: &str, all: Vec<&str>) {
    let help = match nearest(name, all.iter().copied()) {
        Some(near) => format!("`{near}`"),
        None => format!("one of {}", all.join(", ")),
    };
    r.mistake(at.span.clone(), format!("{place} has no {kind} `{name}`"), help);
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expect::Shed { class, .. } => write!(f, "shed {class}"),
            Expect::ShedDone { .. } => f.write_str("shed-done"),
            Expect::ShedsInOrder => f.write_str("sheds-in-order"),
            Expect::LifeSafetyWhole => f.write_str("life-safety-whole"),
            Expect::Restarted { source, .. } => write!(f, "restarted {source}"),
            Expect::AllServed { .. } => f.write_str("all-served"),
            Expect::DeadlinesKept => f.write_str("deadlines-kept"),
            Expect::Predicted { of: Promised::Source(id), .. } => write!(f, "predicted {id}"),
            Expect::Predicted { of: Promised::Consumer(id), .. } => write!(f, "predicted {id}"),
        }
    }
}
