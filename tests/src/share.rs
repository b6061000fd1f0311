//! How much of what happened in the worlds a check had before it. One that leaves out what is not its own to judge must say
//! how much that was, so that a check which leaves out everything is found by its own figures.

use std::collections::BTreeMap;
use std::ops::AddAssign;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    pub judged: u64,
    /// Of the same kind, and for a reason not judged.
    pub left_out: u64,
}

impl Share {
    pub fn of(judged: usize, left_out: usize) -> Share {
        Share { judged: judged as u64, left_out: left_out as u64 }
    }

    /// 0 where there was nothing.
    fn share(self) -> f64 {
        self.judged as f64 / (self.judged + self.left_out).max(1) as f64
    }
}

impl AddAssign for Share {
    fn add_assign(&mut self, other: Share) {
        self.judged += other.judged;
        self.left_out += other.left_out;
    }
}

/// By the name of the check.
pub type Shares = BTreeMap<&'static str, Share>;

/// What one check must have judged.
#[derive(Debug, Clone, Copy)]
pub struct Least {
    pub check: &'static str,
    /// In the mean over the worlds.
    pub per_world: f64,
    /// Of all of its kind, 0 to 1.
    pub share: f64,
}

/// Did each of these checks judge enough in so many worlds? Says which did not.
pub fn enough(shares: &Shares, worlds: usize, least: &[Least]) -> Result<(), String> {
    let few = least.iter().filter_map(|least| {
        let found = shares.get(least.check).copied().unwrap_or_default();
        let per_world = found.judged as f64 / worlds.max(1) as f64;
        (per_world < least.per_world || found.share() < least.share).then(|| {
            format!(
                "{}: {} judged and {} left out in {worlds} worlds; at least {} a world and {} % of all are expected",
                least.check,
                found.judged,
                found.left_out,
                least.per_world,
                100.0 * least.share
            )
        })
    });
    let few: Vec<String> = few.collect();
    if few.is_empty() { Ok(()) } else { Err(few.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_or_too_small_a_share_is_too_little() {
        let least = [Least { check: "trips", per_world: 0.5, share: 0.5 }];
        let of = |judged, left_out| Shares::from([("trips", Share::of(judged, left_out))]);
        enough(&of(5, 5), 10, &least).expect("half of all, and one in two worlds");
        assert!(enough(&of(4, 0), 10, &least).unwrap_err().starts_with("trips: 4 judged"));
        assert!(enough(&of(50, 51), 10, &least).unwrap_err().contains("51 left out"));
        assert!(enough(&Shares::new(), 10, &least).is_err(), "a check that was never run");
    }
}
