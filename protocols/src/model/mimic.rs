//! Where equipment stands in the drawing of its plant.
//!
//! A mimic is drawn on a grid: columns from the left, rows from the top. Supply runs from left to right. Places are
//! either all computed from the fleet or all taken from `mimics/<plant>.toml`; there is no mixture, so that equipment
//! never moves because something else was added.

use super::{Fleet, HeaderId, Plant, TagId};
use serde::{Deserialize, Serialize};

/// What has a place of its own in a mimic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Equipment {
    Header,
    Source,
    Storage,
    Consumer,
    Main,
}

impl Equipment {
    pub const ALL: [Equipment; 5] =
        [Equipment::Header, Equipment::Source, Equipment::Storage, Equipment::Consumer, Equipment::Main];

    pub fn name(self) -> &'static str {
        match self {
            Equipment::Header => "header",
            Equipment::Source => "source",
            Equipment::Storage => "storage",
            Equipment::Consumer => "consumer",
            Equipment::Main => "main",
        }
    }
}

/// The cells that a piece of equipment takes: one, or for a header a run of `rows` below each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    pub kind: Equipment,
    /// In full, as everywhere in the fleet.
    pub id: String,
    pub column: u16,
    pub row: u16,
    pub rows: u16,
}

impl Place {
    /// Does it take this cell?
    pub fn takes(&self, column: u16, row: u16) -> bool {
        self.column == column && self.row <= row && row < self.row + self.rows
    }
}

/// What a piece of equipment is called in a drawing: its kind and its id, since two kinds may share an id.
pub type Piece = (Equipment, String);

/// One line along which heat is supplied: its flow is what `flow` reads, MW, positive from `from` to `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supply {
    pub from: Piece,
    pub to: Piece,
    pub flow: TagId,
}

/// The pieces of a plant in the order of its files: headers, sources, storages, consumers, and the mains that touch it.
pub fn pieces(fleet: &Fleet, plant: &Plant) -> Vec<Piece> {
    let headers = plant.headers.iter().map(|h| (Equipment::Header, h.id.to_string()));
    let sources = plant.sources.iter().map(|s| (Equipment::Source, s.id.to_string()));
    let storages = plant.storages.iter().map(|s| (Equipment::Storage, s.id.to_string()));
    let consumers = plant.consumers.iter().map(|c| (Equipment::Consumer, c.id.to_string()));
    let mains = fleet.mains_of(plant).map(|m| (Equipment::Main, m.id.to_string()));
    headers.chain(sources).chain(storages).chain(consumers).chain(mains).collect()
}

/// The supply lines of a plant: from what makes heat through headers to what draws it. A store gives (and takes, with a
/// negative flow); a main stands between its two headers, or at the edge of the drawing where one is another plant's.
pub fn supply(fleet: &Fleet, plant: &Plant) -> Vec<Supply> {
    let header = |id: &HeaderId| (Equipment::Header, id.to_string());
    let mut lines = Vec::new();
    for s in &plant.sources {
        let from = (Equipment::Source, s.id.to_string());
        lines.push(Supply { from, to: header(&s.header), flow: s.heat.clone() });
    }
    for s in &plant.storages {
        let from = (Equipment::Storage, s.id.to_string());
        lines.push(Supply { from, to: header(&s.header), flow: s.heat.clone() });
    }
    for c in &plant.consumers {
        let to = (Equipment::Consumer, c.id.to_string());
        lines.push(Supply { from: header(&c.header), to, flow: c.served.clone() });
    }
    for m in fleet.mains_of(plant) {
        let main = (Equipment::Main, m.id.to_string());
        if plant.has_header(&m.from) {
            lines.push(Supply { from: header(&m.from), to: main.clone(), flow: m.flow.clone() });
        }
        if plant.has_header(&m.to) {
            lines.push(Supply { from: main, to: header(&m.to), flow: m.flow.clone() });
        }
    }
    lines
}

/// What is wrong with a drawing: the place it is about, or none where one is missing, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub place: Option<usize>,
    pub message: String,
    pub help: String,
}

/// Judges the places of one plant: each piece has one, no two share a cell, supply runs from left to right, and no line
/// would be drawn through something that it has nothing to do with.
pub fn faults(fleet: &Fleet, plant: &Plant, places: &[Place]) -> Vec<Fault> {
    let mut found = Vec::new();
    let at = |piece: &Piece| places.iter().position(|p| p.kind == piece.0 && p.id == piece.1);
    for piece in pieces(fleet, plant) {
        if at(&piece).is_none() {
            let (kind, id) = (piece.0.name(), piece.1);
            found.push(Fault {
                place: None,
                message: format!("the {kind} `{id}` has no place; a drawing places all or nothing"),
                help: format!("`[[{kind}]]` with its place; `hypocaust-central mimic FLEET` prints a whole file"),
            });
        }
    }
    for (i, place) in places.iter().enumerate() {
        let earlier = &places[..i];
        let shared = (place.row..place.row + place.rows)
            .find_map(|row| earlier.iter().find(|other| other.takes(place.column, row)).map(|other| (row, other)));
        if let Some((row, other)) = shared {
            found.push(Fault {
                place: Some(i),
                message: format!("`{}` stands on `{}` at column {}, row {row}", place.id, other.id, place.column),
                help: "a cell of its own for each".into(),
            });
        }
    }
    for line in supply(fleet, plant) {
        let (Some(from), Some(to)) = (at(&line.from), at(&line.to)) else { continue };
        let moved = if line.from.0 == Equipment::Header { to } else { from };
        let (left, right) = (&places[from], &places[to]);
        if left.column >= right.column {
            found.push(Fault {
                place: Some(moved),
                message: format!("`{}` does not stand left of `{}`, which it supplies", left.id, right.id),
                help: "columns that rise along the supply: source, header, main, header, consumer".into(),
            });
            continue;
        }
        let row = places[moved].row;
        let between = places.iter().find(|p| (left.column + 1..right.column).any(|column| p.takes(column, row)));
        if let Some(other) = between {
            found.push(Fault {
                place: Some(moved),
                message: format!("the line from `{}` to `{}` runs through `{}`", left.id, right.id, other.id),
                help: format!("a row of its own for one of them: both are in row {row}"),
            });
        }
    }
    found
}
