//! What a plant's values say about its heat. `good` gives the number of a tag where it may be used now, and nothing
//! otherwise: what is not seen is not zero.

use super::{Class, Consumer, PerClass, Plant, TagId};

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

    /// MW that each class lacks, of the consumers that can be seen. `None` where none of them is short and some cannot be
    /// seen: zero would say that all is well.
    pub fn unserved_by_class(&self, good: impl Fn(&TagId) -> Option<f64>) -> PerClass<Option<f64>> {
        PerClass(Class::ALL.map(|class| {
            let each = self.consumers.iter().filter(|c| c.class == class).map(|c| self.unserved_mw(c, &good));
            let (seen, all) = each.fold((0.0, true), |(sum, all), mw| (sum + mw.unwrap_or(0.0), all && mw.is_some()));
            (all || seen > 0.0).then_some(seen)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_cannot_be_seen_is_neither_zero_nor_in_the_way_of_what_can() {
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
        // Another consumer of a class in which one cannot be seen is short.
        let dairy = north.consumers.iter().find(|c| c.id.as_str() == "north.dairy").expect("north has a dairy");
        let twin = Consumer { class: mill.class, ..dairy.clone() };
        let twins = Plant { consumers: vec![mill.clone(), twin], ..north.clone() };
        let short = |tag: &TagId| if *tag == dairy.asked { Some(2.5) } else { blind(tag) };
        assert_eq!(twins.unserved_by_class(short)[mill.class], Some(1.5));
    }
}
