use super::*;
use hypocaust_protocols::model::mimic::faults;
use hypocaust_protocols::model::{Class, HeaderId, PlantId};
use std::path::Path;

fn small() -> Fleet {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    hypocaust_protocols::files::load(&folder).expect("the sample fleet")
}

/// The small fleet's north with so many headers, sources and consumers, dealt out in turn, and these mains between the
/// headers. Tags stay those of the models: a drawing does not read them.
fn plant_of(headers: usize, sources: usize, consumers: usize, mains: &[(usize, usize)]) -> Fleet {
    let mut fleet = small();
    let main = fleet.mains.iter().find(|m| m.id.as_str() == "north.x1").expect("a main").clone();
    fleet.plants.truncate(1);
    let plant = &mut fleet.plants[0];
    let header = |i: usize| HeaderId::new(&format!("north.h{i}")).expect("an id");
    let model = plant.headers[0].clone();
    plant.headers = (0..headers)
        .map(|i| {
            let mut h = model.clone();
            h.id = header(i);
            h
        })
        .collect();
    let model = plant.sources[0].clone();
    plant.sources = (0..sources)
        .map(|i| {
            let mut s = model.clone();
            s.id = format!("north.s{i}").parse().expect("an id");
            s.header = header(i % headers);
            s
        })
        .collect();
    let model = plant.consumers[0].clone();
    plant.consumers = (0..consumers)
        .map(|i| {
            let mut c = model.clone();
            c.id = format!("north.c{i}").parse().expect("an id");
            c.class = Class::ALL[(i * 7) % Class::ALL.len()];
            c.header = header(i % headers);
            c
        })
        .collect();
    plant.storages.truncate(1);
    plant.storages.iter_mut().for_each(|s| s.header = header(headers - 1));
    fleet.mains = mains
        .iter()
        .enumerate()
        .map(|(i, (from, to))| {
            let mut m = main.clone();
            m.id = format!("north.m{i}").parse().expect("an id");
            (m.from, m.to) = (header(*from), header(*to));
            m
        })
        .collect();
    fleet
}

/// Everything that must hold of any drawing.
fn sound(fleet: &Fleet, plant: &Plant) -> Mimic {
    let places = places(fleet, plant);
    assert_eq!(faults(fleet, plant, &places), [], "{}", plant.id);
    let mimic = draw(fleet, plant);
    assert_eq!(draw(fleet, plant), mimic, "the same fleet, another drawing");
    for (i, a) in mimic.boxes.iter().enumerate() {
        assert!(a.x >= 0.0 && a.y >= 0.0 && a.x + a.width <= mimic.width && a.y + a.height <= mimic.height, "{a:?}");
        for b in &mimic.boxes[i + 1..] {
            let apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
            assert!(apart, "{} lies on {}", a.id, b.id);
        }
    }
    assert_eq!(mimic.edges.len(), supply(fleet, plant).len());
    for edge in &mimic.edges {
        assert!(edge.path.windows(2).all(|w| w[0].0 <= w[1].0), "{edge:?} runs back");
        assert!(edge.path[0].0 < edge.path[edge.path.len() - 1].0, "{edge:?} does not run to the right");
        through(&mimic, edge, &edge.path);
    }
    for pipe in &mimic.returns {
        for path in &pipe.paths {
            assert!(
                path.iter().all(|(x, y)| *x > 0.0 && *x < mimic.width && *y > 0.0 && *y < mimic.height),
                "{path:?}"
            );
        }
    }
    mimic
}

/// No piece of the line lies inside a box.
fn through(mimic: &Mimic, edge: &Edge, path: &[Point]) {
    for w in path.windows(2) {
        for b in &mimic.boxes {
            let (left, right) = (w[0].0.min(w[1].0), w[0].0.max(w[1].0));
            let (top, bottom) = (w[0].1.min(w[1].1), w[0].1.max(w[1].1));
            let clear = right <= b.x || left >= b.x + b.width || bottom <= b.y || top >= b.y + b.height;
            assert!(clear, "the line {} -> {} runs through {}", edge.from, edge.to, b.id);
        }
    }
}

#[test]
fn the_plants_of_the_sample_fleet_are_drawn_soundly_and_without_a_crossing() {
    let fleet = small();
    for plant in &fleet.plants {
        let mimic = sound(&fleet, plant);
        assert_eq!(lines::crossings(&mimic.edges), 0, "{}", plant.id);
    }
    let north = draw(&fleet, &fleet.plants[0]);
    let joint = north.boxes.iter().find(|b| b.id == "n-s").expect("the main between the plants");
    assert_eq!(joint.beyond.as_deref(), Some("south.steam"));
    assert_eq!(north.returns.len(), 2, "each header's way back");
    let boiler = north.boxes.iter().find(|b| b.id == "north.b1").expect("a boiler");
    let roles: Vec<_> = boiler.tags.iter().map(|t| (t.role, t.tag.as_str())).collect();
    assert!(
        roles.contains(&("state", "north.b1.state")) && roles.contains(&("setpoint", "north.b1.load-sp")),
        "{roles:?}"
    );
}

#[test]
fn a_plant_of_ten_sources_and_twenty_consumers_on_three_headers_is_drawn_soundly() {
    let fleet = plant_of(3, 10, 20, &[(0, 1), (1, 2), (0, 2)]);
    let mimic = sound(&fleet, &fleet.plants[0]);
    assert_eq!(mimic.boxes.len(), 3 + 10 + 20 + 3 + 1);
}

/// Every way in which up to five headers can be joined by two mains, and the longer chains.
#[test]
fn whatever_mains_join_the_drawing_is_sound_and_crosses_no_more_than_the_files_order() {
    let mut better = 0;
    for headers in 2..=5 {
        let joints: Vec<(usize, usize)> =
            (0..headers).flat_map(|a| (0..headers).map(move |b| (a, b))).filter(|(a, b)| a != b).collect();
        for a in &joints {
            for b in joints.iter().filter(|b| (b.1, b.0) != *a) {
                let fleet = plant_of(headers, 2 * headers, 2 * headers, &[*a, *b]);
                let plant = &fleet.plants[0];
                let (mimic, unordered) = (sound(&fleet, plant), grid::unordered(&fleet, plant));
                let lines = supply(&fleet, plant);
                let before = lines::crossings(&lines::Sheet::of(&unordered, &lines).supply());
                let after = lines::crossings(&mimic.edges);
                assert!(after <= before, "{a:?} {b:?} of {headers}: {before} crossings became {after}");
                better += usize::from(after < before);
            }
        }
    }
    // Without the order of the lanes nothing would ever get better.
    assert!(better > 50, "only {better} drawings gained by the order of the lanes");
}

#[test]
fn a_crossing_is_counted_and_a_touching_corner_is_none() {
    let edge = |path: &[Point]| Edge { from: "a".into(), to: "b".into(), flow: "t".into(), path: path.to_vec() };
    let flat = edge(&[(0.0, 5.0), (10.0, 5.0)]);
    let upright = edge(&[(5.0, 0.0), (5.0, 10.0)]);
    let corner = edge(&[(10.0, 5.0), (10.0, 9.0)]);
    let upon = edge(&[(8.0, 5.0), (20.0, 5.0)]);
    assert_eq!(lines::crossings(&[flat.clone(), upright]), 1);
    assert_eq!(lines::crossings(&[flat.clone(), corner]), 0);
    assert_eq!(lines::crossings(&[flat, upon]), 1);
}

/// The file that is printed gives the drawing it was made from, and what a person moves in it stays moved.
#[test]
fn places_of_a_file_are_kept() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    let folder = tempfile::tempdir().expect("a temporary folder");
    for part in ["plants", "mimics"] {
        std::fs::create_dir(folder.path().join(part)).expect("a folder");
    }
    for name in ["fleet.toml", "plants/north.toml", "plants/south.toml"] {
        std::fs::copy(sample.join(name), folder.path().join(name)).expect("the sample fleet");
    }
    let fleet = small();
    let north = fleet.plant("north").expect("north");
    let text = file(&fleet, north);
    let load = |text: &str| {
        std::fs::write(folder.path().join("mimics/north.toml"), text).expect("the drawing");
        hypocaust_protocols::files::load(folder.path()).map_err(|error| error.to_string())
    };
    let kept = load(&text).expect("the printed file");
    let sorted = |fleet: &Fleet| {
        let mut places = places(fleet, fleet.plant("north").expect("north"));
        places.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        places
    };
    assert_eq!(sorted(&kept), sorted(&fleet));
    assert!(kept.mimics.contains_key(&PlantId::new("north").expect("an id")));

    let moved = text.replacen("id = \"ward\"\ncolumn = 4\nrow = 0", "id = \"ward\"\ncolumn = 5\nrow = 12", 1);
    assert_ne!(moved, text);
    let moved = load(&moved).expect("ward elsewhere");
    let plant = moved.plant("north").expect("north");
    let ward = places(&moved, plant).into_iter().find(|p| p.id == "north.ward").expect("ward");
    assert_eq!((ward.column, ward.row), (5, 12));
    let drawn = sound(&moved, plant);
    let line = drawn.edges.iter().find(|e| e.to == "north.ward").expect("its line");
    assert_eq!(line.path.len(), 4, "down from the header and along its row: {line:?}");
}
