//! `mimics/<plant>.toml`: where the equipment of a plant stands in its drawing.
//!
//! Ids are written without the plant's name, those of mains between plants as `fleet.toml` has them. The file is optional;
//! one that exists places everything.

use super::reader::{At, Reader};
use super::report::Report;
use super::suggest::nearest;
use crate::model::mimic::{Equipment, Place, faults, pieces};
use crate::model::{Fleet, PlantId};
use std::cell::RefCell;
use std::ops::Range;

/// Cells in one direction; a drawing of more is no drawing.
const CELLS: u64 = 500;

/// A drawing as its file has it.
pub(super) struct Drawing {
    file: usize,
    head: Range<usize>,
    plant: Option<At<String>>,
    /// Each with where it stands in the file.
    places: Vec<(Place, Range<usize>)>,
}

pub(super) fn read(r: Reader<'_, '_>) -> Drawing {
    r.choice("schema", &[("mimic/1", ())]);
    let plant = r.text("plant");
    let mut places = Vec::new();
    for kind in Equipment::ALL {
        for table in r.tables(kind.name(), "place") {
            places.extend(read_place(kind, table));
        }
    }
    let drawing = Drawing { file: r.file, head: r.span.clone(), plant, places };
    r.finish();
    drawing
}

fn read_place(kind: Equipment, r: Reader<'_, '_>) -> Option<(Place, Range<usize>)> {
    let id = r.text("id");
    let (column, row) = (r.whole("column", 0, CELLS), r.whole("row", 0, CELLS));
    let rows = if kind == Equipment::Header { r.whole("rows", 2, CELLS) } else { Some(1) };
    r.finish();
    let id = id?;
    let place = Place { kind, id: id.value, column: column? as u16, row: row? as u16, rows: rows? as u16 };
    Some((place, id.span))
}

/// Names in full, everything judged, and into the fleet with it. A plant whose file could not be used has no drawing.
pub(super) fn take(fleet: &mut Fleet, drawing: Drawing, unread: &[String], report: &RefCell<Report>) {
    let Drawing { file, head, plant, places } = drawing;
    let say =
        |span: Range<usize>, message: String, help: String| report.borrow_mut().mistake(file, span, message, help);
    let Some(named) = plant else { return };
    if unread.contains(&named.value) {
        return;
    }
    let Some(plant) = fleet.plant(&named.value) else {
        let help = match nearest(&named.value, fleet.plants.iter().map(|p| p.id.as_str())) {
            Some(near) => format!("`{near}`"),
            None => "the id of a plant of this fleet".into(),
        };
        return say(named.span, format!("there is no plant `{}`", named.value), help);
    };
    if fleet.mimics.contains_key(&plant.id) {
        let message = format!("there is a second drawing of `{}`", plant.id);
        return say(named.span, message, "one file in `mimics` for each plant".into());
    }
    let known = pieces(fleet, plant);
    let mut spans = Vec::new();
    let mut taken: Vec<Place> = Vec::new();
    for (mut place, span) in places {
        let full = format!("{}.{}", plant.id, place.id);
        let found = known.iter().find(|(kind, id)| *kind == place.kind && (*id == full || *id == place.id));
        let Some((_, id)) = found else {
            let own = format!("{}.", plant.id);
            let names = known.iter().filter(|(kind, _)| *kind == place.kind);
            let names = names.map(|(_, id)| id.strip_prefix(&own).unwrap_or(id));
            let kind = place.kind.name();
            let help = match nearest(&place.id, names) {
                Some(near) => format!("`{near}`"),
                None => format!("the id of a {kind} of `{}`", plant.id),
            };
            say(span, format!("`{}` has no {kind} `{}`", plant.id, place.id), help);
            continue;
        };
        place.id.clone_from(id);
        if taken.iter().any(|p| p.kind == place.kind && p.id == place.id) {
            let message = format!("the {} `{}` has a place already", place.kind.name(), place.id);
            say(span, message, "one place for each".into());
            continue;
        }
        taken.push(place);
        spans.push(span);
    }
    for fault in faults(fleet, plant, &taken) {
        let span = fault.place.and_then(|i| spans.get(i)).unwrap_or(&head).clone();
        say(span, fault.message, fault.help);
    }
    let plant: PlantId = plant.id.clone();
    fleet.mimics.insert(plant, taken);
}
