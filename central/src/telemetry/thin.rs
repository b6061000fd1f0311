//! Fewer points for a drawing, without hiding what matters.

use super::Point;

/// At most `points` (and never fewer than 3) of these, in their order. Of each slice of the series the lowest and the
/// highest good value stay, and the first value that is not good: an average would hide spikes and gaps.
pub fn thin(series: Vec<Point>, points: usize) -> Vec<Point> {
    let points = points.max(3);
    if series.len() <= points {
        return series;
    }
    let slices = points / 3;
    let size = series.len().div_ceil(slices);
    let mut kept = Vec::with_capacity(points);
    for slice in series.chunks(size) {
        let good =
            || slice.iter().enumerate().filter(|(_, p)| p.quality.is_good()).filter_map(|(i, p)| Some((i, p.value?)));
        let low = good().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i);
        let high = good().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i);
        let bad = slice.iter().position(|p| !p.quality.is_good());
        let mut chosen: Vec<usize> = [low, high, bad].into_iter().flatten().collect();
        chosen.sort_unstable();
        chosen.dedup();
        kept.extend(chosen.into_iter().map(|i| slice[i].clone()));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use hypocaust_protocols::model::{BadReason, Millis, Quality};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn extremes_and_gaps_stay(values in prop::collection::vec(prop::option::weighted(0.9, -1e3f64..1e3), 1..300), points in 1usize..50) {
            let series: Vec<Point> = values.iter().enumerate().map(|(i, v)| Point {
                time: Millis(i as i64), value: *v,
                quality: if v.is_some() { Quality::Good } else { Quality::Bad(BadReason::NotRead) },
            }).collect();
            let kept = thin(series.clone(), points);
            prop_assert!(kept.len() <= points.max(3));
            prop_assert!(kept.windows(2).all(|p| p[0].time < p[1].time));
            let highest = |s: &[Point]| s.iter().filter_map(|p| p.value).max_by(f64::total_cmp);
            let lowest = |s: &[Point]| s.iter().filter_map(|p| p.value).min_by(f64::total_cmp);
            prop_assert_eq!(highest(&kept), highest(&series));
            prop_assert_eq!(lowest(&kept), lowest(&series));
            prop_assert_eq!(kept.iter().any(|p| p.value.is_none()), series.iter().any(|p| p.value.is_none()));
        }
    }
}
