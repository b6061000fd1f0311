//! The cores as the world sees them, so that a test can put another mechanism in their place.

use hypocaust_central::bus::{Admission, Flight, Key};
use hypocaust_central::domain::{Domain, Effect as CentreEffect, Input as CentreInput, State};
use hypocaust_edge::core::{Birth, Core, Effect as EdgeEffect, Input as EdgeInput, Now};
use hypocaust_protocols::model::Millis;

/// What decides at a plant.
pub trait EdgeNode {
    fn handle(&mut self, now: Now, input: EdgeInput) -> Vec<EdgeEffect>;
    fn birth(&mut self, now: Now) -> Birth;
}

impl EdgeNode for Core {
    fn handle(&mut self, now: Now, input: EdgeInput) -> Vec<EdgeEffect> {
        Core::handle(self, now, input)
    }
    fn birth(&mut self, now: Now) -> Birth {
        Core::birth(self, now)
    }
}

/// What may go to the bus, and what is on its way there.
pub trait Flying {
    fn admit(&mut self, key: &Key, samples: usize) -> Admission;
    fn landed(&mut self, key: &Key);
}

impl Flying for Flight {
    fn admit(&mut self, key: &Key, samples: usize) -> Admission {
        Flight::admit(self, key, samples)
    }
    fn landed(&mut self, key: &Key) {
        Flight::landed(self, key);
    }
}

/// What decides for the whole fleet: a domain, or a test's change of one.
pub trait Centre {
    fn handle(&mut self, now: Millis, input: CentreInput) -> Vec<CentreEffect>;
    fn domain(&self) -> &Domain;
    fn domain_mut(&mut self) -> &mut Domain;
    /// What it takes the journal to lead to.
    fn state(&self) -> &State {
        self.domain().state()
    }
}

impl Centre for Domain {
    fn handle(&mut self, now: Millis, input: CentreInput) -> Vec<CentreEffect> {
        Domain::handle(self, now, input)
    }
    fn domain(&self) -> &Domain {
        self
    }
    fn domain_mut(&mut self) -> &mut Domain {
        self
    }
}
