//! The mimic: a plant's equipment and heat lines as a drawing, made from the fleet and never moved at run time.
//!
//! Places come from `mimics/<plant>.toml` where the fleet has that file, else they are computed ([`grid`]); the lines follow
//! from the places ([`lines`]). Pure, and the same for the same fleet: an operator finds a boiler where it was yesterday,
//! and equipment moves only when somebody changes a file. What moves on the page is what the tags named here read.
//!
//! All coordinates are in units of the drawing, x to the right and y downwards, from the upper left corner.

mod grid;
mod lines;

use hypocaust_protocols::model::mimic::{Equipment, Place, supply};
use hypocaust_protocols::model::{Fleet, Plant};
use serde::Serialize;
use std::fmt::Write;
use utoipa::ToSchema;

pub type Point = (f64, f64);

/// A plant's drawing.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Mimic {
    pub plant: String,
    pub width: f64,
    pub height: f64,
    pub boxes: Vec<Boxed>,
    pub edges: Vec<Edge>,
    pub returns: Vec<Piped>,
}

/// A piece of equipment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Boxed {
    pub kind: Equipment,
    pub id: String,
    /// For people.
    pub name: String,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub tags: Vec<Bound>,
    /// The header of another plant that a main leads to or comes from.
    pub beyond: Option<String>,
}

/// A tag of a piece of equipment, and what it is there: `heat`, `state`, `setpoint`, …, as the fleet's files call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bound {
    pub role: &'static str,
    pub tag: String,
}

/// A line of supply. Its flow is what the tag `flow` reads, positive from `from` to `to`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Edge {
    pub from: String,
    pub to: String,
    pub flow: String,
    #[schema(value_type = Vec<Vec<f64>>)]
    pub path: Vec<Point>,
}

/// The way back of a header's water or condensate.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Piped {
    pub header: String,
    #[schema(value_type = Vec<Vec<Vec<f64>>>)]
    pub paths: Vec<Vec<Point>>,
}

/// The places of a plant's equipment: those of its file, or computed.
pub fn places(fleet: &Fleet, plant: &Plant) -> Vec<Place> {
    if let Some(places) = fleet.mimics.get(&plant.id) {
        return places.clone();
    }
    let supply = supply(fleet, plant);
    grid::places(fleet, plant, |places| lines::crossings(&lines::Sheet::of(places, &supply).supply()))
}

/// The drawing of a plant.
pub fn draw(fleet: &Fleet, plant: &Plant) -> Mimic {
    let places = places(fleet, plant);
    let supply = supply(fleet, plant);
    let sheet = lines::Sheet::of(&places, &supply);
    let boxes = places
        .iter()
        .enumerate()
        .map(|(i, place)| {
            let lines::Area { x, y, width, height } = sheet.boxed(i);
            let (name, beyond) = named(fleet, plant, place);
            let tags = bound(fleet, plant, place);
            Boxed { kind: place.kind, id: place.id.clone(), name, x, y, width, height, tags, beyond }
        })
        .collect();
    Mimic {
        plant: plant.id.to_string(),
        width: sheet.width,
        height: sheet.height,
        boxes,
        edges: sheet.supply(),
        returns: sheet.returns(),
    }
}

fn named(fleet: &Fleet, plant: &Plant, place: &Place) -> (String, Option<String>) {
    let own = format!("{}.", plant.id);
    let short = place.id.strip_prefix(&own).unwrap_or(&place.id).to_owned();
    match place.kind {
        Equipment::Consumer => {
            let found = plant.consumers.iter().find(|c| c.id.as_str() == place.id);
            (found.map_or(short, |c| c.name.clone()), None)
        }
        Equipment::Main => {
            let ends = fleet.mains_of(plant).find(|m| m.id.as_str() == place.id).map(|m| [&m.from, &m.to]);
            let beyond = ends.and_then(|ends| ends.into_iter().find(|h| !plant.has_header(h)));
            (short, beyond.map(ToString::to_string))
        }
        Equipment::Header | Equipment::Source | Equipment::Storage => (short, None),
    }
}

fn bound(fleet: &Fleet, plant: &Plant, place: &Place) -> Vec<Bound> {
    let id = place.id.as_str();
    let tags = match place.kind {
        Equipment::Header => {
            plant.headers.iter().find(|h| h.id.as_str() == id).map(|h| vec![("process_value", Some(&h.process_value))])
        }
        Equipment::Source => plant.source(id).map(|s| {
            vec![
                ("heat", Some(&s.heat)),
                ("state", Some(&s.state)),
                ("setpoint", Some(&s.setpoint)),
                ("start_request", s.start_request.as_ref()),
            ]
        }),
        Equipment::Storage => plant
            .storages
            .iter()
            .find(|s| s.id.as_str() == id)
            .map(|s| vec![("level", Some(&s.level)), ("heat", Some(&s.heat)), ("setpoint", Some(&s.setpoint))]),
        Equipment::Consumer => plant.consumers.iter().find(|c| c.id.as_str() == id).map(|c| {
            let cap = c.shed.as_ref().map(|s| &s.setpoint);
            vec![("asked", Some(&c.asked)), ("served", Some(&c.served)), ("shed_setpoint", cap)]
        }),
        Equipment::Main => fleet
            .mains_of(plant)
            .find(|m| m.id.as_str() == id)
            .map(|m| vec![("flow", Some(&m.flow)), ("setpoint", Some(&m.setpoint)), ("open", Some(&m.open))]),
    };
    let known = tags.into_iter().flatten().filter_map(|(role, tag)| Some((role, tag?)));
    known.map(|(role, tag)| Bound { role, tag: tag.to_string() }).collect()
}

/// The file that keeps a plant's places as they are now: `mimics/<plant>.toml`.
pub fn file(fleet: &Fleet, plant: &Plant) -> String {
    let own = format!("{}.", plant.id);
    let mut text =
        format!("# Where the equipment of {} stands in its drawing: columns from the left, rows from\n", plant.name);
    text.push_str("# the top. Everything has a place here, or the file does not exist and all places are computed.\n");
    let _ = write!(text, "schema = \"mimic/1\"\nplant = \"{}\"\n", plant.id);
    for place in places(fleet, plant) {
        let id = place.id.strip_prefix(&own).unwrap_or(&place.id);
        let Place { kind, column, row, rows, .. } = place;
        let _ = write!(text, "\n[[{}]]\nid = \"{id}\"\ncolumn = {column}\nrow = {row}\n", kind.name());
        if kind == Equipment::Header {
            let _ = writeln!(text, "rows = {rows}");
        }
    }
    text
}

#[cfg(test)]
mod tests;
