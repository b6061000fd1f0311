//! Places on the grid, computed from the fleet: columns by the longest path, a lane of rows for each header, and an order
//! of the lanes in which the lines between them cross little.
//!
//! After K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system structures" (IEEE
//! Trans. SMC 11, 1981): layers by the longest path, order by barycentres. Only the supply is laid out, which has no
//! cycles; the return is drawn as a mirror of it. The result depends on the fleet alone.

use hypocaust_protocols::model::mimic::{Equipment, Place};
use hypocaust_protocols::model::{Fleet, HeaderId, Main, Plant};

/// Sweeps over the lanes; a handful of headers settles in two or three.
const SWEEPS: usize = 8;
/// Rows that a header takes at least: its name, its bar and its value need so much.
const HEADER_ROWS: u16 = 2;

/// Places for everything in a plant, with the lanes in the order that crosses least of those that the sweeps came by.
/// `crossings` counts for one set of places; of equals the earlier stands, so the files' own order is never made worse.
pub(super) fn places(fleet: &Fleet, plant: &Plant, crossings: impl Fn(&[Place]) -> usize) -> Vec<Place> {
    let graph = Graph::of(fleet, plant);
    let mut order: Vec<usize> = (0..plant.headers.len()).collect();
    let mut best = graph.places(&order);
    let mut fewest = crossings(&best);
    for _ in 0..SWEEPS {
        order = graph.swept(&order);
        let tried = graph.places(&order);
        let count = crossings(&tried);
        if count < fewest {
            (best, fewest) = (tried, count);
        }
    }
    best
}

/// The places that the files' own order would give.
#[cfg(test)]
pub(super) fn unordered(fleet: &Fleet, plant: &Plant) -> Vec<Place> {
    Graph::of(fleet, plant).places(&(0..plant.headers.len()).collect::<Vec<_>>())
}

struct Graph<'a> {
    plant: &'a Plant,
    mains: Vec<&'a Main>,
    /// For each main its headers of this plant, by their number; none where it is another plant's.
    ends: Vec<(Option<usize>, Option<usize>)>,
}

impl<'a> Graph<'a> {
    fn of(fleet: &'a Fleet, plant: &'a Plant) -> Self {
        let number = |id: &HeaderId| plant.headers.iter().position(|h| h.id == *id);
        let mains: Vec<&Main> = fleet.mains_of(plant).collect();
        let ends = mains.iter().map(|m| (number(&m.from), number(&m.to))).collect();
        Self { plant, mains, ends }
    }

    /// Pairs of headers that a main of this plant joins, `from` first.
    fn joints(&self) -> impl Iterator<Item = (usize, usize)> {
        self.ends.iter().filter_map(|(from, to)| Some(((*from)?, (*to)?)))
    }

    /// How many headers lie at most before each one along the mains. A checked fleet has no cycles, so this ends with the
    /// number of headers at the latest.
    fn depths(&self) -> Vec<u16> {
        let mut depths = vec![0; self.plant.headers.len()];
        for _ in 0..depths.len() {
            for (from, to) in self.joints() {
                depths[to] = depths[to].max(depths[from] + 1);
            }
        }
        depths
    }

    /// Lanes by the mean position of those that mains join them to; a lane without any keeps its own.
    fn swept(&self, order: &[usize]) -> Vec<usize> {
        let position = positions(order);
        let centre = |header: usize| {
            let near: Vec<f64> = self
                .joints()
                .filter_map(|(a, b)| if a == header { Some(b) } else { (b == header).then_some(a) })
                .map(|other| position[other] as f64)
                .collect();
            if near.is_empty() { position[header] as f64 } else { near.iter().sum::<f64>() / near.len() as f64 }
        };
        let mut next = order.to_vec();
        next.sort_by(|a, b| centre(*a).total_cmp(&centre(*b)));
        next
    }

    /// One lane below the other in this order.
    fn places(&self, order: &[usize]) -> Vec<Place> {
        let depths = self.depths();
        let position = positions(order);
        let last = 2 * depths.iter().copied().max().unwrap_or(0) + 2;
        let mut places = Vec::new();
        let mut top = 0;
        for &lane in order {
            let header = &self.plant.headers[lane];
            let (left, right) = (self.feeding(lane), self.drawing(lane, &position));
            let rows = HEADER_ROWS.max(left.len().max(right.len()) as u16);
            let column = 2 * depths[lane] + 1;
            places.push(Place { kind: Equipment::Header, id: header.id.to_string(), column, row: top, rows });
            for (i, (kind, id)) in left.into_iter().enumerate() {
                places.push(Place { kind, id, column: 0, row: top + i as u16, rows: 1 });
            }
            for (i, (kind, id, inner)) in right.into_iter().enumerate() {
                let column = if inner { column + 1 } else { last };
                places.push(Place { kind, id, column, row: top + i as u16, rows: 1 });
            }
            top += rows;
        }
        places
    }

    /// What stands left of a header, in its lane: sources, stores, mains from other plants.
    fn feeding(&self, lane: usize) -> Vec<(Equipment, String)> {
        let header = &self.plant.headers[lane].id;
        let sources = self.plant.sources.iter().filter(|s| s.header == *header);
        let stores = self.plant.storages.iter().filter(|s| s.header == *header);
        let coming = self.mains.iter().zip(&self.ends).filter(|(_, ends)| **ends == (None, Some(lane)));
        let sources = sources.map(|s| (Equipment::Source, s.id.to_string()));
        let stores = stores.map(|s| (Equipment::Storage, s.id.to_string()));
        sources.chain(stores).chain(coming.map(|(m, _)| (Equipment::Main, m.id.to_string()))).collect()
    }

    /// What stands right of a header, in its lane, with whether it is a main to another header of this plant. Those to
    /// lanes above come first, those to lanes below last, each in the order of their lanes: so they do not cross what
    /// stays in the lane. Consumers stand by class.
    fn drawing(&self, lane: usize, position: &[usize]) -> Vec<(Equipment, String, bool)> {
        let header = &self.plant.headers[lane].id;
        let mut inner: Vec<(usize, String)> = self
            .mains
            .iter()
            .zip(&self.ends)
            .filter(|(_, ends)| ends.0 == Some(lane))
            .filter_map(|(m, ends)| Some((position[ends.1?], m.id.to_string())))
            .collect();
        inner.sort();
        let (up, down): (Vec<_>, Vec<_>) = inner.into_iter().partition(|(target, _)| *target < position[lane]);
        let mut consumers: Vec<_> = self.plant.consumers.iter().filter(|c| c.header == *header).collect();
        consumers.sort_by_key(|c| c.class.rank());
        let leaving = self.mains.iter().zip(&self.ends).filter(|(_, ends)| **ends == (Some(lane), None));
        let joint = |(_, id): (usize, String)| (Equipment::Main, id, true);
        let mut right: Vec<_> = up.into_iter().map(joint).collect();
        right.extend(consumers.iter().map(|c| (Equipment::Consumer, c.id.to_string(), false)));
        right.extend(leaving.map(|(m, _)| (Equipment::Main, m.id.to_string(), false)));
        right.extend(down.into_iter().map(joint));
        right
    }
}

fn positions(order: &[usize]) -> Vec<usize> {
    let mut position = vec![0; order.len()];
    for (at, header) in order.iter().enumerate() {
        position[*header] = at;
    }
    position
}
