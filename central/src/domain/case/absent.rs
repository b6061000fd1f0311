//! Mains that nobody can move, as those who can be moved have to reckon with them.
//!
//! A plant out of reach stays as it was last seen, and a main that its edge sets goes on carrying what it is set to. At the
//! other end that is heat that comes or goes whatever is decided there, so it is a source that must run or a demand that
//! must be met; the case has no such main. What the plant's own picture would leave for it says nothing: a source that was
//! on its way up is there by now. The same holds for a main to a plant that was never seen: there is no end to plan for.
//!
//! That is what an edge does that lives and is not reached. Where the edge is dead its controllers shut the main, and
//! nobody tells: the header at the other end then falls until its own rules help.

use super::{Builder, MAIN};
use hypocaust_optimizer::case::{Case, Demand, Unit, UnitKind};
use hypocaust_protocols::model::{Class, Main};

impl Builder<'_> {
    /// Is the plant that sets it out of reach, or a plant at one of its ends not known?
    pub(super) fn is_fixed(&self, main: &Main) -> bool {
        let owner = self.fleet.plant_of(main.setpoint.as_str());
        let (a, b) = (self.fleet.plant_of(main.from.as_str()), self.fleet.plant_of(main.to.as_str()));
        owner.is_some_and(|owner| !self.image.linked(&owner.id))
            || [a, b].into_iter().flatten().any(|plant| !self.image.known(self.fleet, plant, self.now))
    }

    /// What comes and goes by a main that nobody can move, at those of its ends that are reached.
    pub(super) fn ends(&self, case: &mut Case, main: &Main) {
        if self.image.held(&main.open) == Some(0.0) {
            return;
        }
        let left = if self.lost_main(main) { 0.0 } else { 1.0 };
        let set = || self.image.held(&main.setpoint).or_else(|| self.image.held(&main.flow));
        let flow = self.image.good(self.fleet, &main.flow, self.now).or_else(set).unwrap_or(0.0);
        let (leaves, arrives) = at_ends(main, flow.clamp(-main.cap_reverse_mw, main.cap_mw));
        for (header, mw) in [(&main.from, -leaves), (&main.to, arrives)] {
            let Some(plant) = self.fleet.plant_of(header.as_str()) else { continue };
            if !self.image.linked(&plant.id) || !self.image.known(self.fleet, plant, self.now) {
                continue;
            }
            let id = format!("{MAIN}{}", main.id);
            if mw > 0.0 {
                let mut unit = Unit::new(&id, UnitKind::WasteHeat, plant.id.as_str(), header.as_str(), mw);
                // What is lost keeps its place in the case.
                unit.availability = left.into();
                unit.must_run = Some((left * mw).into());
                case.units.push(unit);
            } else if mw < 0.0 {
                case.demands.push(Demand {
                    id,
                    header: header.to_string(),
                    class: Class::LifeSafety.name().into(),
                    heat: (-left * mw).into(),
                    sheddable: Some(0.0.into()),
                });
            }
        }
    }
}

/// What leaves the header `from` and what arrives at `to` by a main that carries this, MW. Half of what it loses by
/// standing hot is lost at either end.
fn at_ends(main: &Main, flow: f64) -> (f64, f64) {
    let (kept, standing) = (1.0 - main.loss_fraction, main.fixed_loss_mw / 2.0);
    if flow >= 0.0 { (flow + standing, flow * kept - standing) } else { (flow * kept + standing, flow - standing) }
}
