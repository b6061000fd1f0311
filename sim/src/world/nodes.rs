//! The cores as the world sees them, so that a test can put another mechanism in their place.

use hypocaust_central::domain::subagents::Registry;
use hypocaust_central::domain::{Domain, Effect as CentreEffect, Image, Input as CentreInput, State};
use hypocaust_central::journal::Head;
use hypocaust_edge::core::{Birth, Core, Effect as EdgeEffect, Input as EdgeInput, Now};
use hypocaust_protocols::model::Millis;

/// What decides at a plant.
pub trait EdgeNode {
    fn handle(&mut self, now: Now, input: EdgeInput) -> Vec<EdgeEffect>;
    fn birth(&self, now: Now) -> Birth;
}

impl EdgeNode for Core {
    fn handle(&mut self, now: Now, input: EdgeInput) -> Vec<EdgeEffect> {
        Core::handle(self, now, input)
    }
    fn birth(&self, now: Now) -> Birth {
        Core::birth(self, now)
    }
}

/// What decides for the whole fleet.
pub trait Centre {
    fn handle(&mut self, now: Millis, input: CentreInput) -> Vec<CentreEffect>;
    fn state(&self) -> &State;
    fn head(&self) -> Head;
    /// What it knows of the sub-agents.
    fn subagents(&self) -> &Registry;
    /// What its replica heard of the plants before it led.
    fn inherit(&mut self, image: Image);
}

impl Centre for Domain {
    fn handle(&mut self, now: Millis, input: CentreInput) -> Vec<CentreEffect> {
        Domain::handle(self, now, input)
    }
    fn state(&self) -> &State {
        Domain::state(self)
    }
    fn head(&self) -> Head {
        Domain::head(self)
    }
    fn subagents(&self) -> &Registry {
        Domain::subagents(self)
    }
    fn inherit(&mut self, image: Image) {
        Domain::inherit(self, image);
    }
}
