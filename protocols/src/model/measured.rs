//! What a plant's values say about its heat. `good` gives the number of a tag where it may be used now, and nothing
//! otherwise: a sum with an unknown part is unknown.

use super::{Consumer, PerClass, Plant, TagId};

impl Plant {
    /// MW that all sources give.
    pub fn heat_mw(&self, good: impl Fn(&TagId) -> Option<f64>) -> Option<f64> {
        self.sources.iter().map(|s| good(&s.heat)).sum()
    }

    /// MW that this consumer asks for and does not get.
    pub fn unserved_mw(&self, consumer: &Consumer, good: impl Fn(&TagId) -> Option<f64>) -> Option<f64> {
        let missing = good(&consumer.asked)? - good(&consumer.served)?;
        // Both are reported with a deadband; a difference within two of them is none.
        let deadband = self.tag(consumer.asked.as_str())?.deadband;
        Some(if missing > 2.0 * deadband { missing } else { 0.0 })
    }

    /// MW that each class lacks; `None`: one of its consumers cannot be seen.
    pub fn unserved_by_class(&self, good: impl Fn(&TagId) -> Option<f64>) -> PerClass<Option<f64>> {
        let mut sums = PerClass([Some(0.0); 5]);
        for consumer in &self.consumers {
            let sum = &mut sums[consumer.class];
            *sum = sum.zip(self.unserved_mw(consumer, &good)).map(|(sum, mw)| sum + mw);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Class;
    use std::path::Path;

    #[test]
    fn an_unseen_part_makes_its_sum_unknown_and_no_other() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
        let fleet = crate::files::load(&folder).expect("the sample fleet is right");
        let north = fleet.plant("north").expect("the small fleet has north");
        let mill = north.consumers.iter().find(|c| c.id.as_str() == "north.mill").expect("north has a mill");
        let asks = |tag: &TagId| if *tag == mill.asked { Some(3.0) } else { Some(1.0) };
        assert_eq!(north.heat_mw(asks), Some(north.sources.len() as f64));
        let unserved = north.unserved_by_class(asks);
        assert_eq!((unserved[mill.class], unserved[Class::LifeSafety]), (Some(2.0), Some(0.0)));
        let blind = |tag: &TagId| if *tag == mill.served || *tag == north.sources[0].heat { None } else { asks(tag) };
        assert_eq!(north.heat_mw(blind), None);
        let unserved = north.unserved_by_class(blind);
        assert_eq!((unserved[mill.class], unserved[Class::LifeSafety]), (None, Some(0.0)));
    }
}
