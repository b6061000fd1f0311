//! Where devices answer, when it is not where the fleet file says: a JSON object, device id -> `host:port`.

use hypocaust_protocols::files::nearest;
use hypocaust_protocols::model::{Device, Plant};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, Clone, Default)]
pub struct Endpoints(BTreeMap<String, String>);

impl Endpoints {
    /// The error says what to write instead.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {shown}: {e}"))?;
        let map = serde_json::from_str(&text).map_err(|e| {
            format!("{shown}: {e}; write {{\"plant.device\": \"127.0.0.1:5020\", …}}, device id to host:port")
        })?;
        Ok(Self(map))
    }

    /// `host:port` of this device.
    pub fn of<'a>(&'a self, device: &'a Device) -> &'a str {
        self.0.get(device.id.as_str()).map_or(device.address(), String::as_str)
    }

    /// An entry that names a device of this plant which does not exist is a mistake; other plants' are theirs.
    pub fn check(&self, plant: &Plant) -> Result<(), String> {
        for id in self.0.keys().filter(|id| id.split('.').next() == Some(plant.id.as_str())) {
            if plant.device(id).is_none() {
                let ids: Vec<&str> = plant.devices.iter().map(|d| d.id.as_str()).collect();
                let instead = nearest(id, ids.iter().copied()).map_or_else(|| ids.join(", "), |n| n.to_owned());
                return Err(format!("endpoints: {} has no device '{id}'; write {instead}", plant.id));
            }
        }
        Ok(())
    }
}
