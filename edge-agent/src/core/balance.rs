//! Local priority rules: what an edge does with heat when nobody tells it.
//!
//! A missing amount of heat on a header is met in this order: what running sources can add within a minute up to their
//! normal share of nameplate; shedding comfort, then production; the rest of their proven rating; shedding equipment
//! protection, product safety, and life safety last. Within a class the largest draw goes first, so that few are
//! touched. Heat that leaves through a main of the plant is taken from the far header's consumers, class by class, together with
//! the main's own flow. Consumers without a shed setpoint are must-serve.
//!
//! A header regulates itself by its swing source. While that does not run nobody does, so its other sources follow here:
//! more where the process value has left nominal downwards, less where it has upwards, before the plant's own protection
//! shuts the fuel. What a header holds above nominal is no heat to give away: it is gone within minutes.

use super::image::Image;
use super::trips::Trips;
use hypocaust_protocols::model::{
    Class, Consumer, Fleet, Header, HeaderId, Main, Plant, SetpointId, Source, SourceState,
};
use hypocaust_protocols::wire::Move;
use std::collections::BTreeMap;

/// What the rules look at.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub fleet: &'a Fleet,
    pub plant: &'a Plant,
    pub image: &'a Image,
    pub trips: &'a Trips,
}

impl<'a> View<'a> {
    fn running(&self, header: &'a HeaderId) -> impl Iterator<Item = (&'a Source, f64)> {
        let view = *self;
        self.plant.sources.iter().filter(move |s| s.header == *header).filter_map(move |s| {
            let on = view.image.good(&s.state).and_then(SourceState::from_word) == Some(SourceState::On);
            (on && !view.trips.suspects(&s.id))
                .then(|| view.image.good(&s.heat))
                .flatten()
                .map(|heat| (s, heat.max(0.0)))
        })
    }

    fn header(&self, id: &HeaderId) -> Option<&'a Header> {
        self.plant.headers.iter().find(|h| h.id == *id)
    }

    /// What a source may still give above its heat now; `proven`: beyond the normal share of nameplate.
    fn room(&self, source: &Source, heat: f64, proven: bool) -> f64 {
        let normal = self.fleet.limits.unit_load_max * source.heat_max_mw;
        let ceiling = if proven { source.proven_mw.max(normal) } else { normal };
        (ceiling - heat).max(0.0)
    }

    /// What consumers on this header take, MW.
    fn draw(&self, consumer: &Consumer) -> f64 {
        self.image.good(&consumer.served).or_else(|| self.image.good(&consumer.asked)).unwrap_or(0.0).max(0.0)
    }

    /// Heat that a main carries out of `header`, MW at that end; negative: into it.
    fn outflow(&self, main: &Main, header: &HeaderId) -> Option<f64> {
        let flow = self.image.good(&main.flow)?;
        let arriving = |sent: f64| sent.abs() * (1.0 - main.loss_fraction);
        if main.from == *header {
            Some(if flow >= 0.0 { flow } else { -arriving(flow) })
        } else if main.to == *header {
            Some(if flow >= 0.0 { -arriving(flow) } else { -flow })
        } else {
            None
        }
    }

    /// Heat that goes out of a header beyond what comes in, MW; negative while it fills.
    fn outgoing(&self, header: &'a Header) -> f64 {
        let out: f64 = self.plant.consumers.iter().filter(|c| c.header == header.id).map(|c| self.draw(c)).sum();
        let mains: f64 = self.fleet.mains.iter().filter_map(|m| self.outflow(m, &header.id)).sum();
        let made: f64 = self.running(&header.id).map(|(_, heat)| heat).sum();
        let stores: f64 =
            self.plant.storages.iter().filter(|s| s.header == header.id).filter_map(|s| self.image.good(&s.heat)).sum();
        out + mains - made - stores
    }

    /// The heat that a header lacks: what goes out beyond what comes in, and what brings the process value back to nominal
    /// within the deadline of life safety. `None` when the process value is not to be seen.
    pub fn deficit(&self, header: &'a Header) -> Option<f64> {
        let value = self.image.good(&header.process_value)?;
        let refill = (header.nominal - value) * header.capacity_mwh * 60.0 / self.fleet.limits.restore_min[0].max(1.0);
        Some(self.outgoing(header) + refill)
    }

    /// Whether a header's own regulation works: its swing source runs.
    fn regulates(&self, header: &'a Header) -> bool {
        self.running(&header.id).any(|(source, _)| source.id == header.swing)
    }
}

/// Of the way from nominal to a limit, so much is left to itself.
const AT_EASE: f64 = 0.25;

/// Changes of a load below this share of nameplate are not worth a write.
const WORTH_A_WRITE: f64 = 0.02;

/// Loads that bring a header back to nominal whose swing source does not run, and what it lacks (negative: has too much).
/// Up to the normal share of nameplate and down to the stable minimum; nothing while the process value is near nominal.
pub fn level(view: View<'_>, header: &Header) -> Option<(f64, Vec<Move>)> {
    let value = view.image.good(&header.process_value)?;
    let limit = if value > header.nominal { header.high } else { header.low };
    if view.regulates(header) || (value - header.nominal).abs() < AT_EASE * (limit - header.nominal).abs() {
        return None;
    }
    let lacks = view.deficit(header)?;
    // What is off and on its way back by itself is left alone.
    if (lacks > 0.0) == (value > header.nominal) {
        return None;
    }
    let mut left = lacks;
    let mut loads: Vec<(&Source, f64)> = view.running(&header.id).collect();
    loads.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut moves = Vec::new();
    for (source, heat) in loads {
        let least = -(heat - source.heat_min_mw).max(0.0);
        let change = left.clamp(least, view.room(source, heat, false));
        let Some(bounds) = view.plant.setpoint(source.setpoint.as_str()) else { continue };
        let to = (heat + change).clamp(bounds.min, bounds.max);
        let now = view.image.good(&source.setpoint).unwrap_or(heat);
        left -= change;
        if (to - now).abs() > WORTH_A_WRITE * source.heat_max_mw {
            moves.push(Move { setpoint: source.setpoint.clone(), value: to });
        }
    }
    (!moves.is_empty()).then_some((lacks, moves))
}

/// Setpoints that meet a loss of `mw` on `header`, for the fail-safe lane: caps down, sources up.
pub fn meet(view: View<'_>, header: &HeaderId, mw: f64) -> Vec<Move> {
    let mut plan = Plan { view, header, moves: BTreeMap::new(), cuts: BTreeMap::new() };
    let mut need = mw;
    need -= plan.raise(need, false);
    for class in [Class::Comfort, Class::Production] {
        need -= plan.shed(class, need);
    }
    if need > 0.0 {
        // The raise is stated anew up to the proven rating; what it gave before is part of what it gives now.
        let normal = plan.quick(false);
        need -= (plan.raise(need + normal, true) - normal).max(0.0);
    }
    for class in [Class::EquipmentProtection, Class::ProductSafety, Class::LifeSafety] {
        need -= plan.shed(class, need);
    }
    plan.moves.into_iter().map(|(setpoint, value)| Move { setpoint, value }).collect()
}

struct Plan<'a> {
    view: View<'a>,
    header: &'a HeaderId,
    moves: BTreeMap<SetpointId, f64>,
    /// Already taken from a main, MW at the sending end.
    cuts: BTreeMap<SetpointId, f64>,
}

impl<'a> Plan<'a> {
    /// What running sources can add within a minute.
    fn quick(&self, proven: bool) -> f64 {
        self.view.running(self.header).map(|(s, heat)| self.view.room(s, heat, proven).min(s.ramp_mw_per_min)).sum()
    }

    /// Raises running sources by `mw` in all; returns what of it is there within a minute.
    fn raise(&mut self, mw: f64, proven: bool) -> f64 {
        let mut left = mw.max(0.0);
        let mut quick = 0.0;
        let swing = self.view.header(self.header).map(|h| &h.swing);
        for (source, heat) in self.view.running(self.header) {
            let room = self.view.room(source, heat, proven);
            // The swing source finds its own load: its setpoint is the end of its band and is opened whole.
            let share = if Some(&source.id) == swing { room } else { room.min(left) };
            if share <= 0.0 || left <= 0.0 {
                continue;
            }
            let bounds = self.view.plant.setpoint(source.setpoint.as_str()).map_or((heat, heat), |s| (s.min, s.max));
            self.moves.insert(source.setpoint.clone(), (heat + share).clamp(bounds.0, bounds.1));
            let given = share.min(source.ramp_mw_per_min).min(left);
            quick += given;
            left -= given;
        }
        quick
    }

    /// Takes up to `mw` from consumers of one class; returns how much.
    fn shed(&mut self, class: Class, mw: f64) -> f64 {
        if mw <= 0.0 {
            return 0.0;
        }
        let mut left = mw;
        let near = self.header.clone();
        left -= self.shed_on(&near, class, left);
        for main in &self.view.fleet.mains {
            let Some(flow) = self.view.outflow(main, self.header).filter(|f| *f > 0.0) else { continue };
            let far = if main.from == *self.header { &main.to } else { &main.from };
            if left <= 0.0 || self.view.header(far).is_none() {
                continue;
            }
            let cut = self.cuts.get(&main.setpoint).copied().unwrap_or(0.0);
            let taken = self.shed_on(far, class, left.min(flow - cut));
            if taken > 0.0 {
                let rest = flow - cut - taken;
                let value = if main.from == *self.header { rest } else { -rest };
                self.cuts.insert(main.setpoint.clone(), cut + taken);
                self.moves.insert(main.setpoint.clone(), value);
                left -= taken;
            }
        }
        mw - left
    }

    fn shed_on(&mut self, header: &HeaderId, class: Class, mw: f64) -> f64 {
        let mut left = mw;
        let mut consumers: Vec<(&Consumer, f64)> = self
            .view
            .plant
            .consumers
            .iter()
            .filter(|c| c.header == *header && c.class == class)
            .map(|c| (c, self.view.draw(c)))
            .collect();
        consumers.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (consumer, draw) in consumers {
            let Some(shed) = &consumer.shed else { continue };
            let Some(setpoint) = self.view.plant.setpoint(shed.setpoint.as_str()) else { continue };
            let floor = shed.turndown_mw.max(setpoint.min);
            let taken = (draw - floor).min(left);
            if taken > 0.0 {
                self.moves.insert(setpoint.tag.clone(), (draw - taken).clamp(floor, setpoint.max));
                left -= taken;
            }
        }
        mw - left
    }
}

/// The cap to open next when a header has heat to spare: the highest class that is held short, by what comes in beyond what
/// goes out, and at most half of what running sources could still make, so that the header shows the effect before the next
/// step.
pub fn give_back(view: View<'_>, header: &Header) -> Option<Move> {
    let value = view.image.good(&header.process_value)?;
    if value < header.nominal {
        return None;
    }
    let spare: f64 = view.running(&header.id).map(|(s, heat)| view.room(s, heat, false)).sum();
    let surplus = (-view.outgoing(header)).max(0.0);
    let mut short: Vec<(&Consumer, f64, f64)> = view
        .plant
        .consumers
        .iter()
        .filter(|c| c.header == header.id)
        .filter_map(|c| {
            let setpoint = view.plant.setpoint(c.shed.as_ref()?.setpoint.as_str())?;
            let cap = view.image.good(&setpoint.tag)?;
            let asked = view.image.good(&c.asked)?.min(setpoint.max);
            (asked > cap + 0.01 * setpoint.max).then_some((c, cap, asked))
        })
        .collect();
    short.sort_by_key(|(c, ..)| c.class);
    let (consumer, cap, asked) = *short.first()?;
    let step = (asked - cap).min(surplus + 0.5 * spare);
    if step <= 0.0 {
        return None;
    }
    Some(Move { setpoint: consumer.shed.as_ref()?.setpoint.clone(), value: cap + step })
}
