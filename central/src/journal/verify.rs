//! Is this the journal that was written?

use super::{Entry, Head};
use hypocaust_protocols::model::FleetId;

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal is broken at entry {seq}: {what}")]
pub struct Broken {
    pub seq: u64,
    pub what: String,
}

/// Verifies entry by entry, so that a journal need not fit into memory.
#[derive(Debug, Clone)]
pub struct Verifier {
    head: Head,
    epoch: u64,
    anchors: Vec<Head>,
}

impl Verifier {
    /// Begins at the fleet's genesis. `anchors` are heads that somebody kept outside of the store.
    pub fn new(fleet: &FleetId, anchors: impl IntoIterator<Item = Head>) -> Verifier {
        Verifier { head: Head::genesis(fleet), epoch: 0, anchors: anchors.into_iter().collect() }
    }

    /// The last entry that was taken, or genesis.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The epoch of that entry, 0 before the first.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Takes the next entry.
    pub fn step(&mut self, entry: &Entry) -> Result<(), Broken> {
        let expected = self.head.seq + 1;
        let broken = |what: String| Err(Broken { seq: expected, what });
        if entry.seq != expected {
            return broken(format!(
                "entry {} stands in its place; entries are missing or in the wrong order",
                entry.seq
            ));
        }
        if entry.prev_hash != self.head.hash {
            return broken(match entry.seq {
                1 => "it does not begin at this fleet's genesis".into(),
                _ => "it does not continue the entry before it".into(),
            });
        }
        if entry.computed() != entry.hash {
            return broken("its content does not fit its hash: it was changed after it was written".into());
        }
        if entry.epoch < self.epoch {
            return broken(format!("epoch {} follows epoch {}: a superseded leader wrote it", entry.epoch, self.epoch));
        }
        if let Some(anchor) = self.anchors.iter().find(|a| a.seq == entry.seq && a.hash != entry.hash) {
            return broken(format!(
                "its hash is {}, but the anchor says {}: history was rewritten",
                entry.hash, anchor.hash
            ));
        }
        self.head = entry.head();
        self.epoch = entry.epoch;
        Ok(())
    }

    /// The head, when nothing is missing behind it.
    pub fn finish(&self) -> Result<Head, Broken> {
        match self.anchors.iter().map(|a| a.seq).max() {
            Some(seq) if seq > self.head.seq => Err(Broken {
                seq: self.head.seq + 1,
                what: format!("the journal ends before it, but an anchor knows entry {seq}: the end was cut off"),
            }),
            _ => Ok(self.head),
        }
    }
}

/// Verifies a whole journal from its first entry on.
pub fn verify<'a>(
    fleet: &FleetId,
    entries: impl IntoIterator<Item = &'a Entry>,
    anchors: impl IntoIterator<Item = Head>,
) -> Result<Head, Broken> {
    let mut verifier = Verifier::new(fleet, anchors);
    for entry in entries {
        verifier.step(entry)?;
    }
    verifier.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Draft;
    use hypocaust_protocols::model::Millis;

    fn fleet() -> FleetId {
        FleetId::new("small").unwrap()
    }
    fn journal() -> Vec<Entry> {
        let drafts = (0..5)
            .map(|n| Draft { time: Millis(n), kind: "k".into(), schema: 1, body: format!("{{\"n\":{n}}}") })
            .collect();
        Entry::chain(&Head::genesis(&fleet()), 3, drafts)
    }
    fn at(entries: &[Entry], anchor: Option<Head>) -> u64 {
        verify(&fleet(), entries, anchor).unwrap_err().seq
    }

    #[test]
    fn every_change_is_found_where_it_was_made() {
        let good = journal();
        let head = good[4].head();
        assert_eq!(verify(&fleet(), &good, Some(head)), Ok(head));
        let changes: [fn(&mut Entry); 6] = [
            |e| e.body.push(' '),
            |e| e.epoch += 1,
            |e| e.time = Millis(99),
            |e| e.kind.push('x'),
            |e| e.schema += 1,
            |e| e.hash.0[31] ^= 1,
        ];
        for change in changes {
            let mut bad = good.clone();
            change(&mut bad[2]);
            assert_eq!(at(&bad, None), 3);
        }
        let mut removed = good.clone();
        removed.remove(1);
        assert_eq!(at(&removed, None), 2);
        assert_eq!(at(&good[..3], Some(head)), 4, "truncation");
        assert_eq!(verify(&fleet(), &good[..3], None).unwrap().seq, 3, "without an anchor it cannot be seen");
        assert_eq!(at(&good, Some(Head { seq: 2, hash: head.hash })), 2, "rewritten");
        let several = [good[3].head(), Head { seq: 1, hash: head.hash }, head];
        assert_eq!(verify(&fleet(), &good, several).unwrap_err().seq, 1, "each of several anchors counts");
        assert_eq!(verify(&FleetId::new("other").unwrap(), &good, None).unwrap_err().seq, 1);
        let mut old = good.clone();
        old[4] =
            Entry::after(&good[3].head(), 2, Draft { time: Millis(9), kind: "k".into(), schema: 1, body: "{}".into() });
        assert_eq!(at(&old, None), 5, "an epoch never falls");
    }
}
