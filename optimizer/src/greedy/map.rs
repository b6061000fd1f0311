//! Who is where in a case, looked up once for all steps; and the figures of one step by the same numbers.

use crate::case::Case;
use crate::formulate::Layout;

/// A link seen from the header that it reaches.
pub struct Edge {
    pub link: usize,
    pub forward: bool,
    /// The header that sends.
    pub sender: usize,
    /// Share of the flow that arrives.
    pub kept: f64,
}

/// Of a whole case.
pub struct Map {
    /// By unit, storage, demand: its header.
    pub units: Vec<usize>,
    pub storages: Vec<usize>,
    pub demands: Vec<usize>,
    /// By header: its units and stores, in their order.
    pub units_at: Vec<Vec<usize>>,
    pub storages_at: Vec<Vec<usize>>,
    /// By header: the links that end there, each once.
    pub ends: Vec<Vec<usize>>,
    /// By header: the ways in.
    pub edges: Vec<Vec<Edge>>,
    /// By link: its two headers.
    pub links: Vec<(usize, usize)>,
    /// By connection: the units that draw from it or feed it.
    pub units_of: Vec<Vec<usize>>,
    /// The demands, highest class first.
    pub ranked: Vec<usize>,
    /// By unit: connections that it draws from or feeds: number, whether it takes its carrier there, whether it feeds.
    connected: Vec<Vec<(usize, bool, bool)>>,
    layout: Layout,
}

impl Map {
    /// Looks up a case that passed `validate`.
    pub fn new(case: &Case) -> Self {
        let layout = Layout::new(case);
        let at = |lists: &[Vec<usize>], count: usize| {
            let mut headers = vec![0; count];
            for (h, list) in lists.iter().enumerate() {
                list.iter().for_each(|&i| headers[i] = h);
            }
            headers
        };
        let mut links = vec![(0, 0); case.links.len()];
        let mut ends = vec![Vec::new(); case.headers.len()];
        for (h, list) in layout.links.iter().enumerate() {
            for &(l, from) in list {
                *(if from { &mut links[l].0 } else { &mut links[l].1 }) = h;
                if ends[h].last() != Some(&l) {
                    ends[h].push(l);
                }
            }
        }
        let mut edges: Vec<Vec<Edge>> = case.headers.iter().map(|_| Vec::new()).collect();
        for (l, &(from, to)) in links.iter().enumerate() {
            let (link, kept) = (&case.links[l], 1.0 - case.links[l].loss_frac);
            // What is sent over a link with a delay serves nobody in the same step.
            if link.delay_steps == 0 {
                edges[to].push(Edge { link: l, forward: true, sender: from, kept });
                edges[from].push(Edge { link: l, forward: false, sender: to, kept });
            }
        }
        let mut connected = vec![Vec::new(); case.units.len()];
        for (c, feeds) in layout.feeds.iter().enumerate() {
            for &(u, takes, gives) in feeds {
                connected[u].push((c, takes, gives));
            }
        }
        let mut ranked: Vec<usize> = (0..case.demands.len()).collect();
        ranked.sort_by_key(|&d| case.rank(&case.demands[d].class));
        Self {
            units: at(&layout.units, case.units.len()),
            storages: at(&layout.storages, case.storages.len()),
            demands: at(&layout.demands, case.demands.len()),
            units_at: layout.units.clone(),
            storages_at: layout.storages.clone(),
            ends,
            edges,
            links,
            units_of: layout.feeds.iter().map(|feeds| feeds.iter().map(|&(u, ..)| u).collect()).collect(),
            ranked,
            connected,
            layout,
        }
    }
}

/// What does not change within a step.
pub struct Figures {
    /// Connections, and what a MW of a unit's heat adds to their net draw, unit after unit.
    draws: Vec<(usize, f64)>,
    /// By unit: where its draws begin; one longer than there are units.
    begins: Vec<usize>,
    /// By connection: MW that may be drawn and fed out.
    pub limits: Vec<(f64, f64)>,
    /// By connection: the units that feed it.
    pub feeders: Vec<Vec<usize>>,
    /// By connection: what a MWh drawn costs with its emissions, and what one fed out earns.
    pub prices: Vec<(f64, f64)>,
    /// By unit: what a MWh of its heat costs besides its connections.
    pub outside: Vec<f64>,
    /// By store: MWh that it keeps of what it holds, were nothing put in or taken out.
    pub kept: Vec<f64>,
}

impl Figures {
    pub fn new(case: &Case, map: &Map, t: usize, content: &[f64]) -> Self {
        let emissions = case.co2_price.at(t);
        let price = |carrier: Option<usize>| {
            let carrier = carrier.map(|at| &case.carriers[at]);
            carrier.map_or((0.0, 0.0), |it| (it.buying(t) + it.co2_t_per_mwh * emissions, it.selling(t)))
        };
        let mut this = Self {
            draws: Vec::with_capacity(2 * case.units.len()),
            begins: vec![0],
            limits: case.connections.iter().map(|c| (c.max_import.at(t), c.max_export.at(t))).collect(),
            feeders: vec![Vec::new(); case.connections.len()],
            prices: map.layout.connection_carriers.iter().map(|&carrier| price(carrier)).collect(),
            outside: Vec::with_capacity(case.units.len()),
            kept: Vec::with_capacity(case.storages.len()),
        };
        for (u, unit) in case.units.iter().enumerate() {
            let (input, power) = (unit.input_per_heat(t), unit.power_per_heat(t));
            for &(c, takes, gives) in &map.connected[u] {
                let draw = if takes { input } else { 0.0 } - if gives { power } else { 0.0 };
                if draw != 0.0 {
                    this.draws.push((c, draw));
                }
                if draw < 0.0 {
                    this.feeders[c].push(u);
                }
            }
            this.begins.push(this.draws.len());
            let loose = map.layout.loose_carriers[u].map_or(0.0, |carrier| price(Some(carrier)).0 * input);
            this.outside.push(unit.var_om.at(t) + loose);
        }
        let hours = case.time.hours(t);
        let kept = case.storages.iter().zip(content);
        this.kept.extend(kept.map(|(storage, held)| held * (1.0 - storage.loss_per_h).powf(hours)));
        this
    }

    /// Connections, and what a MW of the unit's heat adds to their net draw.
    pub fn draws(&self, u: usize) -> &[(usize, f64)] {
        &self.draws[self.begins[u]..self.begins[u + 1]]
    }
}
