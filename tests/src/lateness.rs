//! How late a shortage may be behind what the faults force, from what the fleet says and what happens at that moment.
//!
//! Nothing here is a figure of its own but those of the protocol between centre and edge. Seeing takes the scan of what is
//! decided by. Deciding takes the cycles that pass before a setpoint that was just ordered may be ordered again (an edge's
//! writes per minute), the solve that is under way and its own, the appends that both wait for, and the way there and back:
//! solves, appends and messages take as long as the world makes them at that time. Then the setpoints travel, each at the
//! velocity of its file: caps of those who lack heat open in the normal lane, those of lower classes shut in the fail-safe
//! lane. Their way counts as far as it was made: caps that stand where they stood when heat came have no right to it. In the
//! small fleet and fair weather that is 17 s and the way. A header that was let fall below its lower limit while nobody could
//! help it takes its time to be filled again, which is a way as well.
//!
//! Where nobody leads, or an edge takes no orders yet, nothing is decided. That time comes on top, as far as the edge does
//! not act alone by then, and is forgotten once what follows from it can be done. A leader that has not had a plant in its
//! hands all the time opens its setpoints gradually, a step an order; who has less way to go needs fewer steps.

use hypocaust_protocols::model::{Class, Fleet, PlantId};
use hypocaust_sim::physics::VALVE_LAG_S;
use hypocaust_sim::world::World;
use std::collections::BTreeMap;

/// An order or a reading that was lost is sent again after this time.
const AGAIN_S: f64 = 2.0;
/// A plant that comes into the hands of a leader is given back to dispatch gradually, over this time...
const REENTRY_S: f64 = 60.0;
/// ...in steps of this share of a setpoint's span.
const REENTRY_STEP: f64 = 0.1;
/// What a header is filled with at least, MW, lest nothing is nothing for ever.
const LEAST_MW: f64 = 0.5;
/// Time constants of a valve until what it still lacks behind a moving cap is next to nothing.
const LAGS: f64 = 2.0;

/// What a shortage may take at one moment, ms, by classes 1 to `k`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowed {
    /// Until the setpoints move.
    pub start_ms: i64,
    /// From where the setpoints stand to where nobody lacks heat by them.
    pub way_ms: [i64; 5],
    /// From where headers stand to their lower limit.
    pub refill_ms: i64,
}

impl Allowed {
    /// What was allowed in an episode that lasts, from all its moments: the longest start, and of the longest ways what has
    /// been made of them.
    pub fn of(episode: impl IntoIterator<Item = Allowed>, k: usize) -> i64 {
        let (mut start, mut ways, mut left) = (0, [0, 0], [0, 0]);
        for Allowed { start_ms, way_ms, refill_ms } in episode {
            start = start.max(start_ms);
            left = [way_ms[k], refill_ms];
            ways = [ways[0].max(left[0]), ways[1].max(left[1])];
        }
        start + ways[0] - left[0] + ways[1] - left[1]
    }
}

/// A plant that nobody has in hand, or had not a while ago.
#[derive(Debug, Clone, Copy)]
struct Gone {
    since: i64,
    /// When somebody had it again.
    until: Option<i64>,
}

/// What is remembered from look to look.
#[derive(Debug)]
pub struct Lateness {
    gone: BTreeMap<PlantId, Gone>,
    /// Times that a decision took lately, s, and when that was seen.
    decisions: Vec<(i64, f64)>,
}

impl Lateness {
    /// Nobody has a plant in hand when a world begins.
    pub fn new(world: &World) -> Self {
        let gone = Gone { since: world.now, until: None };
        Self { gone: world.fleet.plants.iter().map(|p| (p.id.clone(), gone)).collect(), decisions: Vec::new() }
    }

    /// What a shortage may take at this moment. `moved`: is that somebody's to answer for?
    pub fn look(&mut self, world: &World, moved: impl Fn(&str) -> bool) -> Allowed {
        let start = scan_s(&world.fleet) + self.decision(world) + LAGS * VALVE_LAG_S;
        let ways = Ways::of(world, moved);
        let (gone, slowly) = self.gone(world, start, &ways);
        let ms = |s: f64| (s * 1e3) as i64;
        let way_ms = Class::ALL.map(|class| ms(ways.of_class(class, slowly)));
        Allowed { start_ms: ms(start + gone), way_ms, refill_ms: ms(refill_s(world)) }
    }

    /// From what is seen to the order at the edge, s: as slow as it was at any time since the last order may have gone.
    fn decision(&mut self, world: &World) -> f64 {
        let limits = &world.fleet.limits;
        let solve = (world.solve_ms() as f64 / 1e3).min(limits.solve_limit_s);
        let append = world.append_ms() as f64 / 1e3;
        let weather = &world.network.weather;
        let way = weather.delay_ms.1 as f64 / 1e3 + if weather.loss > 0.0 { AGAIN_S } else { 0.0 };
        let took = order_s(&world.fleet) + 2.0 * (solve + append + way);
        self.decisions.push((world.now, took));
        let lately = world.now - ((order_s(&world.fleet) + limits.solve_limit_s) * 1e3) as i64;
        self.decisions.retain(|(at, _)| *at >= lately);
        self.decisions.iter().map(|d| d.1).fold(0.0, f64::max)
    }

    /// What the time adds in which a plant was in nobody's hands, s, and whether one is being given back gradually.
    /// `start`: what a decision takes until its effect begins.
    fn gone(&mut self, world: &World, start: f64, ways: &Ways) -> (f64, bool) {
        let limits = &world.fleet.limits;
        // By then an edge acts alone, once a period.
        let alone = limits.autonomous_after_s + limits.dispatch_period_s;
        let (mut most, mut slowly) = (0.0_f64, false);
        for plant in &world.fleet.plants {
            let since = world.in_hand_since(&plant.id);
            let Some(gone) = self.gone.get_mut(&plant.id) else { continue };
            match (since, gone.until) {
                // Who had it for less than a decision takes has decided nothing.
                (None, Some(until)) => {
                    let hardly = ((world.now - until) as f64 / 1e3) < start;
                    *gone = Gone { since: if hardly { gone.since } else { world.now }, until: None };
                }
                (Some(_), None) => gone.until = Some(world.now),
                _ => {}
            }
            let gradual = since.is_none_or(|since| (world.now - since) as f64 / 1e3 <= REENTRY_S);
            slowly |= gradual;
            let lasted = ((gone.until.unwrap_or(world.now) - gone.since) as f64 / 1e3).min(alone);
            let back = gone.until.map_or(0.0, |until| (world.now - until) as f64 / 1e3);
            if back <= start + lasted + ways.longest(gradual) {
                most = most.max(lasted);
            }
        }
        (most, slowly)
    }
}

/// From one order for a setpoint to the next, s: whole cycles, as many as the rate limit takes.
fn order_s(fleet: &Fleet) -> f64 {
    let spacing = 60.0 / f64::from(fleet.limits.writes_per_minute.max(1));
    (spacing / fleet.limits.dispatch_period_s).ceil() * fleet.limits.dispatch_period_s
}

/// The slowest scan of what is decided by, s.
fn scan_s(fleet: &Fleet) -> f64 {
    let sources = fleet.sources().flat_map(|(_, s)| [&s.state, &s.heat]);
    let consumers = fleet.consumers().flat_map(|(_, c)| [&c.asked, &c.served]);
    let mains = fleet.mains.iter().flat_map(|m| [&m.open, &m.flow]);
    let flags = fleet.plants.iter().flat_map(|p| &p.trips).flat_map(|t| &t.tags);
    let tags = sources.chain(consumers).chain(mains).chain(flags).filter_map(|id| Some(fleet.tag(id.as_str())?.1));
    let periods = tags.filter_map(|tag| Some(fleet.limits.scan.get(tag.scan)?.period_ms));
    periods.max().unwrap_or(0) as f64 / 1e3
}

/// How long a header that stands below its lower limit takes to be there again, s: what it lacks, with all the heat that is
/// made there or could be sent there, less what people draw. Until then nobody there can draw all that they ask for.
fn refill_s(world: &World) -> f64 {
    let physics = &world.plants.physics;
    let made = |header: usize| -> f64 { physics.sources.iter().filter(|s| s.header == header).map(|s| s.heat).sum() };
    let reached = |header: usize| {
        world.fleet.plant_of(physics.headers[header].spec.id.as_str()).is_some_and(|plant| world.leads(&plant.id))
    };
    let mut longest = 0.0_f64;
    for (i, header) in physics.headers.iter().enumerate() {
        let lacks_mwh = (header.spec.low - header.value).max(0.0) * header.spec.capacity_mwh;
        let sent = physics.mains.iter().filter(|m| m.open).map(|main| {
            let (other, cap) = match (main.from == i, main.to == i) {
                (true, _) => (main.to, main.spec.cap_reverse_mw),
                (_, true) => (main.from, main.spec.cap_mw),
                _ => return 0.0,
            };
            if reached(i) && reached(other) { made(other).min(cap) * (1.0 - main.spec.loss_fraction) } else { 0.0 }
        });
        let people = physics.consumers.iter().filter(|c| c.header == i && c.spec.class == Class::LifeSafety);
        let left = made(i) + sent.sum::<f64>() - people.map(|c| c.asked).sum::<f64>();
        longest = longest.max(3600.0 * lacks_mwh / left.max(LEAST_MW));
    }
    longest
}

/// How long setpoints are under way from where they stand, s, by class.
#[derive(Default)]
struct Ways {
    /// Caps of consumers who lack heat by them, up.
    open: [f64; 5],
    /// The same in the steps of a gradual return.
    gradual: [f64; 5],
    /// All caps, down.
    shut: [f64; 5],
}

impl Ways {
    fn of(world: &World, moved: impl Fn(&str) -> bool) -> Ways {
        let order = order_s(&world.fleet);
        let mut ways = Ways::default();
        for consumer in world.plants.physics.consumers.iter().filter(|c| moved(c.spec.id.as_str())) {
            let Some(shed) = &consumer.spec.shed else { continue };
            let Some((_, cap)) = world.fleet.setpoint(shed.setpoint.as_str()) else { continue };
            let k = consumer.spec.class as usize;
            let closed = (consumer.asked.min(cap.max) - consumer.cap).max(0.0);
            let opened = (consumer.cap.min(consumer.asked) - shed.turndown_mw).max(0.0);
            let steps = (closed / (REENTRY_STEP * (cap.max - cap.min))).ceil();
            ways.open[k] = ways.open[k].max(closed / cap.velocity_per_s);
            ways.gradual[k] = ways.gradual[k].max((steps * order).min(REENTRY_S));
            ways.shut[k] = ways.shut[k].max(opened / cap.fail_safe_velocity_per_s);
        }
        ways
    }

    /// Caps of these classes open, those of the lower ones shut: what both need.
    fn of_class(&self, class: Class, slowly: bool) -> f64 {
        let k = class as usize;
        let open = if slowly { &self.gradual } else { &self.open };
        open[..=k].iter().chain(&self.open[..=k]).chain(&self.shut[k + 1..]).copied().fold(0.0, f64::max)
    }

    fn longest(&self, slowly: bool) -> f64 {
        Class::ALL.into_iter().map(|class| self.of_class(class, slowly)).fold(0.0, f64::max)
    }
}
