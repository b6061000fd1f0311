//! A panel with axes, into which areas, lines and a legend are drawn.

use std::fmt::Write as _;

/// Pixels that axes and titles take.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 34.0;

/// Width of every picture.
pub const WIDTH: f64 = 960.0;

/// How values become pixels along an axis.
#[derive(Clone, Copy)]
pub struct Axis {
    pub least: f64,
    pub most: f64,
    pub logarithmic: bool,
}

impl Axis {
    /// From zero or below to a little above the most.
    pub fn over(values: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut most) = (0.0_f64, 0.0_f64);
        for value in values.filter(|value| value.is_finite()) {
            (least, most) = (least.min(value), most.max(value));
        }
        let margin = 0.05 * (most - least).max(1e-3);
        Self { least: if least < 0.0 { least - margin } else { 0.0 }, most: most + margin, logarithmic: false }
    }

    /// Whole decades around what is drawn.
    pub fn decades(values: impl Iterator<Item = f64>) -> Self {
        let logs: Vec<f64> = values.filter(|v| v.is_finite() && *v > 0.0).map(f64::log10).collect();
        let least = logs.iter().copied().fold(f64::INFINITY, f64::min).floor();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil();
        if !least.is_finite() || !most.is_finite() {
            return Self { least: 0.0, most: 1.0, logarithmic: true };
        }
        Self { least, most: most.max(least + 1.0), logarithmic: true }
    }

    fn share(self, value: f64) -> f64 {
        let value = if self.logarithmic { value.max(1e-300).log10() } else { value };
        (value - self.least) / (self.most - self.least)
    }

    /// Where the axis is labelled, with what.
    fn ticks(self) -> Vec<(f64, String)> {
        if self.logarithmic {
            let mut decade = self.least;
            let mut ticks = Vec::new();
            while decade <= self.most + 1e-9 {
                let value = 10_f64.powf(decade);
                ticks.push((value, number(value)));
                decade += 1.0;
            }
            return ticks;
        }
        let span = self.most - self.least;
        let rough = 10_f64.powf((span / 5.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * rough).into_iter().find(|s| span / s <= 6.0).unwrap_or(rough);
        let mut at = (self.least / step).ceil() * step;
        let mut ticks = Vec::new();
        while at <= self.most {
            // Away with the minus of a negative zero.
            ticks.push((at, number(at + 0.0)));
            at += step;
        }
        ticks
    }
}

fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text that may stand in a picture.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The whole picture around its panels.
pub fn picture(title: &str, height: f64, panels: &[String]) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\" fill=\"#333\">\n<title>{0}</title>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"15\">{0}</text>\n",
        escaped(title)
    );
    for panel in panels {
        out.push_str(panel);
    }
    out.push_str("</svg>\n");
    out
}

/// One pair of axes.
pub struct Panel {
    out: String,
    x: Axis,
    y: Axis,
    top: f64,
    height: f64,
    legend: usize,
}

impl Panel {
    /// A panel between two heights of the picture.
    pub fn new(title: &str, below: &str, x: Axis, y: Axis, top: f64, height: f64) -> Self {
        let mut panel = Self { out: String::new(), x, y, top: top + TOP, height: height - TOP - BOTTOM, legend: 0 };
        let (right, bottom) = (WIDTH - RIGHT, panel.top + panel.height);
        let _ = writeln!(panel.out, "<text x=\"{LEFT}\" y=\"{:.1}\">{}</text>", panel.top - 8.0, escaped(title));
        for (value, label) in y.ticks() {
            let at = panel.down(value);
            let _ = writeln!(
                panel.out,
                "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                at + 4.0
            );
        }
        for (value, label) in x.ticks() {
            let at = panel.across(value);
            let _ = writeln!(
                panel.out,
                "<path d=\"M{at:.1} {bottom:.1}v4\" stroke=\"#999\"/><text x=\"{at:.1}\" y=\"{:.1}\" \
                 text-anchor=\"middle\">{label}</text>",
                bottom + 16.0
            );
        }
        let _ = writeln!(
            panel.out,
            "<path d=\"M{LEFT} {:.1}V{bottom:.1}H{right}\" stroke=\"#999\" fill=\"none\"/><text x=\"{right}\" \
             y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            panel.top,
            bottom + 30.0,
            escaped(below)
        );
        panel
    }

    fn across(&self, value: f64) -> f64 {
        LEFT + self.x.share(value) * (WIDTH - RIGHT - LEFT)
    }

    fn down(&self, value: f64) -> f64 {
        self.top + (1.0 - self.y.share(value)) * self.height
    }

    fn path(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        for (i, &(x, y)) in points.iter().enumerate() {
            let _ = write!(path, "{}{:.1} {:.1}", if i == 0 { 'M' } else { 'L' }, self.across(x), self.down(y));
        }
        path
    }

    /// A filled area between two lines over the same places.
    pub fn area(&mut self, label: &str, colour: &str, below: &[(f64, f64)], above: &[(f64, f64)]) {
        let around: Vec<(f64, f64)> = above.iter().chain(below.iter().rev()).copied().collect();
        let path = self.path(&around);
        let _ = writeln!(self.out, "<path d=\"{path}Z\" fill=\"{colour}\"/>");
        self.entry(label, |x, y| {
            format!("<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"14\" height=\"10\" fill=\"{colour}\"/>", y - 9.0)
        });
    }

    /// A line; `dash` as in SVG, empty for a whole one.
    pub fn line(&mut self, label: &str, colour: &str, dash: &str, points: &[(f64, f64)]) {
        let path = self.path(points);
        let style = format!("stroke=\"{colour}\" stroke-width=\"1.8\" stroke-dasharray=\"{dash}\" fill=\"none\"");
        let _ = writeln!(self.out, "<path d=\"{path}\" {style}/>");
        self.entry(label, |x, y| format!("<path d=\"M{x:.1} {:.1}h14\" {style}/>", y - 4.0));
    }

    /// Dots at the places of a line.
    pub fn dots(&mut self, colour: &str, points: &[(f64, f64)]) {
        for &(x, y) in points {
            let (x, y) = (self.across(x), self.down(y));
            let _ = writeln!(self.out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
    }

    fn entry(&mut self, label: &str, sign: impl Fn(f64, f64) -> String) {
        if label.is_empty() {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a legend has a dozen lines")]
        let (x, y) = (WIDTH - RIGHT + 14.0, self.top + 10.0 + 16.0 * self.legend as f64);
        let _ = writeln!(self.out, "{}<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>", sign(x, y), x + 20.0, escaped(label));
        self.legend += 1;
    }

    /// What was drawn.
    pub fn done(self) -> String {
        self.out
    }
}
