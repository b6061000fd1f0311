//! What must hold of every world. Each check says in words what is wrong, and those that leave something out how much they judged.

use crate::share::Share;
use hypocaust_edge::core::Event;
use hypocaust_edge::core::contingency::Origin;
use hypocaust_protocols::model::{Direction, HeaderId, PlantId, SetpointId};
use hypocaust_protocols::wire::{Loss, Move, Outcome, Table, Verdict};
use hypocaust_sim::fault::Fault;
use hypocaust_sim::world::{Happening, STEP_MS, World, Wrote};
use std::collections::{BTreeMap, BTreeSet};

/// The journal verifies, and its fold is the leader's state.
pub fn journal(world: &World) -> Result<Share, String> {
    let entries = world.journal.entries();
    let head = world.state().map(|(_, head)| head);
    hypocaust_central::journal::verify(&world.fleet.id, &entries, head).map_err(|e| e.to_string())?;
    let replayed = world.replayed()?;
    match world.state() {
        Some((state, _)) if *state != replayed => Err("a replay of the journal leads to another state".into()),
        Some((_, head)) if entries.last().map(|e| e.head()) != Some(head) => {
            Err("the leader's head is not the journal's".into())
        }
        _ => Ok(Share::of(entries.len(), 0)),
    }
}

/// Every entry that was spooled is stored once, as it was, and in order within live and within each round of backlog.
pub fn samples(world: &World) -> Result<Share, String> {
    let mut stored = BTreeMap::new();
    let mut last = BTreeMap::new();
    for (plant, entry, round) in world.history.rows() {
        let id = (plant.clone(), entry.boot, entry.seq);
        if stored.insert(id, entry).is_some() {
            return Err(format!("{plant}: entry {}:{} is stored twice", entry.boot, entry.seq));
        }
        let at = (entry.boot, entry.seq);
        if let Some(before) = last.insert((plant.clone(), entry.boot, *round), at)
            && before > at
        {
            return Err(format!("{plant}: {at:?} came after {before:?} in round {round}"));
        }
    }
    let (mut spooled, mut under_way) = (BTreeSet::new(), 0);
    for (plant, entry) in &world.spooled {
        let id = (plant.clone(), entry.boot, entry.seq);
        // What was spooled in the last seconds may be under way still; its edge keeps it.
        let young = world.wall().0 - entry.samples.iter().map(|s| s.time.0).max().unwrap_or(0) < 5_000;
        match stored.get(&id) {
            Some(found) if **found != *entry => {
                return Err(format!("{plant}: {}:{} was changed", entry.boot, entry.seq));
            }
            None if !young => return Err(format!("{plant}: {}:{} never arrived", entry.boot, entry.seq)),
            None => under_way += 1,
            Some(_) => {}
        }
        spooled.insert(id);
    }
    match stored.keys().find(|id| !spooled.contains(*id)) {
        Some((plant, boot, seq)) => Err(format!("{plant}: {boot}:{seq} was never spooled")),
        None => Ok(Share::of(stored.len(), under_way)),
    }
}

/// Nothing was sent to the bus while it was on its way there, nothing was stored again behind its mark, and what the cluster
/// has kept for some seconds is stored, whoever reads by now; and whoever leads says that all is well.
pub fn bus(world: &World) -> Result<Share, String> {
    if let Some(wrong) = world.bus.wrong.first() {
        return Err(format!("the bus: {wrong}"));
    }
    let (unread, all) = world.bus.unread(world.now - 5_000);
    if let Some((part, offset)) = unread.first() {
        let many = unread.len();
        return Err(format!("the bus: message {offset} of partition {part} was never stored, nor {} others", many - 1));
    }
    match world.bus_health() {
        Some(health) if health.ok => Ok(Share::of(all, 0)),
        other => Err(format!("the bus: in the end its health is {other:?}")),
    }
}

/// Could this plant's edge not see, at this time, what is lost and act on it from its table?
fn disturbed(happened: &[(i64, Happening)], plant: &PlantId, at: i64) -> bool {
    happened.iter().any(|(t, what)| match what {
        Happening::EdgeCrash { plant: p, down_ms } => p == plant && (t - 2_000..t + down_ms + 5_000).contains(&at),
        // What a plant shows may be wrong, or not be shown, until long after.
        Happening::Plant(p, Fault::Stick { .. } | Fault::Drift { .. } | Fault::Silence { .. }) => {
            p == plant && *t <= at
        }
        // A restore so soon takes the condition away, one within the last seconds leaves the trip latched.
        Happening::Plant(p, Fault::Restore { .. }) => p == plant && (t - 3_000..t + 60_000).contains(&at),
        _ => false,
    })
}

/// Every trip of a source that a running, seeing edge had time to see was acted on within a scan and the trip's own delay:
/// by the row of the table that the edge had, or by its own rules where it had none.
pub fn trips(world: &World, happened: &[(i64, Happening)]) -> Result<Share, String> {
    let mut share = Share::default();
    for (at, what) in happened {
        let Happening::Plant(plant, Fault::Trip { name }) = what else { continue };
        // A second trip of a source that is tripped already is none.
        let again = happened.iter().any(
            |(t, w)| matches!(w, Happening::Plant(p, Fault::Trip { name: n }) if p == plant && n == name && t < at),
        );
        let spec = world.fleet.plant(plant.as_str()).expect("a plant of the fleet");
        let trip = spec.trips.iter().find(|t| t.source.as_str() == name);
        let Some(trip) = trip.filter(|_| !again && !disturbed(happened, plant, *at)) else {
            share.left_out += 1;
            continue;
        };
        share.judged += 1;
        let lost = [Loss::Source(trip.source.clone())];
        let within = scan_ms(world) + trip.on_delay_ms as i64;
        acted(world, happened, plant, *at, &format!("trip {}", trip.id), within, &lost)?;
    }
    Ok(share)
}

/// Every closing of an open main that a running edge could see was acted on within a scan, in the same way. Where it was the
/// last main that joined the plant to others, by the row of the island, if the table has one.
pub fn mains(world: &World, happened: &[(i64, Happening)]) -> Result<Share, String> {
    let mut share = Share::default();
    for (at, what) in happened {
        let Happening::Plant(_, Fault::Close { name }) = what else { continue };
        let main = world.fleet.mains.iter().find(|m| m.id.as_str() == name).expect("a main of the fleet");
        let plant = world.fleet.plant_of(main.open.as_str()).expect("a main's flag is a tag of a plant");
        let is_closed = |id: &str| closed(happened, id, *at);
        if is_closed(name) || disturbed(happened, &plant.id, *at) {
            share.left_out += 1;
            continue;
        }
        let ours = |header: &HeaderId| plant.headers.iter().any(|h| h.id == *header);
        let mut outward = world.fleet.mains.iter().filter(|m| ours(&m.from) != ours(&m.to)).peekable();
        let island = outward.peek().is_some() && outward.all(|m| m.id == main.id || is_closed(m.id.as_str()));
        let lost: Vec<Loss> =
            island.then(|| Loss::Island(plant.id.clone())).into_iter().chain([Loss::Main(main.id.clone())]).collect();
        acted(world, happened, &plant.id, *at, &format!("main {name} closed"), scan_ms(world), &lost)?;
        share.judged += 1;
    }
    Ok(share)
}

/// Had this main been closed before that time, and not been opened again?
fn closed(happened: &[(i64, Happening)], main: &str, at: i64) -> bool {
    let last = happened.iter().rev().find_map(|(t, what)| match what {
        Happening::Plant(_, Fault::Close { name }) if name == main && *t < at => Some(true),
        Happening::Plant(_, Fault::Restore { name }) if name == main && *t < at => Some(false),
        _ => None,
    });
    last == Some(true)
}

fn scan_ms(world: &World) -> i64 {
    world.fleet.limits.scan.iter().map(|s| s.period_ms).min().unwrap_or(0) as i64
}

/// Was this loss, which the edge calls `name`, acted on in time, and by the row of the first of `lost` that the table had?
fn acted(
    world: &World,
    happened: &[(i64, Happening)],
    plant: &PlantId,
    at: i64,
    name: &str,
    within: i64,
    lost: &[Loss],
) -> Result<(), String> {
    let found = world.events.iter().find_map(|(t, p, event)| match event {
        Event::Acted { lost, origin, moves } if p == plant && lost == name && *t >= at => Some((t - at, origin, moves)),
        _ => None,
    });
    let Some((late, origin, moves)) = found else {
        return Err(format!("{plant}: nothing was done about {name}, which was at {at} ms"));
    };
    let within = within + 2 * STEP_MS;
    if late > within {
        return Err(format!("{plant}: {name} was acted on after {late} ms; {within} ms are allowed"));
    }
    // Not one that came while the trip's delay ran: it is enough that there was one at the loss.
    let known = lost
        .iter()
        .map(|lost| rows(world, happened, plant, lost, at + late))
        .find(|r| r.iter().any(|(came, _)| *came <= at));
    let rows = known.clone().unwrap_or_else(|| rows(world, happened, plant, &lost[0], at + late));
    let stood = rows.iter().rev().take(2).any(|(_, row)| row == moves);
    if known.is_some() && *origin != Origin::Table || *origin == Origin::Table && !stood {
        return Err(format!("{plant}: about {name} it did {moves:?} ({origin:?}), where its table says {rows:?}"));
    }
    Ok(())
}

/// What the tables that came to this edge since it was last started said of this loss, and when they came.
fn rows(world: &World, happened: &[(i64, Happening)], plant: &PlantId, lost: &Loss, at: i64) -> Vec<(i64, Vec<Move>)> {
    let crashed = happened.iter().filter_map(|(t, what)| match what {
        Happening::EdgeCrash { plant: p, .. } if p == plant && *t <= at => Some(*t),
        _ => None,
    });
    let since = crashed.max().unwrap_or(0);
    let came = world.tables.iter().filter(|(t, p, _)| p == plant && (since..=at).contains(t));
    came.filter_map(|(t, _, signed)| {
        let table: Table = serde_json::from_str(&signed.body).ok()?;
        Some((*t, table.contingencies.into_iter().find(|c| c.lost == *lost)?.moves))
    })
    .collect()
}

/// No answer of a sub-agent was used after its deadline, by when the leader had it.
pub fn advice(world: &World) -> Result<Share, String> {
    match world.advice.iter().find(|(_, (at, kept))| *at > kept.asked.deadline) {
        Some((task, (at, kept))) => Err(format!(
            "the answer to {task} about {} was used {} ms after its deadline",
            kept.asked.subject,
            at.since(kept.asked.deadline)
        )),
        None => Ok(Share::of(world.advice.len(), 0)),
    }
}

/// No leader stepped down: each had an epoch above all that any edge knew, and nobody else wrote to its journal.
pub fn leaders(world: &World) -> Result<(), String> {
    world.stepped_down.first().map_or(Ok(()), |reason| Err(format!("a leader stepped down: {reason}")))
}

/// A command without right that was sent.
pub struct Forged {
    pub id: String,
    /// What is wrong with it.
    pub what: &'static str,
    pub setpoint: SetpointId,
    /// The value that only this command asks for, from this time on.
    pub mark: f64,
    pub from: i64,
}

/// No command without right was carried out: no answer says so, and no register shows it. Judged are those that an edge
/// has met; the others were lost on their way.
pub fn commands(world: &World, forged: &[Forged]) -> Result<Share, String> {
    let refused = world.events.iter().filter_map(|(_, _, event)| match event {
        Event::Refused { id, .. } => Some(id.as_str()),
        _ => None,
    });
    let met: BTreeSet<&str> = refused.chain(world.outcomes.iter().map(|(_, _, o)| o.id.as_str())).collect();
    let mut share = Share::default();
    for f in forged {
        // The answer to a repeated one is that to the first.
        let done = |verdict: &Verdict| matches!(verdict, Verdict::Done { .. });
        let early = |at: i64| at < f.from;
        let mut outcomes = world.outcomes.iter().filter(|(at, _, o)| o.id == f.id && done(&o.verdict) && !early(*at));
        if let Some((at, plant, _)) = outcomes.next()
            && !world.outcomes.iter().any(|(at, _, o)| o.id == f.id && early(*at))
        {
            return Err(format!("{plant} carried out {} at {at} ms, a command that is {}", f.id, f.what));
        }
        let shows = |w: &&Wrote| w.at >= f.from && w.setpoint == f.setpoint && (w.value - f.mark).abs() < 1e-5;
        if let Some(write) = world.writes.iter().find(shows) {
            return Err(format!(
                "{} was written {} at {} ms by a command that is {}",
                write.setpoint, f.mark, write.at, f.what
            ));
        }
        share += if met.contains(f.id.as_str()) { Share::of(1, 0) } else { Share::of(0, 1) };
    }
    Ok(share)
}

/// No setpoint was written more often than a minute allows by anybody but the fail-safe lane. What went the safe way may
/// have been that lane's and is left out. An edge that is started anew knows of no writes before.
pub fn rates(world: &World, happened: &[(i64, Happening)]) -> Result<Share, String> {
    let most = world.fleet.limits.writes_per_minute as usize;
    let mut last: BTreeMap<&SetpointId, (f64, Vec<i64>)> = BTreeMap::new();
    let mut share = Share::default();
    for Wrote { at, setpoint, value } in &world.writes {
        let (plant, spec) = world.fleet.setpoint(setpoint.as_str()).expect("only setpoints are written");
        let crashes = happened.iter().filter_map(|(t, what)| match what {
            Happening::EdgeCrash { plant: p, .. } if *p == plant.id && t <= at => Some(*t),
            _ => None,
        });
        let began = crashes.max().unwrap_or(0);
        let (before, times) = last.entry(setpoint).or_insert((*value, Vec::new()));
        let safer = match spec.safe_direction {
            Direction::Down => *value < *before,
            Direction::Up => *value > *before,
        };
        *before = *value;
        if safer {
            share.left_out += 1;
            continue;
        }
        share.judged += 1;
        times.retain(|t| at - t < 60_000 && *t >= began);
        times.push(*at);
        if times.len() > most {
            return Err(format!(
                "{setpoint} was written {} times in the minute before {at} ms, {most} are allowed",
                times.len()
            ));
        }
    }
    Ok(share)
}

/// No command is carried out a second time: once done, it is answered by that same answer, or refused.
pub fn repeats(world: &World) -> Result<Share, String> {
    let mut first: BTreeMap<(&PlantId, &str), &Outcome> = BTreeMap::new();
    let mut share = Share::default();
    for (at, plant, outcome) in world.outcomes.iter().filter(|(_, _, o)| matches!(o.verdict, Verdict::Done { .. })) {
        let done = *first.entry((plant, outcome.id.as_str())).or_insert(outcome);
        if done != outcome {
            return Err(format!("{plant} did {} again at {at} ms: {outcome:?}, before that {done:?}", outcome.id));
        }
        share.judged += 1;
    }
    Ok(share)
}
