//! What must hold of the leaders of every world, however many replicas the centre has.

use crate::share::{Share, Shares};
use hypocaust_sim::world::World;

/// Nobody leads for no longer than this while some replica could: a dead leader's lease, the look of another at it, and its
/// beginning, with as much again to spare.
const IDLE_MS: i64 = 10_000;

/// Each epoch has the effects of one process at most.
pub fn one_each(world: &World) -> Result<(), String> {
    match world.record.actors.iter().find(|(_, actors)| actors.len() > 1) {
        Some((epoch, actors)) => Err(format!("epoch {epoch} has the effects of {actors:?} (replica, life)")),
        None => Ok(()),
    }
}

/// Every entry whose storing was acknowledged stands in the journal, as it was, in its place.
pub fn accepted_survive(world: &World) -> Result<Share, String> {
    let entries = world.journal.entries();
    for accepted in &world.record.accepted {
        let found = usize::try_from(accepted.seq).ok().and_then(|seq| entries.get(seq.checked_sub(1)?));
        if found != Some(accepted) {
            let (seq, epoch, kind) = (accepted.seq, accepted.epoch, &accepted.kind);
            return Err(format!("entry {seq} ({kind}, epoch {epoch}) was accepted and is not in the journal"));
        }
    }
    Ok(Share::of(world.record.accepted.len(), 0))
}

/// Nothing that was signed in a lower epoch than its edge knew was let in.
pub fn stale_refused(world: &World) -> Result<Share, String> {
    match world.stale.iter().find(|s| !s.refused) {
        Some(s) => Err(format!(
            "at {} ms the edge of {} let in a {} of epoch {}, knowing {}",
            s.at, s.plant, s.what, s.epoch, s.known
        )),
        None => Ok(Share::of(world.stale.len(), 0)),
    }
}

/// Somebody led whenever somebody could, but for a short while.
pub fn led(world: &World) -> Result<(), String> {
    if world.record.led.is_empty() {
        return Err("nobody has ever led".into());
    }
    match world.record.longest_idle {
        idle if idle > IDLE_MS => Err(format!("nobody led for {idle} ms although somebody could have")),
        _ => Ok(()),
    }
}

/// Leadership has not moved more often than this.
pub fn steady(world: &World, at_most: usize) -> Result<(), String> {
    let changes = world.record.led.len().saturating_sub(1);
    if changes <= at_most {
        Ok(())
    } else {
        Err(format!("{changes} changes of leader where {at_most} are to be expected"))
    }
}

/// Every replica that is at work has, up to its head, the state to which the journal leads.
pub fn agreed(world: &World) -> Result<(), String> {
    let entries = world.journal.entries();
    let mut states = world.states();
    states.sort_by_key(|(_, head)| head.seq);
    let mut folded = hypocaust_central::domain::State::fold([]);
    let mut entries = entries.iter();
    for (state, head) in states {
        while folded.seq < head.seq {
            let entry = entries.next().ok_or_else(|| format!("a replica stands at {head}, beyond the journal"))?;
            folded.apply(&hypocaust_central::domain::Event::read(entry).map_err(|e| e.to_string())?);
        }
        if *state != folded {
            return Err(format!("a replica at {head} has another state than the journal leads to"));
        }
    }
    Ok(())
}

/// Whoever acted as a leader had the lease at that moment.
pub fn within_the_lease(world: &World) -> Result<Share, String> {
    match world.record.overdue.first() {
        Some(o) => Err(format!(
            "at {} ms replica {} acted in epoch {}, {} ms after its lease had run out",
            o.at, o.replica, o.epoch, o.late_ms
        )),
        None => Ok(Share::of(world.record.outlived, 0)),
    }
}

/// No process has ended because the journal was not the one that it knew.
pub fn none_ended(world: &World) -> Result<(), String> {
    match world.record.ended.first() {
        Some(ended) => Err(format!("at {} ms the process of replica {} ended: {}", ended.at, ended.replica, ended.why)),
        None => Ok(()),
    }
}

/// All of it, and how much of each there was.
pub fn all(world: &World) -> Result<Shares, String> {
    one_each(world)?;
    led(world)?;
    agreed(world)?;
    none_ended(world)?;
    Ok(Shares::from([
        ("accepted entries", accepted_survive(world)?),
        ("stale messages", stale_refused(world)?),
        ("appends that outlived a lease", within_the_lease(world)?),
        ("leaderships", Share::of(world.record.led.len(), 0)),
    ]))
}
