//! The map of a fleet's registers and nodes as CSV, for whoever connects to the plants with a tool of their own.
//!
//! The first nine columns are the contract; behind them stands what a reader needs to turn raw numbers into values
//! (`value = raw * scale + shift`, one `bit` of a status word) and to reach the device: its endpoint, and within it the
//! unit id (Modbus) or the namespace's URI (OPC UA). A node has no word order and no bit.

use hypocaust_protocols::model::Fleet;
use std::borrow::Cow;
use std::fmt::Write;

const HEAD: &str =
    "plant,device,protocol,address,type,word_order,unit,tag,writable,scale,shift,bit,endpoint,unit_id,namespace\n";

/// One line a tag, in the order of the files.
pub fn map(fleet: &Fleet) -> String {
    let mut out = HEAD.to_owned();
    for plant in &fleet.plants {
        for tag in &plant.tags {
            let Some(device) = plant.device(tag.device.as_str()) else { continue };
            let at = tag.address.register();
            let order = at.map_or("", |r| r.word_order.name());
            let bit = at.and_then(|r| r.bit).map(|b| b.to_string()).unwrap_or_default();
            let unit_id = device.modbus().map(|link| link.unit_id.to_string()).unwrap_or_default();
            let namespace = device.opc_ua().map(|link| link.namespace.as_str()).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "{},{},{},{},{},{order},{},{},{},{},{},{bit},{},{unit_id},{}",
                plant.id,
                device.id,
                device.link.protocol(),
                quoted(&tag.address.to_string()),
                tag.data_type,
                tag.unit.symbol(),
                tag.id,
                tag.writable,
                tag.scale,
                tag.shift,
                device.endpoint(),
                quoted(namespace),
            );
        }
    }
    out
}

/// A field that may hold a comma, after RFC 4180. (Ids, units and numbers hold none.)
fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")).into() } else { text.into() }
}
