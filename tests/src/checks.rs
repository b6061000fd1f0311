//! What must hold of every world. Each check says in words what is wrong.

use hypocaust_protocols::model::SetpointId;
use hypocaust_protocols::wire::Verdict;
use hypocaust_sim::world::{World, Wrote};
use std::collections::{BTreeMap, BTreeSet};

/// The journal verifies, and its fold is the leader's state.
pub fn journal(world: &World) -> Result<(), String> {
    let entries = world.journal.entries();
    let head = world.state().map(|(_, head)| head);
    hypocaust_central::journal::verify(&world.fleet.id, &entries, head).map_err(|e| e.to_string())?;
    let replayed = world.replayed()?;
    match world.state() {
        Some((state, _)) if *state != replayed => Err("a replay of the journal leads to another state".into()),
        Some((_, head)) if entries.last().map(|e| e.head()) != Some(head) => {
            Err("the leader's head is not the journal's".into())
        }
        _ => Ok(()),
    }
}

/// Every entry that was spooled is stored once, as it was, and in order within live and within each round of backlog.
pub fn samples(world: &World) -> Result<(), String> {
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
    let mut spooled = BTreeSet::new();
    for (plant, entry) in &world.spooled {
        let id = (plant.clone(), entry.boot, entry.seq);
        // What was spooled in the last seconds may be under way still; its edge keeps it.
        let young = world.wall().0 - entry.samples.iter().map(|s| s.time.0).max().unwrap_or(0) < 5_000;
        match stored.get(&id) {
            Some(found) if **found != *entry => {
                return Err(format!("{plant}: {}:{} was changed", entry.boot, entry.seq));
            }
            None if !young => return Err(format!("{plant}: {}:{} never arrived", entry.boot, entry.seq)),
            _ => {}
        }
        spooled.insert(id);
    }
    match stored.keys().find(|id| !spooled.contains(*id)) {
        Some((plant, boot, seq)) => Err(format!("{plant}: {boot}:{seq} was never spooled")),
        None => Ok(()),
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

/// No command without right was carried out: no answer says so, and no register shows it.
pub fn commands(world: &World, forged: &[Forged]) -> Result<(), String> {
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
    }
    Ok(())
}
