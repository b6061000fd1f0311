//! Who is where in a case, looked up once: by header, by connection, by unit.

use std::collections::BTreeMap;

use crate::case::Case;

/// Numbers of the owners in the case's lists.
pub struct Layout {
    /// By header: its units.
    pub units: Vec<Vec<usize>>,
    /// By header: the links that end there, and whether it is their `from`.
    pub links: Vec<Vec<(usize, bool)>>,
    /// By header: its stores.
    pub storages: Vec<Vec<usize>>,
    /// By header: its demands.
    pub demands: Vec<Vec<usize>>,
    /// By connection: its carrier.
    pub connection_carriers: Vec<Option<usize>>,
    /// By connection: the units behind it, whether they take its carrier, whether they feed power into it.
    pub feeds: Vec<Vec<(usize, bool, bool)>>,
    /// By unit: its carrier, where no connection of its plant accounts for it.
    pub loose_carriers: Vec<Option<usize>>,
    /// By unit: whether its header asks for reserve.
    pub reserves: Vec<bool>,
}

impl Layout {
    /// Looks up a case that passed `validate`.
    pub fn new(case: &Case) -> Self {
        let headers: BTreeMap<&str, usize> = case.headers.iter().enumerate().map(|(h, x)| (x.id.as_str(), h)).collect();
        let carriers: BTreeMap<&str, usize> =
            case.carriers.iter().enumerate().map(|(c, x)| (x.id.as_str(), c)).collect();
        let mut connections: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (c, connection) in case.connections.iter().enumerate() {
            connections.entry(connection.plant.as_str()).or_default().push(c);
        }
        let by_header = |ids: &mut dyn Iterator<Item = &str>| {
            let mut found = vec![Vec::new(); case.headers.len()];
            for (i, id) in ids.enumerate() {
                if let Some(&h) = headers.get(id) {
                    found[h].push(i);
                }
            }
            found
        };
        let mut links = vec![Vec::new(); case.headers.len()];
        for (l, link) in case.links.iter().enumerate() {
            for (id, from) in [(&link.from, true), (&link.to, false)] {
                if let Some(&h) = headers.get(id.as_str()) {
                    links[h].push((l, from));
                }
            }
        }
        let mut feeds = vec![Vec::new(); case.connections.len()];
        let mut loose_carriers = Vec::with_capacity(case.units.len());
        for (u, unit) in case.units.iter().enumerate() {
            let mut loose = unit.carrier.as_deref().and_then(|id| carriers.get(id).copied());
            for &c in connections.get(unit.plant.as_str()).into_iter().flatten() {
                let id = &case.connections[c].carrier;
                let takes = unit.carrier.as_ref() == Some(id);
                let gives = carriers.get(id.as_str()).is_some_and(|&carrier| case.carriers[carrier].is_power());
                if takes {
                    loose = None;
                }
                if takes || gives {
                    feeds[c].push((u, takes, gives));
                }
            }
            loose_carriers.push(loose);
        }
        let asks = |header: &str| headers.get(header).is_some_and(|&h| case.headers[h].reserve.is_some());
        Self {
            units: by_header(&mut case.units.iter().map(|unit| unit.header.as_str())),
            links,
            storages: by_header(&mut case.storages.iter().map(|storage| storage.header.as_str())),
            demands: by_header(&mut case.demands.iter().map(|demand| demand.header.as_str())),
            connection_carriers: case
                .connections
                .iter()
                .map(|connection| carriers.get(connection.carrier.as_str()).copied())
                .collect(),
            feeds,
            loose_carriers,
            reserves: case.units.iter().map(|unit| asks(&unit.header)).collect(),
        }
    }
}
