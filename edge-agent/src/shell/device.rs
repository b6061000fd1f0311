//! What every device task shares, whatever the device speaks: the writes that it is handed, the counter that it carries,
//! and the choice of the driver.

use super::run::ToCore;
use super::{modbus, opcua};
use hypocaust_protocols::model::{Device, Link, Plant, ScanClass, SetpointId, TagId};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::mpsc;

/// A write that the core wants.
#[derive(Debug)]
pub struct Job {
    pub write: u64,
    pub setpoint: SetpointId,
    pub value: f64,
}

/// The counter as the core last set it; above `u16::MAX`: not set yet.
pub type Counter = Arc<AtomicU32>;

pub fn unset() -> Counter {
    Arc::new(AtomicU32::new(u32::MAX))
}

pub fn counter_value(counter: &AtomicU32) -> Option<u16> {
    u16::try_from(counter.load(Ordering::Relaxed)).ok()
}

pub enum Driver {
    Modbus(Box<modbus::Driver>),
    OpcUa(Box<opcua::Driver>),
}

impl Driver {
    /// `address` is `host:port`; `data` the edge's folder, where certificates are kept. The error names what cannot be.
    pub fn new(
        plant: &Plant,
        device: &Device,
        address: &str,
        scan: &[ScanClass],
        counter: Counter,
        data: Option<&Path>,
    ) -> Result<Self, String> {
        match &device.link {
            Link::ModbusTcp(link) => {
                let driver = modbus::Driver::new(plant, device, link, address, scan, counter)?;
                Ok(Self::Modbus(Box::new(driver)))
            }
            Link::OpcUa(link) => {
                let data = data.ok_or_else(|| {
                    format!(
                        "{} speaks OPC UA, which needs the edge's certificates: give its folder with --data",
                        device.id
                    )
                })?;
                let driver = opcua::Driver::new(plant, device, link, address, scan, counter, data)?;
                Ok(Self::OpcUa(Box::new(driver)))
            }
        }
    }

    /// Runs until the core is gone.
    pub async fn run(self, jobs: mpsc::Receiver<Job>, core: mpsc::Sender<ToCore>) {
        match self {
            Self::Modbus(driver) => driver.run(jobs, core).await,
            Self::OpcUa(driver) => driver.run(jobs, core).await,
        }
    }

    /// Everything once, for `probe`.
    pub async fn probe(&mut self) -> Vec<(TagId, Result<f64, String>)> {
        match self {
            Self::Modbus(driver) => driver.probe().await,
            Self::OpcUa(driver) => driver.probe().await,
        }
    }
}

/// An error with all its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
