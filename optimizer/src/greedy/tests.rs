//! The search that stops early against one that looks at everything.

use super::DUST;
use super::map::Map;
use super::offers::{RESERVE, Source};
use super::search::Search;
use super::step::Step;
use crate::case::{Case, Initial};
use crate::generate::random::SplitMix;
use crate::generate::{Recipe, generate};

/// A fleet in trouble: other loads, fuller and emptier stores, units that tripped, contracts that shrank.
fn state(seed: u64) -> Case {
    let recipe = Recipe { conflict: seed.is_multiple_of(3), summer: seed.is_multiple_of(2), ..Recipe::new(5, 2, seed) };
    let mut case = generate(recipe).unwrap();
    let mut draw = SplitMix::new(seed, 7);
    for unit in &mut case.units {
        unit.initial = Some(Initial::making(draw.between(0.0, 1.0) * unit.heat_max.at(0)));
        if draw.chance(0.1) {
            unit.availability = 0.0.into();
        }
    }
    for storage in &mut case.storages {
        storage.initial_mwh = draw.between(0.0, 1.0) * storage.capacity_mwh;
    }
    for connection in &mut case.connections {
        connection.max_import = (connection.max_import.at(0) * draw.between(0.5, 1.1)).into();
    }
    case
}

/// Share that arrives, and the links on the way, each with whether forward.
type Way = (f64, Vec<(usize, bool)>);

/// The ways from every header (Bellman's and Ford's method).
fn ways(step: &Step<'_>, to: usize) -> Vec<Option<Way>> {
    let mut ways: Vec<Option<Way>> = vec![None; step.case.headers.len()];
    ways[to] = Some((1.0, Vec::new()));
    for _ in 0..ways.len() {
        for (l, &(from, onto)) in step.map.links.iter().enumerate() {
            for (sender, receiver, forward) in [(from, onto, true), (onto, from, false)] {
                let known = ways[sender].as_ref().map_or(0.0, |(arriving, _)| *arriving);
                let Some((rest, links)) = ways[receiver].clone().filter(|_| step.spare(l, forward) > DUST) else {
                    continue;
                };
                let arriving = rest * (1.0 - step.case.links[l].loss_frac);
                if arriving > known {
                    ways[sender] = Some((arriving, std::iter::once((l, forward)).chain(links).collect()));
                }
            }
        }
    }
    ways
}

/// The cheapest of all sources, by price where it arrives.
fn cheapest(step: &Step<'_>, to: usize) -> Option<(f64, Source)> {
    let ways = ways(step, to);
    let mut offers = Vec::new();
    let mut offer = |price: f64, source: Source, header: usize, room: f64| {
        if let Some((arriving, links)) = &ways[header]
            && room > DUST
        {
            let (mut share, mut carried) = (1.0, f64::INFINITY);
            for &(l, forward) in links {
                carried = f64::min(carried, step.spare(l, forward) / share);
                share *= 1.0 - step.case.links[l].loss_frac;
            }
            if carried > DUST {
                offers.push((price / arriving, source));
            }
        }
    };
    for (h, &surplus) in step.surplus.iter().enumerate() {
        let nearness = ways[h].as_ref().map_or(0.0, |(arriving, _)| *arriving);
        offer(-RESERVE * nearness * nearness, Source::Forced(h), h, surplus);
    }
    for (u, &h) in step.map.units.iter().enumerate() {
        offer(step.marginal_cost(u), Source::Unit(u), h, step.room(u, step.ceiling[u]));
    }
    for (s, &h) in step.map.storages.iter().enumerate() {
        offer(RESERVE, Source::Store(s), h, step.left_in(s));
    }
    offers.into_iter().min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
}

#[test]
fn nothing_cheaper_is_left_where_the_search_stops() {
    let (mut far, mut near, mut kinds) = (0, 0, [0; 3]);
    for seed in 0..60 {
        let case = state(seed);
        let map = Map::new(&case);
        let mut search = Search::new(case.headers.len());
        let content: Vec<f64> = case.storages.iter().map(|storage| storage.initial_mwh).collect();
        let last: Vec<Option<f64>> = case.units.iter().map(|unit| unit.initial.map(|it| it.heat_mw)).collect();
        let mut step = Step::new(&case, &map, 0, &last, &content);
        step.force();
        for &d in &map.ranked {
            for _ in 0..4 {
                let to = map.demands[d];
                search.begin(to);
                let found = step.cheapest(&mut search, true);
                let wanted = cheapest(&step, to);
                assert_eq!(found.map(|(source, ..)| source), wanted.map(|(_, source)| source), "seed {seed}, {d}");
                match found {
                    Some((Source::Forced(_), ..)) => kinds[0] += 1,
                    Some((Source::Unit(_), header, _)) => {
                        kinds[1] += 1;
                        far += usize::from(header != to);
                        near += usize::from(search.settled().len() < case.headers.len());
                    }
                    Some((Source::Store(_), ..)) => kinds[2] += 1,
                    None => {}
                }
                step.bring(&mut search, to, 0.25 * case.demands[d].heat.at(0), true);
            }
        }
    }
    // Every kind is met, sources elsewhere too, and most searches end before they have seen everything.
    assert!(kinds.iter().all(|count| *count > 50) && far > 50 && 2 * near > kinds[1], "{kinds:?} {far} {near}");
}
