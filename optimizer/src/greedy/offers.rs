//! Which source a MW comes from: the one that is cheapest where it arrives.

use super::DUST;
use super::search::Search;
use super::step::Step;

/// Price of heat from a store, above that of every source: a store is a reserve.
pub(super) const RESERVE: f64 = 1e9;

/// Where heat comes from. Among those that cost the same, the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Heat that is at the header already because a unit cannot make less.
    Forced(usize),
    Unit(usize),
    Store(usize),
}

/// The units of a step by what their next MWh costs.
pub struct Offers {
    /// By unit.
    prices: Vec<f64>,
    /// Price and unit, the cheapest first; without those that make all they can.
    order: Vec<(f64, usize)>,
    /// All before it can add nothing as things stand.
    first: usize,
}

impl Offers {
    fn new(prices: Vec<f64>) -> Self {
        let mut order: Vec<(f64, usize)> = prices.iter().copied().enumerate().map(|(u, price)| (price, u)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Self { prices, order, first: 0 }
    }

    fn place(&self, u: usize) -> Result<usize, usize> {
        self.order.binary_search_by(|(price, other)| price.total_cmp(&self.prices[u]).then(other.cmp(&u)))
    }

    /// Has a unit ask another price.
    pub fn ask(&mut self, u: usize, price: f64) {
        if let Ok(at) = self.place(u) {
            self.order.remove(at);
            self.prices[u] = price;
            let at = self.place(u).unwrap_or_else(|at| at);
            self.order.insert(at, (price, u));
            self.first = self.first.min(at);
        }
    }

    /// A unit that could add nothing may be able to again.
    pub fn again(&mut self, u: usize) {
        let at = self.place(u).unwrap_or_else(|at| at);
        self.first = self.first.min(at);
    }

    /// What the cheapest unit asks that can add something.
    fn least(&mut self, step: &Step<'_>) -> Option<f64> {
        while let Some(&(price, u)) = self.order.get(self.first) {
            if step.room(u, step.ceiling[u]) > DUST {
                return Some(price);
            }
            if step.ceiling[u] - step.heat[u] > DUST {
                self.first += 1;
            } else {
                self.order.remove(self.first);
            }
        }
        None
    }
}

/// The best source so far.
struct Best {
    price: f64,
    source: Source,
    header: usize,
    room: f64,
}

impl Step<'_> {
    /// The cheapest source, its header, and MW that it can send. Headers are looked at from the consumer outwards, as far as
    /// something there could be cheaper.
    pub(super) fn cheapest(&mut self, search: &mut Search, stores: bool) -> Option<(Source, usize, f64)> {
        let mut offers = self
            .offers
            .take()
            .unwrap_or_else(|| Offers::new((0..self.case.units.len()).map(|u| self.marginal_cost(u)).collect()));
        let least = offers.least(self);
        let mut forced = self.surplus.iter().filter(|mw| **mw > DUST).count();
        let meant = stores && self.meant.iter().zip(&self.discharge).any(|(mw, given)| mw - given > DUST);
        // What anything at a header from which so much arrives costs at least.
        let at_least = |forced: usize, arriving: f64| {
            let mut price = if stores { RESERVE / arriving } else { f64::INFINITY };
            if let Some(least) = least {
                // What is paid for being made is paid more the more of it is lost.
                price = price.min(if least < 0.0 { f64::NEG_INFINITY } else { least / arriving });
            }
            if meant {
                price = price.min(-0.5 * RESERVE * arriving);
            }
            if forced > 0 { price.min(-RESERVE * arriving) } else { price }
        };
        let mut best = None;
        let mut looked_at = 0;
        loop {
            let Some(&header) = search.settled().get(looked_at) else {
                let Some(arriving) = search.next() else { break };
                let bound = at_least(forced, arriving);
                if bound == f64::INFINITY || best.as_ref().is_some_and(|best: &Best| best.price < bound) {
                    break;
                }
                search.settle(&self.map.edges, |edge| self.spare(edge.link, edge.forward) > DUST);
                continue;
            };
            looked_at += 1;
            if self.surplus[header] > DUST {
                forced -= 1;
            }
            self.look(search, header, &offers, stores, &mut best);
        }
        self.offers = Some(offers);
        best.map(|best| (best.source, best.header, best.room))
    }

    /// Looks for something better at a header.
    fn look(&self, search: &Search, header: usize, offers: &Offers, stores: bool, best: &mut Option<Best>) {
        let arriving = search.way(header).arriving;
        let mut offer = |price: f64, source: Source, room: &dyn Fn() -> f64| {
            let better = |best: &Best| price < best.price || (price == best.price && source < best.source);
            if best.as_ref().is_none_or(better) {
                let room = room();
                let room = if room > DUST { room.min(self.carried(search, header)) } else { room };
                if room > DUST {
                    *best = Some(Best { price, source, header, room });
                }
            }
        };
        // What is there already is taken from the nearest.
        offer(-RESERVE * arriving, Source::Forced(header), &|| self.surplus[header]);
        for &u in &self.map.units_at[header] {
            offer(offers.prices[u] / arriving, Source::Unit(u), &|| self.room(u, self.ceiling[u]));
        }
        if stores {
            for &s in &self.map.storages_at[header] {
                let left = self.left_in(s);
                offer(-0.5 * RESERVE * arriving, Source::Store(s), &|| left.min(self.meant[s] - self.discharge[s]));
                offer(RESERVE / arriving, Source::Store(s), &|| left);
            }
        }
    }
}
