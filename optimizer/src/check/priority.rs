//! Strict priority by exchange: where a demand is short, no lower class may be served heat that links with room could
//! bring to it in the same step. A link with a delay brings nothing in the same step. Heat that no shed setpoint reaches
//! gives way to such heat of a higher class alone: it is there before setpoints are asked.

use crate::case::{Case, Demand};
use crate::solution::SlackKind;

use super::Judge;
use super::places::Places;

/// Smallest heat (MW) that counts as shed, served, or room on a link.
const MATTERS: f64 = 1e-4;

impl Judge<'_> {
    pub(super) fn priority(&mut self, places: &Places<'_>) {
        let case = self.case;
        let ranks: Vec<Option<usize>> = case.demands.iter().map(|demand| case.rank(&demand.class)).collect();
        let mut wrong = Vec::new();
        for t in 0..case.time.steps {
            for (d, short) in case.demands.iter().enumerate() {
                let missing = places.demands[d].unserved[t];
                if missing <= MATTERS {
                    continue;
                }
                let beyond = |d: usize| self.gives(SlackKind::MustServe, &case.demands[d].id, t);
                let lacks_beyond = beyond(d) > MATTERS;
                for header in reach(case, places, short, t) {
                    for &other in &places.demands_at[header] {
                        // MW of it that could be taken away.
                        let served = &case.demands[other];
                        let takeable = served.sheddable_mw(t) - places.demands[other].unserved[t] + beyond(other);
                        let takeable_beyond = served.heat.at(t) - served.sheddable_mw(t) - beyond(other);
                        if ranks[other] > ranks[d] && (takeable > MATTERS || lacks_beyond && takeable_beyond > MATTERS)
                        {
                            wrong.push(format!(
                                "priority, step {t}: {} ({}) lacks {missing} MW while {} ({}) is served",
                                short.id, short.class, served.id, served.class
                            ));
                        }
                    }
                }
            }
        }
        wrong.into_iter().for_each(|fault| self.fault(fault));
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
