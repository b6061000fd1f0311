//! Faults that can be injected while the plants run, by hand, by a drill or by a seeded world: one vocabulary for all.

use crate::plc::{Plants, SensorFault};
use hypocaust_protocols::files::nearest;
use hypocaust_protocols::model::{DeviceId, Fleet, PlantId, SourceState, TagId};
use serde::{Deserialize, Serialize};

/// What to do to a plant. Names may be local (`b1`) or full (`north.b1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do", deny_unknown_fields)]
pub enum Fault {
    /// The burner protection of a source cuts its fuel; the cause stays until `restore`.
    Trip { name: String },
    /// A sensor shows this value for ever.
    Stick { name: String, value: f64 },
    /// A sensor runs away, in its unit per minute.
    Drift { name: String, per_minute: f64 },
    /// A main is closed.
    Close { name: String },
    /// A device answers nothing.
    Silence { name: String },
    /// A boiler burns with more air (positive) or less than its own curve has, as a ratio: 0.1 is ten points.
    Trim { name: String, ratio: f64 },
    /// A boiler's heating surface loses this share of its effect, 0 to 0.9.
    Foul { name: String, share: f64 },
    /// Whatever was done to a source, sensor, main or device is undone; a person resets the burner management.
    Restore { name: String },
}

/// Why a fault cannot be injected.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Error {
    #[error("there is no plant `{0}`; there are {1}")]
    NoPlant(String, String),
    #[error("plant `{plant}` has no {what} `{name}`{hint}")]
    NoSuch { plant: String, what: &'static str, name: String, hint: String },
    #[error("the fleet has no {what} `{name}`{}", hint(.name, &.all.iter().map(String::as_str).collect::<Vec<_>>()))]
    Nowhere { what: &'static str, name: String, all: Vec<String> },
    #[error(
        "\"{0}\" is no fault: write `trip SOURCE`, `stick TAG VALUE`, `drift TAG PER_MINUTE`, `close MAIN`, `silence DEVICE`, `trim BOILER RATIO`, `foul BOILER SHARE` or `restore WHAT`"
    )]
    Words(String),
    #[error("`{fault} {name}` needs {what} behind it, a number such as {example}")]
    NoNumber { fault: String, name: String, what: &'static str, example: &'static str },
    #[error("\"{text}\" is no number; `{fault} {name}` needs {what}, such as {example}")]
    NotANumber { fault: String, name: String, text: String, what: &'static str, example: &'static str },
    #[error("`{fault}` needs the name of a {what} behind it")]
    NoName { fault: String, what: &'static str },
    #[error("{0} burns nothing, so it has no flue gas")]
    NoFlue(String),
    #[error("{what} of {name} is {value}; write a number from {least} to {most}")]
    Bounds { what: &'static str, name: String, value: String, least: f64, most: f64 },
}

/// What a fault's number means, and one that could stand there.
fn figure(fault: &str) -> (&'static str, &'static str) {
    match fault {
        "stick" => ("the value to show", "4.2"),
        "drift" => ("how far it runs away in a minute", "-0.5"),
        "trim" => ("how much air ratio to add", "0.1"),
        _ => ("the share of the surface's effect that is lost", "0.2"),
    }
}

impl Fault {
    /// From the words of a command line or of a drill (`trip b1`).
    pub fn parse(words: &[&str]) -> Result<Self, Error> {
        let number = |fault: &str, name: &str, text: &str| {
            let (what, example) = figure(fault);
            let (fault, name) = (fault.to_owned(), name.to_owned());
            let no = || Error::NotANumber { fault, name, text: text.to_owned(), what, example };
            text.parse::<f64>().ok().filter(|x| x.is_finite()).ok_or_else(no)
        };
        let name = |text: &str| text.to_owned();
        match words {
            ["trip", x] => Ok(Fault::Trip { name: name(x) }),
            ["stick", x, v] => Ok(Fault::Stick { name: name(x), value: number("stick", x, v)? }),
            ["drift", x, v] => Ok(Fault::Drift { name: name(x), per_minute: number("drift", x, v)? }),
            ["close", x] => Ok(Fault::Close { name: name(x) }),
            ["silence", x] => Ok(Fault::Silence { name: name(x) }),
            ["trim", x, v] => Ok(Fault::Trim { name: name(x), ratio: number("trim", x, v)? }),
            ["foul", x, v] => Ok(Fault::Foul { name: name(x), share: number("foul", x, v)? }),
            ["restore", x] => Ok(Fault::Restore { name: name(x) }),
            [fault @ ("stick" | "drift" | "trim" | "foul"), x] => {
                let (what, example) = figure(fault);
                Err(Error::NoNumber { fault: name(fault), name: name(x), what, example })
            }
            [fault @ ("stick" | "drift")] => Err(Error::NoName { fault: name(fault), what: "tag" }),
            [fault @ ("trim" | "foul")] => Err(Error::NoName { fault: name(fault), what: "boiler" }),
            ["trip"] => Err(Error::NoName { fault: "trip".into(), what: "source" }),
            ["close"] => Err(Error::NoName { fault: "close".into(), what: "main" }),
            ["silence"] => Err(Error::NoName { fault: "silence".into(), what: "device" }),
            ["restore"] => Err(Error::NoName { fault: "restore".into(), what: "source, main, device or tag" }),
            _ => Err(Error::Words(words.join(" "))),
        }
    }

    /// The plant that it befalls, where its thing is named in full, as a drill does (`trip north.b1`). A main belongs to
    /// both its ends; either will do.
    pub fn plant<'f>(&self, fleet: &'f Fleet) -> Result<&'f PlantId, Error> {
        let mut all = Vec::new();
        let (mut wanted, mut kind) = ("", "");
        for plant in &fleet.plants {
            let Names { sources, tags, mains, devices, .. } = Names::new(fleet, plant.id.as_str())?;
            let (what, name, things) = match self {
                Fault::Trip { name } | Fault::Trim { name, .. } | Fault::Foul { name, .. } => ("source", name, sources),
                Fault::Stick { name, .. } | Fault::Drift { name, .. } => ("tag", name, tags),
                Fault::Close { name } => ("main", name, mains),
                Fault::Silence { name } => ("device", name, devices),
                Fault::Restore { name } => {
                    ("source, main, device or tag", name, [sources, mains, devices, tags].concat())
                }
            };
            if things.contains(&name.as_str()) {
                return Ok(&plant.id);
            }
            (wanted, kind) = (name, what);
            all.extend(things);
        }
        let all = all.into_iter().map(str::to_owned).collect();
        Err(Error::Nowhere { what: kind, name: wanted.to_owned(), all })
    }
}

/// What might have been meant instead.
fn hint(name: &str, among: &[&str]) -> String {
    match nearest(name, among.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if among.len() <= 12 => format!("; there are {}", among.join(", ")),
        None => String::new(),
    }
}

/// Names of the things of a plant that faults can befall, in the order of the physics' indices.
struct Names<'f> {
    plant: &'f PlantId,
    sources: Vec<&'f str>,
    tags: Vec<&'f str>,
    mains: Vec<&'f str>,
    devices: Vec<&'f str>,
}

impl<'f> Names<'f> {
    fn new(fleet: &'f Fleet, plant: &str) -> Result<Self, Error> {
        let found = fleet.plant(plant).ok_or_else(|| {
            let all: Vec<&str> = fleet.plants.iter().map(|p| p.id.as_str()).collect();
            Error::NoPlant(plant.to_owned(), all.join(", "))
        })?;
        Ok(Self {
            plant: &found.id,
            sources: found.sources.iter().map(|s| s.id.as_str()).collect(),
            tags: found.tags.iter().map(|t| t.id.as_str()).collect(),
            mains: fleet
                .mains
                .iter()
                .filter(|m| [&m.from, &m.to].iter().any(|h| h.as_str().split('.').next() == Some(plant)))
                .map(|m| m.id.as_str())
                .collect(),
            devices: found.devices.iter().map(|d| d.id.as_str()).collect(),
        })
    }

    fn lookup(&self, among: &[&'f str], name: &str) -> Option<&'f str> {
        let full = format!("{}.{name}", self.plant);
        among.iter().find(|id| **id == name || **id == full).copied()
    }

    fn find(&self, what: &'static str, among: &[&'f str], name: &str) -> Result<&'f str, Error> {
        self.lookup(among, name).ok_or_else(|| {
            let hint = hint(&format!("{}.{name}", self.plant), among);
            Error::NoSuch { plant: self.plant.to_string(), what, name: name.to_owned(), hint }
        })
    }
}

/// Does the fault to the plants; says in a sentence what was done.
pub fn inject(plants: &mut Plants, fleet: &Fleet, plant: &str, fault: &Fault) -> Result<String, Error> {
    let names = Names::new(fleet, plant)?;
    let tag_id = |id: &str| TagId::new(id).expect("an id of the fleet");
    let device_id = |id: &str| DeviceId::new(id).expect("an id of the fleet");
    match fault {
        Fault::Trip { name } => {
            let id = names.find("source", &names.sources, name)?;
            source(plants, id).fault = true;
            Ok(format!("{id} trips; its cause stays until `restore`"))
        }
        Fault::Stick { name, value } => {
            let id = names.find("tag", &names.tags, name)?;
            plants.set_sensor_fault(&tag_id(id), Some(SensorFault::Stuck { value: *value }));
            Ok(format!("{id} sticks at {value}"))
        }
        Fault::Drift { name, per_minute } => {
            let id = names.find("tag", &names.tags, name)?;
            let since_ms = plants.clock_ms();
            plants.set_sensor_fault(&tag_id(id), Some(SensorFault::Drifting { per_minute: *per_minute, since_ms }));
            Ok(format!("{id} drifts by {per_minute} a minute"))
        }
        Fault::Close { name } => {
            let id = names.find("main", &names.mains, name)?;
            main(plants, id).open = false;
            Ok(format!("{id} is closed"))
        }
        Fault::Silence { name } => {
            let id = names.find("device", &names.devices, name)?;
            plants.silence(&device_id(id), true);
            Ok(format!("{id} answers nothing"))
        }
        Fault::Trim { name, ratio } => {
            let id = names.find("source", &names.sources, name)?;
            flue(plants, id)?.trim = within("the trim", id, *ratio, -0.5, 2.0)?;
            Ok(format!("{id} burns at {ratio:+} to its own air ratio"))
        }
        Fault::Foul { name, share } => {
            let id = names.find("source", &names.sources, name)?;
            flue(plants, id)?.fouling = within("the fouling", id, *share, 0.0, 0.9)?;
            Ok(format!("the heating surface of {id} lost {share} of its effect"))
        }
        Fault::Restore { name } => {
            if let Some(id) = names.lookup(&names.sources, name) {
                let source = source(plants, id);
                let wrong = source.flue.as_ref().is_some_and(|f| f.trim != 0.0 || f.fouling != 0.0);
                if !source.fault && !wrong && !matches!(source.state, SourceState::Tripped | SourceState::Lockout) {
                    return Ok(format!("nothing is wrong with {id}, which is {}", source.state.name()));
                }
                source.fault = false;
                source.reset();
                if let Some(flue) = &mut source.flue {
                    (flue.trim, flue.fouling) = (0.0, 0.0);
                }
                return Ok(format!(
                    "the cause at {id} is gone, its burner management is reset, it is clean and trimmed"
                ));
            }
            if let Some(id) = names.lookup(&names.mains, name) {
                main(plants, id).open = true;
                return Ok(format!("{id} is open"));
            }
            if let Some(id) = names.lookup(&names.devices, name) {
                plants.silence(&device_id(id), false);
                return Ok(format!("{id} answers again"));
            }
            let id = names.find("source, main, device or tag", &names.tags, name)?;
            plants.set_sensor_fault(&tag_id(id), None);
            Ok(format!("{id} shows the truth again"))
        }
    }
}

fn source<'p>(plants: &'p mut Plants, id: &str) -> &'p mut crate::physics::Source {
    plants.physics.sources.iter_mut().find(|s| s.spec.id.as_str() == id).expect("physics has every source of the fleet")
}

fn flue<'p>(plants: &'p mut Plants, id: &str) -> Result<&'p mut crate::physics::Flue, Error> {
    source(plants, id).flue.as_mut().ok_or_else(|| Error::NoFlue(id.to_owned()))
}

fn within(what: &'static str, name: &str, value: f64, least: f64, most: f64) -> Result<f64, Error> {
    let outside = || Error::Bounds { what, name: name.to_owned(), value: value.to_string(), least, most };
    if (least..=most).contains(&value) { Ok(value) } else { Err(outside()) }
}

fn main<'p>(plants: &'p mut Plants, id: &str) -> &'p mut crate::physics::Main {
    plants.physics.mains.iter_mut().find(|m| m.spec.id.as_str() == id).expect("physics has every main of the fleet")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::Enterprise;
    use std::path::Path;
    use std::sync::Arc;

    #[test]
    fn faults_are_named_locally_or_in_full_and_misspellings_are_answered() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
        let fleet = Arc::new(hypocaust_protocols::files::load(&folder).expect("the sample fleet"));
        let mut plants = Plants::new(Arc::clone(&fleet), Enterprise::new(&fleet, 1, 10.0));
        let mut tell = |plant: &str, words: &[&str]| {
            let fault = Fault::parse(words).map_err(|e| e.to_string())?;
            inject(&mut plants, &fleet, plant, &fault).map_err(|e| e.to_string())
        };
        assert!(tell("north", &["trip", "b1"]).is_ok());
        assert!(tell("north", &["trim", "b1", "-0.1"]).is_ok() && tell("north", &["foul", "b1", "0.2"]).is_ok());
        assert_eq!(
            tell("north", &["foul", "hp1", "0.2"]),
            Err("north.hp1 burns nothing, so it has no flue gas".into())
        );
        let error = "the fouling of north.b1 is 2; write a number from 0 to 0.9";
        assert_eq!(tell("north", &["foul", "b1", "2"]), Err(error.into()));
        assert!(tell("north", &["restore", "north.b1"]).is_ok());
        assert!(tell("south", &["close", "n-s"]).is_ok(), "a main belongs to both its ends");
        assert!(tell("south", &["silence", "plc2"]).is_ok());
        assert_eq!(tell("nord", &["trip", "b1"]), Err("there is no plant `nord`; there are north, south".into()));
        let error = tell("north", &["stick", "steam.presure", "3"]).expect_err("misspelt");
        assert_eq!(error, "plant `north` has no tag `steam.presure`; did you mean `north.steam.pressure`?");
        assert!(tell("north", &["stick", "steam.pressure", "NaN"]).is_err());
        let error = "`stick steam.pressure` needs the value to show behind it, a number such as 4.2";
        assert_eq!(tell("north", &["stick", "steam.pressure"]), Err(error.into()));
        let error = "\"fast\" is no number; `drift x` needs how far it runs away in a minute, such as -0.5";
        assert_eq!(tell("north", &["drift", "x", "fast"]), Err(error.into()));
        assert_eq!(tell("north", &["trip"]), Err("`trip` needs the name of a source behind it".into()));
        assert_eq!(tell("north", &["restore", "b2"]), Ok("nothing is wrong with north.b2, which is on".into()));
        assert!(tell("north", &["explode", "b1"]).is_err());
    }

    #[test]
    fn a_name_in_full_tells_its_plant() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
        let fleet = hypocaust_protocols::files::load(&folder).expect("the sample fleet");
        let plant = |words: &[&str]| {
            let fault = Fault::parse(words).expect("words of a fault");
            fault.plant(&fleet).map(|p| p.to_string()).map_err(|e| e.to_string())
        };
        assert_eq!(plant(&["trip", "south.b1"]), Ok("south".into()));
        assert_eq!(plant(&["close", "n-s"]), Ok("north".into()));
        assert_eq!(plant(&["restore", "south.plc2"]), Ok("south".into()));
        assert_eq!(plant(&["stick", "south.steam.pressure", "9"]), Ok("south".into()));
        let error =
            "the fleet has no source `b1`; there are north.b1, north.b2, north.chp1, north.hp1, south.b1, south.wh1";
        assert_eq!(plant(&["trip", "b1"]), Err(error.into()));
        let error = "the fleet has no source `sauth.b1`; did you mean `south.b1`?";
        assert_eq!(plant(&["trip", "sauth.b1"]), Err(error.into()));
    }
}
