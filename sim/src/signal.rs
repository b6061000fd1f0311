//! Which physical thing a tag shows, and which one a setpoint moves. Derived from the fleet once; the plant file alone
//! says what a tag is for.

use crate::physics::Piece;
use hypocaust_protocols::model::{Fleet, Measure, Meter, Plant, Quantity, SITE, TagId};
use std::collections::BTreeMap;

/// Indices are those of [`crate::physics::Enterprise`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    HeaderValue(usize),
    SourceHeat(usize),
    SourceState(usize),
    SourceSetpoint(usize),
    StartRequest(usize),
    /// 1 while the source is tripped or locked out.
    Tripped(usize),
    /// A meter of a source.
    Meter(usize, Meter),
    StoreLevel(usize),
    StoreHeat(usize),
    StoreSetpoint(usize),
    Asked(usize),
    Served(usize),
    Cap(usize),
    MainFlow(usize),
    MainSetpoint(usize),
    MainOpen(usize),
    /// What an instrument shows that nothing is decided by.
    Measured(Piece, Quantity),
    /// A register that only remembers what was written (counters, spare setpoints).
    Memory,
}

/// The signal of every tag of the fleet.
pub fn signals(fleet: &Fleet) -> BTreeMap<TagId, Signal> {
    let mut map: BTreeMap<TagId, Signal> =
        fleet.plants.iter().flat_map(|p| &p.tags).map(|t| (t.id.clone(), Signal::Memory)).collect();
    for (i, header) in fleet.plants.iter().flat_map(|p| &p.headers).enumerate() {
        map.insert(header.process_value.clone(), Signal::HeaderValue(i));
    }
    for (i, (plant, source)) in fleet.sources().enumerate() {
        map.insert(source.heat.clone(), Signal::SourceHeat(i));
        map.insert(source.state.clone(), Signal::SourceState(i));
        map.insert(source.setpoint.clone(), Signal::SourceSetpoint(i));
        if let Some(request) = &source.start_request {
            map.insert(request.clone(), Signal::StartRequest(i));
        }
        for (meter, tag) in &source.meters {
            map.insert(tag.clone(), Signal::Meter(i, *meter));
        }
        for tag in plant.trips.iter().filter(|t| t.source == source.id).flat_map(|t| &t.tags) {
            map.entry(tag.clone()).and_modify(|s| {
                if *s == Signal::Memory {
                    *s = Signal::Tripped(i);
                }
            });
        }
    }
    for (i, store) in fleet.plants.iter().flat_map(|p| &p.storages).enumerate() {
        map.insert(store.level.clone(), Signal::StoreLevel(i));
        map.insert(store.heat.clone(), Signal::StoreHeat(i));
        map.insert(store.setpoint.clone(), Signal::StoreSetpoint(i));
    }
    for (i, (_, consumer)) in fleet.consumers().enumerate() {
        map.insert(consumer.asked.clone(), Signal::Asked(i));
        map.insert(consumer.served.clone(), Signal::Served(i));
        if let Some(shed) = &consumer.shed {
            map.insert(shed.setpoint.clone(), Signal::Cap(i));
        }
    }
    for (i, main) in fleet.mains.iter().enumerate() {
        map.insert(main.flow.clone(), Signal::MainFlow(i));
        map.insert(main.setpoint.clone(), Signal::MainSetpoint(i));
        map.insert(main.open.clone(), Signal::MainOpen(i));
    }
    for (plant, tag) in fleet.plants.iter().flat_map(|p| p.tags.iter().map(move |t| (p, t))) {
        if let Some((piece, quantity)) = tag.measures.as_ref().and_then(|m| Some((piece(fleet, plant, m)?, m.quantity)))
        {
            map.insert(tag.id.clone(), Signal::Measured(piece, quantity));
        }
    }
    map
}

/// The equipment that a tag measures, by its index in the physics.
fn piece(fleet: &Fleet, plant: &Plant, measure: &Measure) -> Option<Piece> {
    let of = measure.of.as_str();
    if of.strip_prefix(plant.id.as_str()).and_then(|rest| rest.strip_prefix('.')) == Some(SITE) {
        return Some(Piece::Site);
    }
    let headers = fleet.plants.iter().flat_map(|p| &p.headers).position(|h| h.id.as_str() == of);
    let storages = || fleet.plants.iter().flat_map(|p| &p.storages).position(|s| s.id.as_str() == of);
    headers
        .map(Piece::Header)
        .or_else(|| fleet.sources().position(|(_, s)| s.id.as_str() == of).map(Piece::Source))
        .or_else(|| storages().map(Piece::Storage))
        .or_else(|| fleet.consumers().position(|(_, c)| c.id.as_str() == of).map(Piece::Consumer))
        .or_else(|| fleet.main_of(plant, of).map(Piece::Main))
}
