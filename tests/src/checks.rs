//! What must hold of every world. Each check says in words what is wrong.

use hypocaust_protocols::wire::Verdict;
use hypocaust_sim::world::World;
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

/// A forged command that was sent: its id, and what is wrong with it.
pub struct Forged {
    pub id: String,
    pub what: &'static str,
}

/// No forged command was carried out, and every replayed one wrote nothing again.
pub fn commands(world: &World, forged: &[Forged], marks: &[(f64, i64)]) -> Result<(), String> {
    for (_, plant, outcome) in &world.outcomes {
        if let Some(f) = forged.iter().find(|f| f.id == outcome.id)
            && matches!(outcome.verdict, Verdict::Done { .. })
        {
            return Err(format!("{plant} carried out {}, a command that is {}", f.id, f.what));
        }
    }
    for write in &world.writes {
        if let Some((mark, _)) =
            marks.iter().find(|(mark, until)| (write.value - mark).abs() < 1e-5 && write.at > *until)
        {
            return Err(format!("{} was written {mark} at {} ms by a command without right", write.setpoint, write.at));
        }
    }
    Ok(())
}
