//! Who is where in a case, and the series of a result by the case's own numbers: looked up once, so that the judge's loops
//! over steps search for no name. The judge's own, as all of `check`: what formulates a case has another.

use std::collections::{HashMap, HashSet};

use crate::case::{Carrier, Case, Reserve, Unit};
use crate::solution::{
    ConnectionSeries, DemandSeries, LinkSeries, Solution, StorageSeries, UnitSeries, beyond_setpoints,
};

/// By header, connection or unit the others that belong to it; and the series, each by its number in the case's list.
pub struct Places<'a> {
    /// By header: its units, storages and demands.
    pub units_at: Vec<Vec<usize>>,
    pub storages_at: Vec<Vec<usize>>,
    pub demands_at: Vec<Vec<usize>>,
    /// By header: the links that end there, and whether it is their `from`.
    pub links_at: Vec<Vec<(usize, bool)>>,
    /// By link: its headers, `from` and `to`.
    pub ends: Vec<[usize; 2]>,
    /// By unit, whether its header asks for reserve, and which.
    pub reserve_of: Vec<Option<&'a Reserve>>,
    /// By connection: the units of its plant.
    pub units_of: Vec<Vec<usize>>,
    /// By connection: its carrier.
    pub carrier_of: Vec<Option<&'a Carrier>>,
    /// By unit: its carrier, where the plant has no connection for it.
    pub loose: Vec<Option<&'a Carrier>>,
    pub units: Vec<&'a UnitSeries>,
    pub connections: Vec<&'a ConnectionSeries>,
    pub links: Vec<&'a LinkSeries>,
    pub storages: Vec<&'a StorageSeries>,
    pub demands: Vec<&'a DemandSeries>,
    pub vents: Vec<&'a [f64]>,
    /// By class: the stage of its heat that no setpoint sheds.
    pub beyond: Vec<String>,
}

impl<'a> Places<'a> {
    /// Of a case that is valid, and a result that has a series for everything; nothing where one is missing.
    pub fn new(case: &'a Case, solution: &'a Solution) -> Option<Self> {
        let headers: HashMap<&str, usize> =
            case.headers.iter().enumerate().map(|(h, it)| (it.id.as_str(), h)).collect();
        let mut plants: HashMap<&str, Vec<usize>> = HashMap::new();
        for (u, unit) in case.units.iter().enumerate() {
            plants.entry(unit.plant.as_str()).or_default().push(u);
        }
        let carrier = |id: &str| case.carriers.iter().find(|carrier| carrier.id == id);
        let by_header = |ids: &mut dyn Iterator<Item = &'a String>| {
            let mut found = vec![Vec::new(); case.headers.len()];
            ids.enumerate().for_each(|(i, id)| found[headers[id.as_str()]].push(i));
            found
        };
        let mut links_at = vec![Vec::new(); case.headers.len()];
        for (l, link) in case.links.iter().enumerate() {
            links_at[headers[link.from.as_str()]].push((l, true));
            links_at[headers[link.to.as_str()]].push((l, false));
        }
        let connected: HashSet<(&str, &str)> =
            case.connections.iter().map(|it| (it.plant.as_str(), it.carrier.as_str())).collect();
        let loose = |unit: &'a Unit| {
            let id = unit.carrier.as_deref().filter(|id| !connected.contains(&(unit.plant.as_str(), *id)))?;
            carrier(id)
        };
        Some(Self {
            units_at: by_header(&mut case.units.iter().map(|it| &it.header)),
            storages_at: by_header(&mut case.storages.iter().map(|it| &it.header)),
            demands_at: by_header(&mut case.demands.iter().map(|it| &it.header)),
            links_at,
            ends: case.links.iter().map(|it| [&it.from, &it.to].map(|id| headers[id.as_str()])).collect(),
            reserve_of: case.units.iter().map(|it| case.headers[headers[&*it.header]].reserve.as_ref()).collect(),
            units_of: case
                .connections
                .iter()
                .map(|it| plants.get(it.plant.as_str()).cloned().unwrap_or_default())
                .collect(),
            carrier_of: case.connections.iter().map(|it| carrier(&it.carrier)).collect(),
            loose: case.units.iter().map(loose).collect(),
            units: case.units.iter().map(|it| solution.units.get(&it.id)).collect::<Option<_>>()?,
            connections: case.connections.iter().map(|it| solution.connections.get(&it.id)).collect::<Option<_>>()?,
            links: case.links.iter().map(|it| solution.links.get(&it.id)).collect::<Option<_>>()?,
            storages: case.storages.iter().map(|it| solution.storages.get(&it.id)).collect::<Option<_>>()?,
            demands: case.demands.iter().map(|it| solution.demands.get(&it.id)).collect::<Option<_>>()?,
            vents: case
                .headers
                .iter()
                .map(|it| solution.vents.get(&it.id).map(Vec::as_slice))
                .collect::<Option<_>>()?,
            beyond: case.classes.iter().map(|class| beyond_setpoints(class)).collect(),
        })
    }
}
