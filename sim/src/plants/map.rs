//! The register map of a fleet as CSV, for whoever connects to the plants with a tool of their own.
//!
//! The first nine columns are the contract; behind them stands what a reader needs to turn registers into numbers
//! (`value = raw * scale + shift`, one `bit` of a status word) and to reach the device.

use hypocaust_protocols::model::Fleet;
use std::fmt::Write;

const HEAD: &str = "plant,device,protocol,address,type,word_order,unit,tag,writable,scale,shift,bit,endpoint,unit_id\n";

/// One line a tag, in the order of the files. Ids, units and numbers hold no comma, so nothing is quoted.
pub fn map(fleet: &Fleet) -> String {
    let mut out = HEAD.to_owned();
    for plant in &fleet.plants {
        for tag in &plant.tags {
            let Some(device) = plant.device(tag.device.as_str()) else { continue };
            let bit = tag.bit.map(|b| b.to_string()).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "{},{},modbus-tcp,{}:{},{},{},{},{},{},{},{},{bit},{},{}",
                plant.id,
                device.id,
                tag.table,
                tag.offset,
                tag.data_type,
                tag.word_order,
                tag.unit.symbol(),
                tag.id,
                tag.writable,
                tag.scale,
                tag.shift,
                device.endpoint,
                device.unit_id,
            );
        }
    }
    out
}
