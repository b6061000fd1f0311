//! Strict priority by exchange: where a demand is short, no lower class may be served heat that links with room could
//! bring to it in the same step. A link with a delay brings nothing in the same step.

use std::collections::VecDeque;

use super::Judge;

/// Smallest heat (MW) that counts as shed, served, or room on a link.
const MATTERS: f64 = 1e-4;

impl Judge<'_> {
    /// MW of a demand that could be taken from it in a step.
    fn takeable(&self, d: usize, t: usize) -> f64 {
        let demand = &self.case.demands[d];
        let unserved = self.solution.demands[&demand.id].unserved[t];
        demand.sheddable_mw(t) - unserved
    }

    pub(super) fn priority(&mut self) {
        let case = self.case;
        let rank = |class: &str| case.classes.iter().position(|c| c == class).unwrap_or(usize::MAX);
        for t in 0..case.time.steps {
            for short in &case.demands {
                let missing = self.solution.demands[&short.id].unserved[t];
                if missing <= MATTERS {
                    continue;
                }
                let reach = self.reach(&short.header, t);
                for (d, served) in case.demands.iter().enumerate() {
                    if rank(&served.class) > rank(&short.class)
                        && reach.contains(&served.header)
                        && self.takeable(d, t) > MATTERS
                    {
                        self.fault(format!(
                            "priority, step {t}: {} ({}) lacks {missing} MW while {} ({}) is served",
                            short.id, short.class, served.id, served.class
                        ));
                    }
                }
            }
        }
    }

    /// Headers from which heat could be brought to `header` in step `t`.
    fn reach(&self, header: &str, t: usize) -> Vec<String> {
        let mut reached = vec![header.to_owned()];
        let mut open = VecDeque::from([header.to_owned()]);
        while let Some(to) = open.pop_front() {
            for link in self.case.links.iter().filter(|link| link.loss_frac < 1.0 && link.delay_steps == 0) {
                let flow = &self.solution.links[&link.id];
                let forward = link.cap.at(t) - flow.forward[t];
                let reverse = link.cap_reverse.at(t) - flow.reverse[t];
                let from = if link.to == to && forward > MATTERS {
                    &link.from
                } else if link.from == to && reverse > MATTERS {
                    &link.to
                } else {
                    continue;
                };
                if !reached.contains(from) {
                    reached.push(from.clone());
                    open.push_back(from.clone());
                }
            }
        }
        reached
    }
}
