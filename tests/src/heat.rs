//! Who goes short in a world, against what the faults force.
//!
//! Two yardsticks, both from [`clairvoyant`](crate::clairvoyant) and the physics alone:
//! * **order**: with the heat that is made at this moment, could the classes 1 to `k` have had more? Then it went to a class
//!   below that they could have reached, or nowhere.
//! * **bound**: with full knowledge of the faults, and each source as far as its physics could have brought it since the
//!   shortage began (ramp, start-up sequence, rating), how much would still be missing?
//!
//! What nobody could move counts for neither: a plant whose edge is down, and the flow of a main between plants that the
//! centre does not both reach (an edge alone cannot know whom the other plant would have to leave short).
//!
//! A shortage may follow its yardstick by the time that a decision and the setpoints' own travel take ([`late_ms`]);
//! after the centre was away, by the time of the gradual re-entry.

use crate::clairvoyant::{Instant, Pipe, forced_unserved};
use hypocaust_protocols::model::{Class, SourceState};
use hypocaust_sim::physics::Source;
use hypocaust_sim::world::World;

/// One look at a world, MW; index 0 is class 1 alone, index 4 all classes together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    pub at: i64,
    /// Asked and not served by classes 1 to `k`.
    pub short: [f64; 5],
    /// What of it the heat made at this moment forces.
    pub order: [f64; 5],
    /// What of it the faults force.
    pub bound: [f64; 5],
    /// Does the centre reach every plant?
    pub led: bool,
}

/// A shortage smaller than this is the wandering of demands and the lag of valves, MW.
pub const NOTHING_MW: f64 = 0.1;

/// A plant that comes back to the centre is given back to dispatch gradually, over this time.
const REENTRY_MS: i64 = 60_000;

/// What a source could make by now, had it been driven as well as possible since the shortage began.
#[derive(Debug, Clone, Copy)]
enum Able {
    /// Heat, MW.
    On(f64),
    /// Seconds of its start-up sequence that have passed.
    Starting(f64),
}

/// Watches a world. Its looks are to be taken in equal steps.
pub struct Watch {
    able: Vec<Able>,
    short_before: bool,
    last: i64,
}

impl Watch {
    pub fn new(world: &World) -> Self {
        Self { able: world.plants.physics.sources.iter().map(present).collect(), short_before: false, last: world.now }
    }

    pub fn look(&mut self, world: &World) -> Look {
        let physics = &world.plants.physics;
        let dt_s = (world.now - self.last) as f64 / 1e3;
        self.last = world.now;
        for (able, source) in self.able.iter_mut().zip(&physics.sources) {
            *able = if self.short_before { driven(*able, source, dt_s) } else { present(source) };
        }
        let mut short = [0.0; 5];
        for (k, class) in Class::ALL.into_iter().enumerate() {
            let up = |c: &&hypocaust_sim::physics::Consumer| c.spec.class <= class && moved(world, c.spec.id.as_str());
            short[k] = physics.consumers.iter().filter(up).map(|c| (c.asked - c.served).max(0.0)).sum();
        }
        let any: f64 = physics.consumers.iter().map(|c| (c.asked - c.served).max(0.0)).sum();
        self.short_before = any > NOTHING_MW;
        let led = world.fleet.plants.iter().all(|p| world.leads(&p.id));
        let mut look = Look { at: world.now, short, led, ..Look::default() };
        if short[4] > NOTHING_MW {
            // What a tripped source gives still is what is left in its pipes: nothing to plan with.
            let lit = |s: &Source| if s.is_on() { s.heat } else { 0.0 };
            let made: Vec<f64> = physics.sources.iter().map(lit).collect();
            look.order = forced_unserved(&instant(world, &made, true));
            let able: Vec<f64> = self
                .able
                .iter()
                .zip(&physics.sources)
                .map(|(a, s)| match a {
                    Able::On(heat) => heat.max(lit(s)),
                    Able::Starting(_) => lit(s),
                })
                .collect();
            // The classes 1 to 3 may have the proven rating, the others the normal share of the nameplate.
            let normal: Vec<f64> = able
                .iter()
                .zip(&physics.sources)
                .map(|(mw, s)| mw.min((world.fleet.limits.unit_load_max * s.spec.heat_max_mw).max(s.heat)))
                .collect();
            let (proven, normal) =
                (forced_unserved(&instant(world, &able, false)), forced_unserved(&instant(world, &normal, false)));
            look.bound = std::array::from_fn(|k| if k < 3 { proven[k] } else { normal[k] });
        }
        look
    }
}

fn moved(world: &World, id: &str) -> bool {
    world.fleet.plant_of(id).is_some_and(|p| world.edge_runs(&p.id))
}

fn present(source: &Source) -> Able {
    if source.is_on() { Able::On(source.heat) } else { Able::Starting(0.0) }
}

fn driven(able: Able, source: &Source, dt_s: f64) -> Able {
    let start = source.spec.start;
    let lasts = start.total_s();
    if source.fault || source.state == SourceState::Lockout {
        return Able::Starting(0.0);
    }
    match able {
        Able::On(heat) => Able::On((heat + source.spec.ramp_mw_per_min / 60.0 * dt_s).min(source.spec.heat_max_mw)),
        Able::Starting(passed) if passed + dt_s >= lasts => Able::On(0.0),
        Able::Starting(passed) => Able::Starting(passed + dt_s),
    }
}

/// The network with this heat of the sources; `made`: stores give what they give now, otherwise what they could.
fn instant(world: &World, heat: &[f64], made: bool) -> Instant {
    let physics = &world.plants.physics;
    let plant_of = |id: &str| &world.fleet.plant_of(id).expect("the physics has what the fleet has").id;
    let mut at = Instant { headers: physics.headers.len(), ..Instant::default() };
    for (source, mw) in physics.sources.iter().zip(heat) {
        if moved(world, source.spec.id.as_str()) {
            at.sources.push((source.header, *mw));
        }
    }
    for store in physics.storages.iter().filter(|s| moved(world, s.spec.id.as_str())) {
        let could = if store.energy > 0.05 { store.spec.discharge_max_mw } else { 0.0 };
        at.sources.push((store.header, if made { store.heat.max(0.0) } else { could }));
    }
    for consumer in physics.consumers.iter().filter(|c| moved(world, c.spec.id.as_str())) {
        at.demands.push((consumer.header, consumer.spec.class, consumer.asked));
    }
    for main in physics.mains.iter().filter(|m| m.open) {
        let (from, to) = (plant_of(main.spec.from.as_str()), plant_of(main.spec.to.as_str()));
        let moves = |plant| world.edge_runs(plant);
        let free = if from == to { moves(from) } else { world.leads(from) && world.leads(to) };
        if free {
            let (loss, fixed) = (main.spec.loss_fraction, main.spec.fixed_loss_mw);
            let (cap, cap_reverse) = (main.spec.cap_mw, main.spec.cap_reverse_mw);
            at.mains.push(Pipe { from: main.from, to: main.to, cap, cap_reverse, loss, fixed });
            continue;
        }
        let ((sends, sender), (takes, taker)) =
            if main.flow >= 0.0 { ((main.from, from), (main.to, to)) } else { ((main.to, to), (main.from, from)) };
        if moves(sender) {
            at.demands.push((sends, Class::LifeSafety, main.flow.abs()));
        }
        if moves(taker) {
            at.sources.push((takes, main.flow.abs() * (1.0 - main.spec.loss_fraction)));
        }
    }
    at
}

/// The first look at which a class lacks more than its yardstick has forced lately, in words.
pub fn unforced(world: &World, looks: &[Look], yardstick: fn(&Look) -> [f64; 5]) -> Result<(), String> {
    let late = late_ms(world);
    let mut away = None;
    for (i, look) in looks.iter().enumerate() {
        if !look.led {
            away = Some(look.at);
        }
        let reentering = away.is_some_and(|at| look.at < at + REENTRY_MS + late);
        let window = if reentering { late + REENTRY_MS } else { late };
        let lately = looks[..=i].iter().rev().take_while(|l| l.at >= look.at - window);
        let forced = lately.map(yardstick).fold([0f64; 5], |m, x| std::array::from_fn(|k| m[k].max(x[k])));
        if let Some(k) = (0..5).find(|k| look.short[*k] > forced[*k] + NOTHING_MW) {
            return Err(format!(
                "at {:.1} s the classes 1 to {} lack {:.2} MW; {:.2} MW of it was forced in the last {} s",
                look.at as f64 / 1e3,
                k + 1,
                look.short[k],
                forced[k],
                window / 1000
            ));
        }
    }
    Ok(())
}

/// The time from a change to its full effect: a scan, a dispatch cycle with its solve, and the slowest shed setpoint's way
/// over its whole range in the normal lane.
fn late_ms(world: &World) -> i64 {
    let limits = &world.fleet.limits;
    let travel = world.fleet.consumers().filter_map(|(plant, c)| {
        let setpoint = plant.setpoint(c.shed.as_ref()?.setpoint.as_str())?;
        Some((setpoint.max - setpoint.min) / setpoint.velocity_per_s)
    });
    let scan = limits.scan.iter().map(|s| s.period_ms).max().unwrap_or(0) as f64 / 1e3;
    ((scan + limits.dispatch_period_s + limits.solve_limit_s + travel.fold(0.0, f64::max)) * 1e3) as i64
}
