//! `hypocaust-sim generate`: exit codes as everywhere.

use super::{Error, write};
use hypocaust_protocols::answer::tell;
use hypocaust_protocols::model::Fleet;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How many plants, 1 to 100.
    #[arg(long)]
    pub plants: u32,
    /// The same seed gives the same fleet.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// One plant in so many has a device on OPC UA, whose key pairs lengthen the first start; 0 for none, 1 for all.
    #[arg(long, value_name = "N", default_value_t = super::OPCUA_EVERY)]
    pub opcua: u32,
    /// A folder that is empty or not there yet.
    #[arg(long)]
    pub out: PathBuf,
    /// The summary on one line, for scripts.
    #[arg(long)]
    pub json: bool,
}

pub fn run(options: &Options) -> ExitCode {
    match write(options.plants, options.seed, options.opcua, &options.out) {
        Ok(fleet) => crate::answered(summary(&fleet, options), ExitCode::SUCCESS),
        Err(error) => {
            tell(format_args!("error: {}", crate::chain(&error)));
            ExitCode::from(match error {
                Error::Plants(_) | Error::NotEmpty(_) => 2,
                Error::Wrong { .. } => 1,
                Error::Write { .. } => 3,
            })
        }
    }
}

fn summary(fleet: &Fleet, options: &Options) -> String {
    let count = |of: fn(&hypocaust_protocols::model::Plant) -> usize| -> usize { fleet.plants.iter().map(of).sum() };
    let capacity: f64 = fleet.sources().map(|(_, s)| s.heat_max_mw).sum();
    let demand: f64 = fleet.consumers().map(|(_, c)| c.heat_mw).sum();
    let (plants, mains) = (fleet.plants.len(), fleet.mains.len());
    let (sources, consumers) = (count(|p| p.sources.len()), count(|p| p.consumers.len()));
    let opc_ua = count(|p| p.devices.iter().filter(|d| d.opc_ua().is_some()).count());
    let (devices, tags) = (count(|p| p.devices.len()), count(|p| p.tags.len()));
    if options.json {
        return json!({
            "folder": options.out, "fleet": fleet.id, "seed": options.seed, "plants": plants, "sources": sources,
            "consumers": consumers, "mains": mains, "devices": devices, "opcua_devices": opc_ua, "tags": tags,
            "demand_mw": (demand * 10.0).round() / 10.0, "capacity_mw": (capacity * 10.0).round() / 10.0,
        })
        .to_string();
    }
    format!(
        "{} in {}: {plants} plants, {sources} sources of {capacity:.0} MW for {consumers} consumers of {demand:.0} MW, {mains} mains, {devices} devices, {opc_ua} of them on OPC UA, {tags} tags",
        fleet.id,
        options.out.display()
    )
}
