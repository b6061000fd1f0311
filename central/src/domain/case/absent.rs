//! A plant out of reach, as the others have to reckon with it.
//!
//! Nobody can move it, so it stays as it was last seen: its sources make what they made and its consumers draw what they
//! drew. Two things follow for those that can be moved.
//!
//! * A main that its edge sets goes on carrying what it is set to. At the other end that is heat that comes or goes
//!   whatever is decided there, so it is a source that must run or a demand that must be met; the case has no such main.
//!   What the plant's own picture would leave for it says nothing: a source that was on its way up is there by now.
//! * A main that somebody else sets may be moved. So that its end is worth to the plant what it was when the plant was
//!   last seen, the plant's headers keep the balance that they had then: what its sources and mains did not bring came
//!   from a store, from a header's content or on its way up, and goes on. What it lacks by a movement of the main it takes
//!   from its own lowest class, as its edge does alone.

use super::{Builder, MAIN, REST};
use hypocaust_optimizer::case::{Case, Demand, Unit, UnitKind};
use hypocaust_protocols::model::{Class, Header, HeaderId, Main, Plant};

impl Builder<'_> {
    /// Does its edge set this main, and is out of reach?
    pub(super) fn is_fixed(&self, main: &Main) -> bool {
        self.fleet.plant_of(main.setpoint.as_str()).is_some_and(|owner| !self.image.linked(&owner.id))
    }

    /// What nobody can move about the plants out of reach.
    pub(super) fn absent(&self, case: &mut Case) {
        for main in self.fleet.mains.iter().filter(|m| self.is_fixed(m)) {
            self.ends(case, main);
        }
        for plant in self.plants().filter(|p| !self.image.linked(&p.id)) {
            plant.headers.iter().for_each(|header| self.rest(case, plant, header));
        }
    }

    /// What comes and goes by a main that nobody can move, at those of its ends that are not out of reach themselves.
    fn ends(&self, case: &mut Case, main: &Main) {
        let Some((a, b)) = self.joined(main) else { return };
        let left = if self.lost_main(main, (a, b)) { 0.0 } else { 1.0 };
        let set = || self.image.held(&main.setpoint).or_else(|| self.image.held(&main.flow));
        let flow = self.image.good(self.fleet, &main.flow, self.now).or_else(set).unwrap_or(0.0);
        if self.image.held(&main.open) == Some(0.0) {
            return;
        }
        let (leaves, arrives) = at_ends(main, flow.clamp(-main.cap_reverse_mw, main.cap_mw));
        for (plant, header, mw) in [(a, &main.from, -leaves), (b, &main.to, arrives)] {
            let id = format!("{MAIN}{}", main.id);
            if !self.image.linked(&plant.id) {
                continue;
            }
            if mw > 0.0 {
                case.units.push(must_run(&id, plant, header, mw, left));
            } else if mw < 0.0 {
                let taken = demand(id, header, Class::LifeSafety, -left * mw);
                case.demands.push(Demand { sheddable: Some(0.0.into()), ..taken });
            }
        }
    }

    /// What kept a header in balance when its plant was last seen, beside what is in the case.
    fn rest(&self, case: &mut Case, plant: &Plant, header: &Header) {
        let drawn = plant.consumers.iter().filter(|c| c.header == header.id).filter_map(|c| self.image.held(&c.served));
        let made = plant.sources.iter().filter(|s| s.header == header.id).map(|s| self.goes_on_with(s));
        let taken = self.fleet.mains.iter().filter(|m| !self.is_fixed(m)).map(|main| {
            let (leaves, arrives) = at_ends(main, self.image.carried(&plant.id, &main.id));
            match () {
                () if main.from == header.id => leaves,
                () if main.to == header.id => -arrives,
                () => 0.0,
            }
        });
        let mw = drawn.map(|mw| mw.max(0.0)).sum::<f64>() + taken.sum::<f64>() - made.sum::<f64>();
        let left = if self.lost_header(header.id.as_str()) { 0.0 } else { 1.0 };
        let id = format!("{REST}{}", header.id);
        if mw > 0.0 {
            case.units.push(must_run(&id, plant, &header.id, mw, left));
        } else if mw < 0.0 {
            // What filled the header or a store may as well fill it later.
            case.demands.push(demand(id, &header.id, Class::Comfort, -left * mw));
        }
    }
}

/// A source that makes this whatever is decided, MW. `left`: zero where it is lost; it keeps its place in the case.
fn must_run(id: &str, plant: &Plant, header: &HeaderId, mw: f64, left: f64) -> Unit {
    let mut unit = Unit::new(id, UnitKind::WasteHeat, plant.id.as_str(), header.as_str(), mw);
    unit.availability = left.into();
    unit.must_run = Some((left * mw).into());
    unit
}

/// A demand that may be shed, MW.
fn demand(id: String, header: &HeaderId, class: Class, mw: f64) -> Demand {
    Demand { id, header: header.to_string(), class: class.name().into(), heat: mw.into(), sheddable: None }
}

/// What leaves the header `from` and what arrives at `to` by a main that carries this, MW. Half of what it loses by
/// standing hot is lost at either end.
fn at_ends(main: &Main, flow: f64) -> (f64, f64) {
    let (kept, standing) = (1.0 - main.loss_fraction, main.fixed_loss_mw / 2.0);
    if flow >= 0.0 { (flow + standing, flow * kept - standing) } else { (flow * kept + standing, flow - standing) }
}
