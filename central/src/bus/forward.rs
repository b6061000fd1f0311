//! From the MQTT host to `heat.telemetry`, without ever making the host wait.

use super::flight::{Admission, Flight, Key, SAMPLES};
use super::health::{Health, Part};
use crate::shell::metrics::{Metrics, Outcome};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use hypocaust_protocols::kafka::{Delivery, Producer};
use hypocaust_protocols::model::PlantId;
use hypocaust_protocols::wire::Entry;
use hypocaust_protocols::wire::record::{Telemetry, topic};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// The way of arrived entries to the bus. Cheap to clone.
#[derive(Clone)]
pub struct Forward {
    producer: Producer,
    flight: Arc<Mutex<Flight>>,
    landings: mpsc::UnboundedSender<Landing>,
    metrics: Metrics,
    health: Health,
}

/// An entry on its way.
struct Landing {
    key: Key,
    samples: usize,
    delivery: Delivery,
}

fn held(flight: &Mutex<Flight>) -> MutexGuard<'_, Flight> {
    // Each change is one whole admission or landing.
    flight.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Forward {
    /// The forwarder, and the task that sees what becomes of what it sends.
    pub(super) fn new(
        producer: Producer,
        metrics: Metrics,
        health: Health,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (landings, landing) = mpsc::unbounded_channel();
        let flight = Arc::new(Mutex::new(Flight::new(SAMPLES)));
        let watch = land(landing, Arc::clone(&flight), metrics.clone(), health.clone());
        (Self { producer, flight, landings, metrics, health }, watch)
    }

    /// Sends an entry on its way, or leaves it with its edge, which sends again what is not acknowledged.
    pub fn take(&self, plant: PlantId, entry: Entry, historical: bool) {
        let samples = entry.samples.len();
        let key = (plant, entry.boot, entry.seq);
        match held(&self.flight).admit(&key, samples) {
            Admission::Admitted => {}
            Admission::UnderWay => return self.metrics.duplicate(&key.0, samples),
            Admission::Full => return self.metrics.deferred(&key.0, samples),
        }
        let message = Telemetry { plant: key.0.clone(), entry, historical }.encode();
        match self.producer.send(topic::TELEMETRY, key.0.as_str(), &message) {
            Ok(delivery) => {
                // The task ends with the bus, and the process with it.
                let _ = self.landings.send(Landing { key, samples, delivery });
            }
            Err(error) => {
                held(&self.flight).landed(&key);
                self.metrics.deferred(&key.0, samples);
                self.health.report(Part::Writing, Err(error.to_string()));
            }
        }
    }
}

async fn land(
    mut landing: mpsc::UnboundedReceiver<Landing>,
    flight: Arc<Mutex<Flight>>,
    metrics: Metrics,
    health: Health,
) {
    let mut airborne = FuturesUnordered::new();
    loop {
        tokio::select! {
            next = landing.recv() => match next {
                Some(Landing { key, samples, delivery }) => {
                    airborne.push(async move { (key, samples, delivery.done().await) });
                }
                None => return,
            },
            Some((key, samples, outcome)) = airborne.next() => {
                held(&flight).landed(&key);
                match outcome {
                    Ok(_) => {
                        metrics.on_bus(topic::TELEMETRY, Outcome::Delivered);
                        health.report(Part::Writing, Ok(()));
                    }
                    Err(error) => {
                        metrics.on_bus(topic::TELEMETRY, Outcome::Failed);
                        metrics.deferred(&key.0, samples);
                        health.report(Part::Writing, Err(error.to_string()));
                    }
                }
            }
        }
    }
}
