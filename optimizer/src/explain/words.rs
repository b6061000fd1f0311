//! The explanation as an operator would say it. The case knows no currency, so prices are per MWh and no more.

use crate::case::Case;
use crate::explain::{Change, Explanation, Price, Relief, Short};
use crate::solution::{SlackKind, Solution, class_of};

/// So many changes of each kind are said.
const SAID: usize = 6;

/// So many limits are said to be worth something.
const WORTH_SAID: usize = 8;

pub fn sentences(case: &Case, solution: &Solution, all: &Explanation) -> Vec<String> {
    let mut said = Vec::new();
    let short: Vec<String> = case
        .classes
        .iter()
        .filter_map(|class| {
            let mwh = solution.unserved_mwh.get(class).copied().unwrap_or(0.0);
            (mwh > super::MATTERS).then(|| format!("{mwh:.1} MWh of {class}"))
        })
        .collect();
    said.push(if short.is_empty() {
        "Everybody gets the heat that they ask for.".to_owned()
    } else {
        format!("There is not enough heat: {} go unserved.", listed(&short))
    });
    for slack in &solution.slacks {
        said.push(format!("{}: {}.", slack.owner, gave(slack.kind)));
    }
    said.extend(all.short.iter().map(|short| shortage(case, short)));
    if all.further_short > 0 {
        said.push(format!("{} more consumers are short; they are not looked into here.", all.further_short));
    }
    // What rounds to nothing is not said.
    for worth in all.worth.iter().filter(|worth| worth.saves >= 0.005).take(WORTH_SAID) {
        let limit = if idle(case, &worth.owner, &worth.limit, 0) {
            format!("{}, which can make no heat now,", worth.owner)
        } else {
            format!("{} {}", limit_in_words(&worth.limit), worth.owner)
        };
        let what = if worth.stage == "cost" {
            format!("would lower the cost by {:.2} an hour now", worth.saves / case.time.hours(0))
        } else {
            format!("would give back {:.2} MWh of {}", worth.saves, of_stage(&worth.stage))
        };
        said.push(format!("One {} of {limit} {what}.", super::one_more(&worth.limit)));
    }
    said.extend(all.prices.iter().map(|sides| price(case, sides)));
    for cause in [true, false] {
        let of_kind: Vec<&Change> = all.changes.iter().filter(|change| change.cause == cause).collect();
        said.extend(of_kind.iter().take(SAID).map(|found| change(found)));
        if of_kind.len() > SAID {
            let what = if cause { "figures of the plants have changed" } else { "settings change" };
            said.push(format!("{} more {what}.", of_kind.len() - SAID));
        }
    }
    said
}

/// What a stage counts, as in "MWh of …".
fn of_stage(stage: &str) -> &str {
    match stage {
        "physical" => "what physics takes",
        "final" => "what stores were to have at the end",
        other => class_of(other),
    }
}

fn shortage(case: &Case, short: &Short) -> String {
    let during = span(case, short.from, short.to);
    let mut text = format!(
        "{} ({}) lacks {:.1} MWh, at most {:.1} MW, {during}",
        short.demand, short.class, short.mwh, short.peak_mw
    );
    if short.avoidable_mwh > 0.0 {
        text.push_str(&format!("; {:.1} MWh of it could be had at once from what is not used", short.avoidable_mwh));
    }
    if short.limits.is_empty() {
        text.push_str(". No single limit would help by itself.");
    } else {
        let limits: Vec<String> = short.limits.iter().map(|limit| relief(case, limit)).collect();
        text.push_str(&format!(". Held back by {}.", listed(&limits)));
    }
    text
}

fn relief(case: &Case, relief: &Relief) -> String {
    let Relief { owner, limit, step, gives_mwh } = relief;
    let held = if idle(case, owner, limit, *step) {
        format!("{owner}, which can make no heat {}", if *step == 0 { "now" } else { "then" })
    } else {
        format!("{} {owner}", limit_in_words(limit))
    };
    format!("{held} (one {} would give {gives_mwh:.2} MWh)", super::one_more(limit))
}

/// Is the limit the capacity of a unit that has none in this step? Nobody would call that a capacity that holds back.
fn idle(case: &Case, owner: &str, limit: &str, step: usize) -> bool {
    limit == "heat_max" && case.units.iter().any(|unit| unit.id == owner && unit.capacity(step) <= 0.0)
}

/// As in "held back by … of p0.b1".
fn limit_in_words(limit: &str) -> String {
    match limit {
        "heat_max" => "the capacity of".to_owned(),
        "max_import" => "the supply contract".to_owned(),
        "max_export" => "the feed-in limit of".to_owned(),
        "cap" => "the capacity of the main".to_owned(),
        "cap_reverse" => "the reverse capacity of the main".to_owned(),
        "charge_max" => "the charging power of".to_owned(),
        "discharge_max" => "the discharging power of".to_owned(),
        "capacity_mwh" => "the volume of".to_owned(),
        super::duals::RAMP_UP => "the ramp upwards of".to_owned(),
        super::duals::RAMP_DOWN => "the ramp downwards of".to_owned(),
        super::duals::START_MAX => "the load after a start of".to_owned(),
        super::duals::STOP_MAX => "the load before a stop of".to_owned(),
        super::duals::FINAL => "the level at the end of".to_owned(),
        other => format!("{other} of"),
    }
}

fn gave(kind: SlackKind) -> &'static str {
    match kind {
        SlackKind::RampDown => "it falls faster than its ramp, for nothing can take its heat away in time",
        SlackKind::MustRun => "it makes less than it must",
        SlackKind::FinalShort => "it ends below the content that was asked for",
        SlackKind::FinalOver => "it ends above the content that was asked for",
        SlackKind::FixedLoss => "the losses of its mains are not covered",
        SlackKind::BaseLoad => "its base load is not covered",
        SlackKind::MustServe => "it loses heat that no shed setpoint takes",
    }
}

fn price(case: &Case, price: &Price) -> String {
    let when = if price.step == 0 { "now".to_owned() } else { format!("in {}", clock(hours_until(case, price.step))) };
    let saved = price.down.map(|down| {
        if down.abs() < 0.005 { "one MW less saves nothing".to_owned() } else { format!("one MW less saves {down:.2}") }
    });
    let costs = match (price.up, &price.taken) {
        (Some(up), _) if up.abs() < 0.005 => "one MW more costs nothing".to_owned(),
        (Some(up), _) => format!("one MW more costs {up:.2} per MWh"),
        (None, Some((class, mwh))) => {
            format!("one MW more is not to be had: it would take {mwh:.2} MWh from {class}")
        }
        (None, None) => "one MW more is not to be had".to_owned(),
    };
    let sides: Vec<String> = [Some(costs), saved].into_iter().flatten().collect();
    format!("At {} {when}: {}.", price.header, sides.join(", "))
}

fn change(change: &Change) -> String {
    let owner = &change.owner;
    match (change.before, change.now) {
        (None, Some(now)) => return format!("{owner} is new: {} {now:.2}.", noun(&change.what)),
        (Some(_), None) => return format!("{owner} is gone."),
        _ => {}
    }
    let (before, now) = (change.before.unwrap_or(0.0), change.now.unwrap_or(0.0));
    let way = if change.by() > 0.0 { "up" } else { "down" };
    match change.what.as_str() {
        "capacity" if now < 1e-9 => format!("{owner} is lost: it could make {before:.1} MW before."),
        "capacity" if before < 1e-9 => format!("{owner} is back and can make {now:.1} MW."),
        "heat" if now < 1e-6 => format!("{owner} stops; it made {before:.1} MW."),
        "heat" if before < 1e-6 => format!("{owner} starts with {now:.1} MW."),
        "charge" if now > 1e-6 => format!("{owner} is charged with {now:.1} MW ({}).", stored(before)),
        "charge" if now < -1e-6 => format!("{owner} gives {:.1} MW ({}).", -now, stored(before)),
        "charge" => format!("{owner} rests ({}).", stored(before)),
        "unserved_mwh" => format!("{owner} unserved goes {way} from {before:.1} to {now:.1} MWh."),
        what => format!("{} of {owner} goes {way} from {before:.2} to {now:.2}.", capitalised(noun(what))),
    }
}

fn stored(before: f64) -> String {
    if before > 1e-6 {
        format!("before, it was charged with {before:.1} MW")
    } else if before < -1e-6 {
        format!("before, it gave {:.1} MW", -before)
    } else {
        "before, it rested".to_owned()
    }
}

fn noun(what: &str) -> &str {
    match what {
        "buy" => "the buying price",
        "co2_price" => "the price",
        "sell" => "the selling price",
        "max_import" => "the contract in MW",
        "capacity" => "the capacity in MW",
        "content" => "the content in MWh",
        "cap" => "the capacity in MW",
        "asked" => "the demand in MW",
        "heat" => "the heat in MW",
        "served" => "the heat served in MW",
        "cost" => "the cost",
        other => other,
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

fn hours_until(case: &Case, t: usize) -> f64 {
    (0..t).map(|t| case.time.hours(t)).sum()
}

fn span(case: &Case, from: usize, to: usize) -> String {
    let (begin, end) = (hours_until(case, from), hours_until(case, to));
    let lasting = clock(end - begin);
    if from == 0 { format!("from now on for {lasting}") } else { format!("in {} for {lasting}", clock(begin)) }
}

/// Hours as a person says them.
fn clock(hours: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "minutes of a horizon of days")]
    let minutes = (hours * 60.0).round().max(0.0) as u64;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
