//! One plant's edge with what its shell would do: scans, writes, spool, session.

use super::nodes::EdgeNode;
use crate::plc::Plants;
use hypocaust_edge::core::{Input, Memory};
use hypocaust_protocols::modbus::codec::Layout;
use hypocaust_protocols::model::{Address, BadReason, DeviceId, Plant, PlantId, Tag, TagId};
use hypocaust_protocols::wire::Entry;
use std::collections::{BTreeMap, VecDeque};

/// An entry that the centre has not acknowledged.
pub struct Kept {
    pub entry: Entry,
    pub sent: Option<i64>,
}

pub struct Site {
    pub plant: PlantId,
    /// `None`: crashed.
    pub node: Option<Box<dyn EdgeNode>>,
    pub boot: u64,
    pub booted_at: i64,
    pub starts_at: Option<i64>,
    /// What is on its disk.
    pub memory: Memory,
    pub spool: BTreeMap<(u64, u64), Kept>,
    pub rounds: u64,
    pub link: bool,
    /// The session changes to `.1` at `.0`.
    pub link_due: Option<(i64, bool)>,
    pub birth_due: Option<i64>,
    pub written: VecDeque<(u64, DeviceId, TagId, f64)>,
}

impl Site {
    pub fn new(plant: PlantId) -> Self {
        Self {
            plant,
            node: None,
            boot: 0,
            booted_at: 0,
            starts_at: Some(0),
            memory: Memory::default(),
            spool: BTreeMap::new(),
            rounds: 0,
            link: false,
            link_due: None,
            birth_due: None,
            written: VecDeque::new(),
        }
    }
}

/// What one scan of a device sees of the tags of these scan classes.
pub fn scan(plants: &Plants, plant: &Plant, device: &DeviceId, classes: &[usize]) -> Input {
    if plants.is_silent(device) {
        let detail = "the device does not answer".to_owned();
        return Input::DeviceLost { device: device.clone(), reason: BadReason::NoConnection, detail };
    }
    let tags = plant.tags.iter().filter(|t| t.device == *device && classes.contains(&t.scan));
    let values = tags.map(|t| (t.id.clone(), Ok(plants.shown(t)).into())).collect();
    Input::Reads { device: device.clone(), values }
}

/// Writes a tag as its driver does; the value read back.
pub fn write(plants: &mut Plants, tag: &Tag, value: f64) -> Result<f64, String> {
    if plants.is_silent(&tag.device) {
        return Err("the device does not answer".into());
    }
    let raw = (value - tag.shift) / tag.scale;
    let device = tag.device.as_str();
    match &tag.address {
        Address::Register(at) => {
            let words = Layout::of(tag, at).encode(raw).map_err(|e| e.to_string())?;
            plants.write(device, at.table, at.offset, &words).map_err(|e| format!("{e:?}"))?;
        }
        Address::Node(node) => {
            let raw = Layout::new(tag.data_type).nearest(raw).map_err(|e| e.to_string())?;
            plants.write_node(device, node, raw).map_err(|e| format!("{e:?}"))?;
        }
    }
    Ok(plants.shown(tag))
}
