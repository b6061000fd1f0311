//! How the time of a solve grows with the size of the problem, both in decades.

use crate::picture::panel::{Axis, Panel, picture};

/// One tool.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Its name.
    pub label: String,
    /// (size, seconds).
    pub points: Vec<(f64, f64)>,
}

const STYLES: [(&str, &str); 6] =
    [("#1f5fa8", ""), ("#b65f3b", ""), ("#4f8a5b", ""), ("#8a5fa8", "6 4"), ("#b69a3b", "6 4"), ("#5a6b7b", "2 3")];

/// The picture, 960 by 480, as SVG.
#[must_use]
pub fn growth(title: &str, below: &str, curves: &[Curve]) -> String {
    let all = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let (x, y) = (Axis::decades(all().map(|point| point.0)), Axis::decades(all().map(|point| point.1)));
    let mut panel = Panel::new("seconds", below, x, y, 24.0, 446.0);
    for (curve, (colour, dash)) in curves.iter().zip(STYLES.iter().cycle()) {
        panel.line(&curve.label, colour, dash, &curve.points);
        panel.dots(colour, &curve.points);
    }
    picture(title, 480.0, &[panel.done()])
}
