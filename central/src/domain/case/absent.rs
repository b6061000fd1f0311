//! Mains that nobody can move, as those who can be moved have to reckon with them.
//!
//! A plant out of reach stays as it was last seen, and a main that its edge sets goes on carrying what it is set to. At the
//! other end that is heat that comes or goes whatever is decided there, so it is a source that must run or a demand that
//! must be met; the case has no such main. What the plant's own picture would leave for it says nothing: a source that was
//! on its way up is there by now. The same holds for a main to a plant that was never seen: there is no end to plan for.
//!
//! That is what an edge does that lives and is not reached. Where the edge is dead its controllers shut the main, and a
//! living one may turn it down by itself; nobody tells. What the reached end gets it knows from its own balance of heat
//! ([`balance`](super::super::balance)): as far as less arrives than the main is set to, so much less is reckoned with.
//! That takes a good half minute. It is never more than what is set, and where the balance is not known that is all
//! there is.

use super::super::balance::{brings, unmeasured};
use super::{Builder, MAIN};
use hypocaust_optimizer::case::{Case, Demand, Unit, UnitKind};
use hypocaust_protocols::model::{Class, HeaderId, Main, MainId};

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
        let left = if self.lost_main(main) { 0.0 } else { 1.0 };
        for header in [&main.from, &main.to] {
            let Some(plant) = self.fleet.plant_of(header.as_str()) else { continue };
            if !self.image.linked(&plant.id) || !self.image.known(self.fleet, plant, self.now) {
                continue;
            }
            let mw = self.comes(main, header);
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

    /// What a main that nobody can move brings to this end of it, MW; negative: takes.
    fn comes(&self, main: &Main, header: &HeaderId) -> f64 {
        let carrying =
            |main: &Main, flow: f64| brings(self.image, main, flow.clamp(-main.cap_reverse_mw, main.cap_mw), header);
        if let Some(flow) = self.image.good(self.fleet, &main.flow, self.now) {
            return carrying(main, flow);
        }
        let set = |main: &Main| {
            let flow = self.image.held(&main.setpoint).or_else(|| self.image.held(&main.flow));
            carrying(main, flow.unwrap_or(0.0))
        };
        // All of the header that are not measured, since the balance knows them together only.
        let all = || unmeasured(self.fleet, self.image, header, self.now);
        let by: Vec<&MainId> = all().map(|m| &m.id).collect();
        let brought = self.image.balances.brought(header, &by, self.now);
        let Some(brought) = brought.filter(|_| all().all(|m| self.is_fixed(m))) else { return set(main) };
        let less = all().map(set).sum::<f64>() - brought;
        // Less comes than was set, or less goes: that is taken from all that come or from all that go, in proportion.
        let same_way = |mw: &f64| *mw * less > 0.0;
        let mw = set(main);
        if same_way(&mw) { mw * (1.0 - less / all().map(set).filter(same_way).sum::<f64>()).max(0.0) } else { mw }
    }
}
