//! Strict priority by exchange: where a demand is short, no lower class may be served heat that links with room could
//! bring to it in the same step. A link with a delay brings nothing in the same step.

use crate::case::{Case, Demand};

use super::Judge;
use super::places::Places;

/// Smallest heat (MW) that counts as shed, served, or room on a link.
const MATTERS: f64 = 1e-4;

impl Judge<'_> {
    pub(super) fn priority(&mut self, places: &Places<'_>) {
        let case = self.case;
        let rank = |d: usize| case.classes.iter().position(|class| *class == case.demands[d].class);
        let ranks: Vec<Option<usize>> = (0..case.demands.len()).map(rank).collect();
        for t in 0..case.time.steps {
            for (d, short) in case.demands.iter().enumerate() {
                let missing = places.demands[d].unserved[t];
                if missing <= MATTERS {
                    continue;
                }
                for header in reach(case, places, short, t) {
                    for &other in &places.demands_at[header] {
                        // MW of it that could be taken away.
                        let takeable = case.demands[other].sheddable_mw(t) - places.demands[other].unserved[t];
                        if ranks[other] > ranks[d] && takeable > MATTERS {
                            let served = &case.demands[other];
                            self.fault(format!(
                                "priority, step {t}: {} ({}) lacks {missing} MW while {} ({}) is served",
                                short.id, short.class, served.id, served.class
                            ));
                        }
                    }
                }
            }
        }
    }
}

/// Headers from which heat could be brought to a demand in step `t`.
fn reach(case: &Case, places: &Places<'_>, demand: &Demand, t: usize) -> Vec<usize> {
    let Some(at) = case.headers.iter().position(|header| header.id == demand.header) else {
        return Vec::new();
    };
    let (mut reached, mut seen) = (vec![at], vec![false; case.headers.len()]);
    seen[at] = true;
    let mut looked_at = 0;
    while let Some(&to) = reached.get(looked_at) {
        looked_at += 1;
        for &(l, from) in &places.links_at[to] {
            let (link, flow) = (&case.links[l], places.links[l]);
            let forward = link.cap.at(t) - flow.forward[t];
            let reverse = link.cap_reverse.at(t) - flow.reverse[t];
            // What would flow here from its other end.
            let room = if from { reverse } else { forward };
            let sender = places.ends[l][usize::from(from)];
            if room > MATTERS && link.loss_frac < 1.0 && link.delay_steps == 0 && !seen[sender] {
                seen[sender] = true;
                reached.push(sender);
            }
        }
    }
    reached
}
