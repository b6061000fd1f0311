//! From places to lines: where each box stands in the drawing, and how supply and return run between them at right angles.

use super::{Edge, Piped, Point};
use hypocaust_protocols::model::mimic::{Equipment, Piece, Place, Supply};
use std::collections::BTreeMap;

/// Sizes, in units of the drawing; text of 12 units fits its boxes.
const BOX: f64 = 176.0;
const HEADER: f64 = 104.0;
const HEIGHT: f64 = 52.0;
/// From the top of one row to that of the next.
pub(super) const ROW: f64 = 68.0;
/// Between two columns, where nothing runs up or down; a flow's number is written there.
const GUTTER: f64 = 64.0;
/// Between two lines that run side by side.
const BESIDE: f64 = 9.0;
/// Around everything; the return runs there.
const MARGIN: f64 = 34.0;

/// A box in the drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    fn right(&self) -> f64 {
        self.x + self.width
    }
    fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

pub(super) struct Sheet<'a> {
    places: &'a [Place],
    supply: &'a [Supply],
    boxes: Vec<Area>,
    /// The right end of each column, by column.
    ends: BTreeMap<u16, f64>,
    pub width: f64,
    pub height: f64,
}

/// A supply line that must change its row on the way, with the gutter (named by the column after it) in which it does.
struct Turn {
    line: usize,
    gutter: u16,
    from_row: u16,
    down: bool,
}

impl<'a> Sheet<'a> {
    /// Boxes at these places, with room in the gutters for the supply lines that turn there.
    pub fn of(places: &'a [Place], supply: &'a [Supply]) -> Self {
        let mut sheet = Sheet { places, supply, boxes: Vec::new(), ends: BTreeMap::new(), width: 0.0, height: 0.0 };
        let turns = sheet.turns();
        let mut x = MARGIN;
        let mut starts = BTreeMap::new();
        let columns = places.iter().map(|p| p.column).max().map_or(0, |c| c + 1);
        for column in 0..columns {
            let turning = turns.iter().filter(|t| t.gutter == column).count();
            x += turning as f64 * BESIDE;
            let here = places.iter().filter(|p| p.column == column);
            let width = here.map(|p| if p.kind == Equipment::Header { HEADER } else { BOX }).fold(0.0, f64::max);
            starts.insert(column, (x, width));
            sheet.ends.insert(column, x + width);
            x += width + if width > 0.0 { GUTTER } else { 0.0 };
        }
        let rows = places.iter().map(|p| p.row + p.rows).max().unwrap_or(0);
        sheet.width = (x - GUTTER + MARGIN).max(2.0 * MARGIN);
        sheet.height = f64::from(rows) * ROW + 2.0 * MARGIN;
        sheet.boxes = places
            .iter()
            .map(|p| {
                let (x, column) = starts[&p.column];
                let width = if p.kind == Equipment::Header { HEADER } else { BOX };
                let y = MARGIN + f64::from(p.row) * ROW;
                let height = f64::from(p.rows - 1) * ROW + HEIGHT;
                Area { x: x + (column - width) / 2.0, y, width, height }
            })
            .collect();
        sheet
    }

    pub fn boxed(&self, i: usize) -> Area {
        self.boxes[i]
    }

    fn find(&self, piece: &Piece) -> Option<usize> {
        self.places.iter().position(|p| p.kind == piece.0 && p.id == piece.1)
    }

    fn turns(&self) -> Vec<Turn> {
        let mut turns: Vec<Turn> = self
            .supply
            .iter()
            .enumerate()
            .filter_map(|(line, s)| {
                let (from, to) = (&self.places[self.find(&s.from)?], &self.places[self.find(&s.to)?]);
                let (header, other) = if from.kind == Equipment::Header { (from, to) } else { (to, from) };
                if header.takes(header.column, other.row) {
                    return None;
                }
                // Into a header the line turns right before it, out of one right behind it.
                let gutter = if header.column == to.column { to.column } else { from.column + 1 };
                let into = std::ptr::eq(header, to);
                let down = if into { other.row < header.row } else { other.row > header.row };
                Some(Turn { line, gutter, from_row: other.row, down })
            })
            .collect();
        // Side by side so that they do not cross each other: of those that run down the upper is on the right, of those
        // that run up it is on the left.
        turns.sort_by_key(|t| {
            let row = i32::from(t.from_row);
            (t.gutter, t.down, if t.down { -row } else { row })
        });
        turns
    }

    /// The supply lines, each from the right side of what gives to the left side of what takes.
    pub fn supply(&self) -> Vec<Edge> {
        let turns = self.turns();
        self.supply
            .iter()
            .enumerate()
            .filter_map(|(line, s)| {
                let (from, to) = (self.find(&s.from)?, self.find(&s.to)?);
                let (a, b) = (self.boxes[from], self.boxes[to]);
                let path = match turns.iter().find(|t| t.line == line) {
                    None => {
                        let other = if self.places[from].kind == Equipment::Header { b } else { a };
                        let y = other.y + HEIGHT / 2.0;
                        vec![(a.right(), y), (b.x, y)]
                    }
                    Some(turn) => self.turned(&turns, turn, a, b),
                };
                Some(Edge { from: s.from.1.clone(), to: s.to.1.clone(), flow: s.flow.to_string(), path })
            })
            .collect()
    }

    /// Along the row of the one, up or down in the gutter, and into the end of the header, beside the others there.
    fn turned(&self, turns: &[Turn], turn: &Turn, a: Area, b: Area) -> Vec<Point> {
        let beside = turns.iter().filter(|t| t.gutter == turn.gutter);
        let rank = beside.take_while(|t| t.line != turn.line).count() as f64;
        let into = b.height > HEIGHT;
        let (header, other) = if into { (b, a) } else { (a, b) };
        // The end of the header that is nearer; where several come they keep the order of their rows.
        let mut same: Vec<&Turn> = turns
            .iter()
            .filter(|t| t.down == turn.down && t.gutter == turn.gutter && self.shares_header(t.line, turn.line))
            .collect();
        same.sort_by_key(|t| t.from_row);
        let place = same.iter().position(|t| t.line == turn.line).unwrap_or(0) as f64;
        let step = (HEIGHT / 2.0 - 4.0) / same.len() as f64;
        let near_top = if into { turn.down } else { !turn.down };
        let y = if near_top {
            header.y + 4.0 + place * step
        } else {
            header.bottom() - 4.0 - (same.len() as f64 - 1.0 - place) * step
        };
        let before = self.ends.range(..turn.gutter).next_back().map_or(0.0, |(_, end)| *end);
        let x = before + GUTTER / 2.0 + rank * BESIDE;
        let row = other.y + HEIGHT / 2.0;
        if into {
            vec![(a.right(), row), (x, row), (x, y), (b.x, y)]
        } else {
            vec![(a.right(), y), (x, y), (x, row), (b.x, row)]
        }
    }

    fn shares_header(&self, a: usize, b: usize) -> bool {
        let header = |line: usize| {
            let s = &self.supply[line];
            if s.from.0 == Equipment::Header { &s.from } else { &s.to }
        };
        header(a) == header(b)
    }

    /// The way back, a mirror of the supply: from the consumers of each header together along the right margin, below the
    /// lane and up the left margin to what heats it. A header without either has none.
    pub fn returns(&self) -> Vec<Piped> {
        let mut pipes = Vec::new();
        for (i, header) in self.places.iter().enumerate().filter(|(_, p)| p.kind == Equipment::Header) {
            let ends = |kinds: &[Equipment], giving: bool| -> Vec<Area> {
                self.supply
                    .iter()
                    .filter_map(|s| {
                        let (own, other) = if giving { (&s.to, &s.from) } else { (&s.from, &s.to) };
                        (own.0 == Equipment::Header && own.1 == header.id && kinds.contains(&other.0)).then_some(other)
                    })
                    .filter_map(|piece| Some(self.boxes[self.find(piece)?]))
                    .collect()
            };
            let heated = ends(&[Equipment::Source, Equipment::Storage], true);
            let drawing = ends(&[Equipment::Consumer], false);
            let (Some(first), Some(last)) = (heated.first(), drawing.first()) else { continue };
            let top = |boxes: &[Area], start: f64| boxes.iter().map(|b| b.y + HEIGHT * 0.75).fold(start, f64::min);
            let bottom = [&heated, &drawing].into_iter().flatten().map(Area::bottom).fold(0.0, f64::max);
            let below = bottom.max(self.boxes[i].bottom()) + (ROW - HEIGHT) / 2.0;
            let (left, right) = (MARGIN / 2.0, self.width - MARGIN / 2.0);
            let (rise, fall) = (top(&heated, first.bottom()), top(&drawing, last.bottom()));
            let mut paths = vec![vec![(right, fall), (right, below), (left, below), (left, rise)]];
            paths.extend(drawing.iter().map(|b| vec![(b.right(), b.y + HEIGHT * 0.75), (right, b.y + HEIGHT * 0.75)]));
            paths.extend(heated.iter().map(|b| vec![(left, b.y + HEIGHT * 0.75), (b.x, b.y + HEIGHT * 0.75)]));
            pipes.push(Piped { header: header.id.clone(), paths });
        }
        pipes
    }
}

/// How often two supply lines cross, or lie on each other for a while. Touching at a corner is no crossing.
pub(super) fn crossings(edges: &[Edge]) -> usize {
    let pieces: Vec<(usize, Point, Point)> = edges
        .iter()
        .enumerate()
        .flat_map(|(i, e)| e.path.windows(2).map(move |w| (i, w[0], w[1])))
        .filter(|(_, a, b)| a != b)
        .collect();
    let mut count = 0;
    for (n, a) in pieces.iter().enumerate() {
        count += pieces[n + 1..].iter().filter(|b| a.0 != b.0 && meet((a.1, a.2), (b.1, b.2))).count();
    }
    count
}

/// Do these pieces share more than an end?
fn meet(a: (Point, Point), b: (Point, Point)) -> bool {
    let span = |p: f64, q: f64| (p.min(q), p.max(q));
    let (ax, ay) = (span(a.0.0, a.1.0), span(a.0.1, a.1.1));
    let (bx, by) = (span(b.0.0, b.1.0), span(b.0.1, b.1.1));
    let inside = |p: f64, s: (f64, f64)| s.0 < p && p < s.1;
    let lying = |s: (f64, f64)| s.0 == s.1;
    match (lying(ay), lying(by)) {
        (true, true) => ay.0 == by.0 && ax.0.max(bx.0) < ax.1.min(bx.1),
        (false, false) => ax.0 == bx.0 && ay.0.max(by.0) < ay.1.min(by.1),
        (true, false) => inside(bx.0, ax) && inside(ay.0, by),
        (false, true) => inside(ax.0, bx) && inside(by.0, ay),
    }
}
