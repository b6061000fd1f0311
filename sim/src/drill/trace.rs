//! What a drill saw: the plants as they truly were, moment by moment, and what the centre wrote down meanwhile.
//!
//! Times are milliseconds from the end of settling. Sources and consumers stand in the fleet's order.

use super::page::Drill;
use crate::world::{Happening, Makers, STEP_MS, World};
use hypocaust_central::domain::Event;
use hypocaust_protocols::model::{Fleet, Millis, SourceState};
use std::sync::Arc;

/// A consumer at one moment, MW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    pub asked: f64,
    pub served: f64,
    /// Infinite where nothing can be shed.
    pub cap: f64,
}

impl Draw {
    pub fn missed(&self) -> f64 {
        self.asked - self.served
    }
    /// What the cap keeps back.
    pub fn withheld(&self) -> f64 {
        (self.asked - self.cap).max(0.0)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    pub at: i64,
    pub sources: Vec<SourceState>,
    pub consumers: Vec<Draw>,
}

#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// From the end of settling to the end of the drill, each step.
    pub moments: Vec<Moment>,
    /// The journal since the end of settling. Times inside of events are wall times still: see [`Trace::time`].
    pub events: Vec<(i64, Event)>,
    /// The wall time at the end of settling.
    pub zero: Millis,
}

impl Trace {
    /// A wall time as the drill counts.
    pub fn time(&self, wall: Millis) -> i64 {
        wall.since(self.zero)
    }
}

/// A journal that its own world cannot read. It says more about the programs than about the drill.
#[derive(Debug, thiserror::Error)]
#[error("the journal of the drill cannot be read")]
pub struct Unreadable(#[from] hypocaust_central::domain::event::Error);

/// Lives through the drill.
pub fn record(fleet: &Arc<Fleet>, drill: &Drill, makers: Makers) -> Result<Trace, Unreadable> {
    let mut world = World::new(Arc::clone(fleet), drill.seed, drill.start_hour, makers);
    world.run(drill.settle);
    let begin = world.now;
    let mut trace = Trace { zero: world.wall(), ..Trace::default() };
    let mut faults = drill.faults.iter().peekable();
    loop {
        let at = world.now - begin;
        trace.moments.push(moment(&world, at));
        if at >= drill.run {
            break;
        }
        while let Some(fault) = faults.next_if(|f| f.at <= at) {
            world.happen(&Happening::Plant(fault.plant.clone(), fault.fault.clone()));
        }
        world.run(STEP_MS);
    }
    for entry in world.journal.entries() {
        let recorded = Event::read(&entry)?;
        let at = trace.time(recorded.time);
        if at >= 0 {
            trace.events.push((at, recorded.event));
        }
    }
    Ok(trace)
}

fn moment(world: &World, at: i64) -> Moment {
    let physics = &world.plants.physics;
    Moment {
        at,
        sources: physics.sources.iter().map(|s| s.state).collect(),
        consumers: physics.consumers.iter().map(|c| Draw { asked: c.asked, served: c.served, cap: c.cap }).collect(),
    }
}
