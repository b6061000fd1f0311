//! The headers around a consumer, nearest first: nearest is where most of a MW that is sent arrives (Dijkstra's method, by
//! products instead of sums).
//!
//! Headers are settled one by one and only as far as the caller asks, so that what is far away costs nothing where what is
//! near is cheap enough. Where two ways lose the same, the one over fewer links is taken.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::DUST;
use super::map::Edge;

/// How heat goes on from a header.
#[derive(Clone, Copy)]
pub struct Way {
    /// The link, whether forward, the header that it reaches; none at the consumer's own header.
    pub hop: Option<(usize, bool, usize)>,
    /// Share of what is sent that reaches the consumer.
    pub arriving: f64,
    links: usize,
}

/// A way that was found and may be the best.
#[derive(PartialEq)]
struct Found {
    arriving: f64,
    links: usize,
    header: usize,
}

impl Eq for Found {}

impl Ord for Found {
    /// The nearest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        let nearer = self.arriving.total_cmp(&other.arriving);
        nearer.then(other.links.cmp(&self.links)).then(other.header.cmp(&self.header))
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The search around one header; made once, begun anew for each.
pub struct Search {
    /// By header: the search that found a way, and the way.
    ways: Vec<(u64, Way)>,
    number: u64,
    settled: Vec<usize>,
    open: BinaryHeap<Found>,
}

impl Search {
    pub fn new(headers: usize) -> Self {
        let nowhere = Way { hop: None, arriving: 0.0, links: 0 };
        Self { ways: vec![(0, nowhere); headers], number: 0, settled: Vec::new(), open: BinaryHeap::new() }
    }

    /// Forgets everything and begins at a header.
    pub fn begin(&mut self, to: usize) {
        self.number += 1;
        self.settled.clear();
        self.open.clear();
        self.find(to, Way { hop: None, arriving: 1.0, links: 0 });
    }

    fn find(&mut self, header: usize, way: Way) {
        self.ways[header] = (self.number, way);
        self.open.push(Found { arriving: way.arriving, links: way.links, header });
    }

    /// The headers settled so far, nearest first.
    pub fn settled(&self) -> &[usize] {
        &self.settled
    }

    /// The way from a header that was settled.
    pub fn way(&self, header: usize) -> Way {
        self.ways[header].1
    }

    /// Share that arrives from the nearest header that is not settled yet.
    pub fn next(&mut self) -> Option<f64> {
        while let Some(found) = self.open.peek() {
            let way = self.ways[found.header].1;
            // Another way to the same header may have been found since.
            if (way.arriving, way.links) == (found.arriving, found.links) {
                return Some(found.arriving);
            }
            self.open.pop();
        }
        None
    }

    /// Settles it, and looks at the links that lead there and have room.
    pub fn settle(&mut self, edges: &[Vec<Edge>], has_room: impl Fn(&Edge) -> bool) {
        if self.next().is_none() {
            return;
        }
        let Some(Found { header, arriving, links }) = self.open.pop() else {
            return;
        };
        self.settled.push(header);
        for edge in edges[header].iter().filter(|edge| has_room(edge)) {
            let way =
                Way { hop: Some((edge.link, edge.forward, header)), arriving: arriving * edge.kept, links: links + 1 };
            let (number, known) = self.ways[edge.sender];
            let better = number != self.number
                || way.arriving > known.arriving
                || (way.arriving == known.arriving && way.links < known.links);
            if better && way.arriving > DUST {
                self.find(edge.sender, way);
            }
        }
    }
}
