//! Who goes short in a world, against what the faults force.
//!
//! Two yardsticks, both from [`clairvoyant`](crate::clairvoyant) and the physics alone:
//! * **order**: with the heat that is made at this moment, could the classes 1 to `k` have had more? Then it went to a class
//!   below that they could have reached, or nowhere.
//! * **bound**: with full knowledge of the faults, and each source as far as its physics could have brought it since the
//!   shortage began (ramp, time constant, start-up sequence, rating), how much would still be missing?
//!
//! What nobody could move counts for neither: a plant whose edge is down or whose sensors or devices are faulty (no
//! knowledge of the faults makes them show what they do not), and the flow of a main between plants that the
//! centre does not both reach (an edge alone cannot know whom the other plant would have to leave short).
//!
//! A shortage may follow its yardstick by the time that seeing, deciding and the setpoints' own travel take, which is
//! worked out for each moment from what the fleet says and what happens then ([`crate::lateness`]), and no longer.

use crate::clairvoyant::{Instant, Pipe, forced_unserved};
use crate::lateness::{Allowed, Lateness};
use crate::share::{Share, Shares};
use hypocaust_protocols::model::{Class, Plant, SetpointId, SourceState};
use hypocaust_sim::physics::Source;
use hypocaust_sim::world::{Happening, World};

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
    /// Asked and not served at plants that nobody could move, MW: it is in none of the above.
    pub left_out: f64,
    /// Plants that nobody could move, and such of the others as lack heat; a bit each.
    pub unmoved: u64,
    pub lacking: u64,
    /// Does the centre reach every plant, and see it as it is?
    pub led: bool,
    /// How long more than was forced may be missing.
    pub allowed: Allowed,
}

impl Look {
    /// Do the yardsticks have somebody's shortage before them?
    fn is_judged(&self) -> bool {
        self.short[4] > NOTHING_MW
    }
}

/// In how many looks somebody was short, and what of them was judged: all, those while dispatch led everywhere, and those
/// in which a yardstick did not force all that was missing, so that it could have told.
pub fn looked(looks: &[Look]) -> Shares {
    let mut shares = Shares::new();
    let mut count = |name, judged| {
        *shares.entry(name).or_default() += if judged { Share::of(1, 0) } else { Share::of(0, 1) };
    };
    for look in looks.iter().filter(|l| l.short[4] + l.left_out > NOTHING_MW) {
        let could_tell = |yardstick: &[f64; 5]| {
            let mut classes = look.short.iter().zip(yardstick);
            look.is_judged() && classes.any(|(short, forced)| *short > forced + NOTHING_MW)
        };
        count("looks with a shortage", look.is_judged());
        count("such looks while dispatch led", look.is_judged() && look.led);
        count("such looks that the order did not force", could_tell(&look.order));
        count("such looks that the bound did not force", could_tell(&look.bound));
    }
    shares
}

const LOOK_MS: i64 = 500;

/// A shortage smaller than this is the wandering of demands and the lag of valves, MW.
pub const NOTHING_MW: f64 = 0.1;

/// What a source could make by now, had it been driven as well as possible since the shortage began.
#[derive(Debug, Clone, Copy)]
enum Able {
    /// MW of heat, and MW that its firing stands for: the heat follows with the source's time constant.
    On { heat: f64, firing: f64 },
    /// Seconds of its start-up sequence that have passed, and the failed lightings so far.
    Starting(f64, u32),
}

/// Is a plant's heat somebody's to answer for ([`is_governed`])? Tests put another answer in its place.
pub type Governs = fn(&World, &Plant) -> bool;

/// Watches a world.
struct Watch {
    governs: Governs,
    able: Vec<Able>,
    /// Headers that were joined to a shortage at the last look.
    short_before: Vec<bool>,
    lateness: Lateness,
    last: i64,
}

impl Watch {
    fn new(world: &World, governs: Governs) -> Self {
        let physics = &world.plants.physics;
        Self {
            governs,
            able: physics.sources.iter().map(present).collect(),
            short_before: vec![false; physics.headers.len()],
            lateness: Lateness::new(world),
            last: world.now,
        }
    }

    fn look(&mut self, world: &World) -> Look {
        let physics = &world.plants.physics;
        let dt_s = (world.now - self.last) as f64 / 1e3;
        self.last = world.now;
        for (able, source) in self.able.iter_mut().zip(&physics.sources) {
            *able = if self.short_before[source.header] { driven(*able, source, dt_s) } else { present(source) };
        }
        let seen = Seen::new(world, self.governs);
        let (mut short, mut left_out, mut lacking) = ([0.0; 5], 0.0, 0);
        for consumer in &physics.consumers {
            let lacks = (consumer.asked - consumer.served).max(0.0);
            if !seen.moved(consumer.spec.id.as_str()) {
                left_out += lacks;
                continue;
            }
            lacking |= if lacks > NOTHING_MW { seen.bit(consumer.spec.id.as_str()) } else { 0 };
            for (k, class) in Class::ALL.into_iter().enumerate() {
                short[k] += if consumer.spec.class <= class { lacks } else { 0.0 };
            }
        }
        self.short_before = seen.joined_to_shortage();
        let led = world.fleet.plants.iter().all(|p| seen.is_governed(p) && world.leads(&p.id));
        let allowed = self.lateness.look(world, |id| seen.moved(id));
        let unmoved = seen.unmoved();
        let mut look = Look { at: world.now, short, left_out, unmoved, lacking, led, allowed, ..Look::default() };
        if look.is_judged() {
            // What a tripped source gives still is what is left in its pipes: nothing to plan with.
            let lit = |s: &Source| if s.is_on() { s.heat } else { 0.0 };
            let made: Vec<f64> = physics.sources.iter().map(lit).collect();
            look.order = forced_unserved(&seen.instant(&made, true));
            let able: Vec<f64> = self
                .able
                .iter()
                .zip(&physics.sources)
                .map(|(a, s)| match a {
                    Able::On { heat, .. } => heat.max(lit(s)),
                    Able::Starting(..) => lit(s),
                })
                .collect();
            // The classes 1 to 3 may have the proven rating, the others the normal share of the nameplate.
            let normal: Vec<f64> = able
                .iter()
                .zip(&physics.sources)
                .map(|(mw, s)| mw.min((world.fleet.limits.unit_load_max * s.spec.heat_max_mw).max(s.heat)))
                .collect();
            let (proven, normal) =
                (forced_unserved(&seen.instant(&able, false)), forced_unserved(&seen.instant(&normal, false)));
            look.bound = std::array::from_fn(|k| if k < 3 { proven[k] } else { normal[k] });
        }
        look
    }
}

/// Lives through a world up to `until`: what happens, in its order, and a look twice a second. `also` is called before each.
pub fn watched(
    world: &mut World,
    happened: &[(i64, Happening)],
    until: i64,
    also: impl FnMut(&mut World),
) -> Vec<Look> {
    watched_by(world, happened, until, is_governed, also)
}

/// The same with another answer to whose heat is judged.
pub fn watched_by(
    world: &mut World,
    happened: &[(i64, Happening)],
    until: i64,
    governs: Governs,
    mut also: impl FnMut(&mut World),
) -> Vec<Look> {
    let (mut watch, mut looks) = (Watch::new(world, governs), Vec::new());
    let mut run = |world: &mut World, until: i64| {
        while world.now < until {
            also(world);
            world.run(LOOK_MS.min(until - world.now));
            looks.push(watch.look(world));
        }
    };
    for (at, happening) in happened {
        run(world, *at);
        world.happen(happening);
    }
    run(world, until);
    looks
}

/// A world at one moment, and which of its plants are governed then.
struct Seen<'w> {
    world: &'w World,
    governed: Vec<bool>,
}

impl<'w> Seen<'w> {
    fn new(world: &'w World, governs: Governs) -> Self {
        Self { world, governed: world.fleet.plants.iter().map(|plant| governs(world, plant)).collect() }
    }

    fn plant_of(&self, id: &str) -> &'w Plant {
        self.world.fleet.plant_of(id).expect("the physics has what the fleet has")
    }

    /// Plants that nobody can move, a bit each.
    fn unmoved(&self) -> u64 {
        self.governed.iter().enumerate().map(|(i, governed)| u64::from(!governed) << i).sum()
    }

    /// The bit of the plant that this is in.
    fn bit(&self, id: &str) -> u64 {
        let plant = &self.plant_of(id).id;
        self.world.fleet.plants.iter().position(|p| p.id == *plant).map_or(0, |i| 1 << i)
    }

    fn is_governed(&self, plant: &Plant) -> bool {
        self.world.fleet.plants.iter().zip(&self.governed).any(|(p, governed)| p.id == plant.id && *governed)
    }

    fn moved(&self, id: &str) -> bool {
        self.is_governed(self.plant_of(id))
    }

    /// The headers where heat is missing, and those that free mains join to them: only there is there a reason to make more.
    fn joined_to_shortage(&self) -> Vec<bool> {
        let physics = &self.world.plants.physics;
        let mut missing = vec![0.0; physics.headers.len()];
        for consumer in &physics.consumers {
            missing[consumer.header] += (consumer.asked - consumer.served).max(0.0);
        }
        let mut joined: Vec<bool> = missing.iter().map(|mw| *mw > NOTHING_MW).collect();
        for _ in 0..joined.len() {
            for main in physics.mains.iter().filter(|m| m.open && self.is_free(m)) {
                let either = joined[main.from] || joined[main.to];
                (joined[main.from], joined[main.to]) = (either, either);
            }
        }
        joined
    }

    /// Can somebody who knows both ends set this main's flow?
    fn is_free(&self, main: &hypocaust_sim::physics::Main) -> bool {
        let (from, to) = (self.plant_of(main.spec.from.as_str()), self.plant_of(main.spec.to.as_str()));
        let both = self.is_governed(from) && self.is_governed(to);
        both && (from.id == to.id || self.world.leads(&from.id) && self.world.leads(&to.id))
    }

    /// The network with this heat of the sources; `made`: stores give what they give now, otherwise what they could.
    fn instant(&self, heat: &[f64], made: bool) -> Instant {
        let physics = &self.world.plants.physics;
        let mut at = Instant { headers: physics.headers.len(), ..Instant::default() };
        for (source, mw) in physics.sources.iter().zip(heat) {
            if self.moved(source.spec.id.as_str()) {
                at.sources.push((source.header, *mw));
            }
        }
        for store in physics.storages.iter().filter(|s| self.moved(s.spec.id.as_str())) {
            let could = if store.energy > 0.05 { store.spec.discharge_max_mw } else { 0.0 };
            at.sources.push((store.header, if made { store.heat.max(0.0) } else { could }));
        }
        for consumer in physics.consumers.iter().filter(|c| self.moved(c.spec.id.as_str())) {
            at.demands.push((consumer.header, consumer.spec.class, consumer.asked));
        }
        // Heat that fills a header up to its nominal value again stands behind everybody else.
        for (i, header) in physics.headers.iter().enumerate() {
            let lacks_mwh = (header.spec.nominal - header.value).max(0.0) * header.spec.capacity_mwh;
            at.demands.push((i, Class::Comfort, lacks_mwh * 60.0 / self.world.fleet.limits.restore_min[0].max(1.0)));
        }
        for main in physics.mains.iter().filter(|m| m.open) {
            let (from, to) = (self.plant_of(main.spec.from.as_str()), self.plant_of(main.spec.to.as_str()));
            if self.is_free(main) {
                let (loss, fixed) = (main.spec.loss_fraction, main.spec.fixed_loss_mw);
                let (cap, cap_reverse) = (main.spec.cap_mw, main.spec.cap_reverse_mw);
                at.mains.push(Pipe { from: main.from, to: main.to, cap, cap_reverse, loss, fixed });
                continue;
            }
            let ((sends, sender), (takes, taker)) =
                if main.flow >= 0.0 { ((main.from, from), (main.to, to)) } else { ((main.to, to), (main.from, from)) };
            if self.is_governed(sender) {
                at.demands.push((sends, Class::LifeSafety, main.flow.abs()));
            }
            if self.is_governed(taker) {
                at.sources.push((takes, main.flow.abs() * (1.0 - main.spec.loss_fraction)));
            }
        }
        at
    }
}

/// Does its edge run, and see the plant as it is?
fn is_governed(world: &World, plant: &Plant) -> bool {
    world.edge_runs(&plant.id)
        && !plant.devices.iter().any(|d| world.plants.is_silent(&d.id))
        && !plant.tags.iter().any(|t| world.plants.has_sensor_fault(&t.id))
}

fn present(source: &Source) -> Able {
    if source.is_on() {
        Able::On { heat: source.heat, firing: source.heat }
    } else {
        Able::Starting(0.0, source.failed_starts)
    }
}

fn driven(able: Able, source: &Source, dt_s: f64) -> Able {
    let lasts = source.spec.start.total_s();
    if source.fault || source.state == SourceState::Lockout {
        return Able::Starting(0.0, source.failed_starts);
    }
    match able {
        Able::On { heat, firing } => {
            let firing = (firing + source.spec.ramp_mw_per_min / 60.0 * dt_s).min(source.spec.heat_max_mw);
            let lag_s = source.spec.time_constant_s;
            let follow = if lag_s > 0.0 { 1.0 - (-dt_s / lag_s).exp() } else { 1.0 };
            Able::On { heat: heat + (firing - heat) * follow, firing }
        }
        Able::Starting(_, failed) if source.failed_starts > failed => Able::Starting(0.0, source.failed_starts),
        Able::Starting(passed, _) if passed + dt_s >= lasts => Able::On { heat: 0.0, firing: 0.0 },
        Able::Starting(passed, _) => Able::Starting(passed + dt_s, source.failed_starts),
    }
}

/// How late a shortage was at its worst: for so long more was missing than was forced, and so long it might have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latest {
    pub late_ms: i64,
    pub of_ms: i64,
}

impl Latest {
    /// The one of which the greater share was used.
    pub fn worse(self, other: Latest) -> Latest {
        let share = |l: Latest| l.late_ms as f64 / l.of_ms.max(1) as f64;
        if share(other) > share(self) { other } else { self }
    }
}

/// Where classes lack more than the yardstick forces for longer than they may, in words; otherwise how near that was.
///
/// A shortage is as late as the last moment at which so much was forced, or at which no more was missing than was forced:
/// what was shed at once may turn out to be more than was needed. Class 1 is never shed, so that for it only the first
/// counts: what it lacks beyond the forced came from a header that was let fall. What lacks where a plant was in nobody's
/// hands is as late as that plant is in somebody's again: nobody let its header fall.
pub fn unforced(world: &World, looks: &[Look], yardstick: fn(&Look) -> [f64; 5]) -> Result<Latest, String> {
    let unmoved = unmoved_mw(world);
    let mut latest = Latest::default();
    for (i, look) in looks.iter().enumerate() {
        for k in 0..5 {
            // Class 1 has no setpoint that could stand a little too low.
            let nothing = NOTHING_MW + if k == 0 { 0.0 } else { unmoved };
            let explains = |then: &Look| {
                let forced = yardstick(then)[k] + nothing;
                look.short[k] <= forced || k > 0 && then.short[k] <= forced || then.unmoved & look.lacking != 0
            };
            if explains(look) {
                continue;
            }
            let before = &looks[..=i];
            let since = before.iter().rposition(explains).unwrap_or(0);
            let late_ms = look.at - looks[since].at;
            let of_ms = Allowed::of(before[since..].iter().map(|l| l.allowed), k);
            if late_ms > of_ms {
                return Err(format!(
                    "at {:.1} s the classes 1 to {} lack {:.2} MW, more than was forced since {:.1} s ({:.2} MW now); {:.1} s are allowed",
                    look.at as f64 / 1e3,
                    k + 1,
                    look.short[k],
                    looks[since].at as f64 / 1e3,
                    yardstick(look)[k],
                    of_ms as f64 / 1e3,
                ));
            }
            latest = latest.worse(Latest { late_ms, of_ms });
        }
    }
    Ok(latest)
}

/// What dispatch leaves where it is, so that valves do not wear: a movement of a cap or of a main that is a small share of
/// its range is not ordered. One of each, the widest, may stand between a source and a consumer.
fn unmoved_mw(world: &World) -> f64 {
    let range = |id: &SetpointId| world.fleet.setpoint(id.as_str()).map_or(0.0, |(_, s)| s.max - s.min);
    let caps = world.fleet.consumers().filter_map(|(_, c)| Some(range(&c.shed.as_ref()?.setpoint)));
    let mains = world.fleet.mains.iter().map(|m| range(&m.setpoint));
    world.fleet.limits.movement_share * (caps.fold(0.0, f64::max) + mains.fold(0.0, f64::max))
}
