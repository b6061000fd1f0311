//! One OPC UA device: the variables of its tags over the same PLC as every other device.
//!
//! A device that was silenced takes requests and never answers, like a PLC whose CPU hangs behind a living network card:
//! its server runs on a thread of its own, and silence stops that thread. Connections stay open, nothing comes.
//!
//! Values are sampled when somebody asks or every 100 ms where somebody has subscribed. The source time of a value is that of
//! the sample in which it was first seen to be so, whoever asked for that: all clients are told the same time of the same
//! value, and a value that stands still keeps its time (OPC 10000-4, 7.11.3: the last change of value or status). Writes go the way of every write: to a writable node only, of the right type, within the tag's limits.

use super::Shared;
use crate::plc::Exception;
use async_trait::async_trait;
use hypocaust_protocols::model::{Device, DeviceId, OpcUa, Security, Tag};
use hypocaust_protocols::opcua::pki::{self, Pki};
use hypocaust_protocols::opcua::value;
use opcua::core::sync::RwLock;
use opcua::server::address_space::{AccessLevel, AddressSpace, VariableBuilder, add_namespaces};
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::server::node_manager::memory::{InMemoryNodeManagerBuilder, InMemoryNodeManagerImpl};
use opcua::server::node_manager::{
    MonitoredItemRef, MonitoredItemUpdateRef, ParsedReadValueId, RequestContext, ServerContext, SyncSampler, WriteNode,
};
use opcua::server::{
    ANONYMOUS_USER_TOKEN_ID, CreateMonitoredItem, Server, ServerBuilder, ServerEndpoint, ServerHandle, ServerUserToken,
};
use opcua::types::{
    AttributeId, DataTypeId, DataValue, DateTime, Identifier, MonitoringMode, NodeId, StatusCode, TimestampsToReturn,
};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Small PLCs serve few clients at a time.
const MOST_SESSIONS: usize = 16;
const SAMPLING: Duration = Duration::from_millis(100);
/// How often a silenced device looks whether it may speak, and others whether they are silenced.
const LOOK: Duration = Duration::from_millis(20);
/// How often new files among the trusted certificates are noticed.
const TIDY: Duration = Duration::from_millis(500);

/// The application URI of a device's server.
#[must_use]
pub fn application(device: &DeviceId) -> String {
    format!("urn:hypocaust:sim:{device}")
}

/// The certificates of a device's server; made at the first start.
pub fn certificates(folder: &Path, device: &DeviceId, address: SocketAddr) -> Result<Pki, pki::Error> {
    let hosts = [address.ip().to_string(), "localhost".to_owned()];
    Pki::open(&folder.join(device.as_str()), &format!("Simulated {device}"), &application(device), &hosts)
}

/// A server before it runs.
pub(super) struct Bound {
    pub device: Device,
    pub listener: std::net::TcpListener,
    pub address: SocketAddr,
    pub pki: Pki,
}

/// Runs until its task is dropped or the server fails.
pub(super) async fn serve(bound: Bound, shared: Arc<Shared>) -> io::Result<()> {
    let (ended, end) = oneshot::channel();
    let name = bound.device.id.to_string();
    let (server, handle) = build(&bound, &shared).map_err(io::Error::other)?;
    // Dropped with this task; then the server ends.
    let _guard = Guard(handle);
    let pki = bound.pki.clone();
    let device = bound.device.id.clone();
    std::thread::Builder::new().name(name).spawn(move || {
        let _ = ended.send(run(server, bound.listener, &device, &shared, &pki));
    })?;
    end.await.unwrap_or_else(|_| Err(io::Error::other("the thread of an OPC UA server failed")))
}

struct Guard(ServerHandle);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn run(
    server: Server,
    listener: std::net::TcpListener,
    device: &DeviceId,
    shared: &Arc<Shared>,
    pki: &Pki,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::select! {
            ended = server.run_with(listener) => ended.map_err(io::Error::other),
            () = hang(device, shared) => Ok(()),
            () = tidy(device, pki) => Ok(()),
        }
    })
}

/// Stops everything that runs on this thread for as long as the device is silent.
async fn hang(device: &DeviceId, shared: &Arc<Shared>) {
    loop {
        tokio::time::sleep(LOOK).await;
        while shared.plants().is_silent(device) {
            std::thread::sleep(LOOK);
        }
    }
}

async fn tidy(device: &DeviceId, pki: &Pki) {
    loop {
        if let Err(error) = pki.tidy() {
            tracing::warn!(%device, %error, "the certificates cannot be looked at");
        }
        tokio::time::sleep(TIDY).await;
    }
}

fn build(bound: &Bound, shared: &Arc<Shared>) -> Result<(Server, ServerHandle), String> {
    let Bound { device, address, pki, .. } = bound;
    let link = device.opc_ua().ok_or("no OPC UA device")?.clone();
    let user = match &link.user {
        None => ANONYMOUS_USER_TOKEN_ID.to_owned(),
        Some(user) => user.clone(),
    };
    let users = [user.clone()];
    let endpoint = match link.security {
        Security::SignAndEncrypt => ServerEndpoint::new_basic256sha256_sign_encrypt("/", &users),
        Security::None { .. } => ServerEndpoint::new_none("/", &users),
    };
    let mut builder = ServerBuilder::new()
        .application_name(format!("Simulated {}", device.id))
        .application_uri(application(&device.id))
        .product_uri("urn:hypocaust:sim")
        .create_sample_keypair(false)
        .pki_dir(pki.folder())
        .certificate_path(pki::OWN_CERTIFICATE)
        .private_key_path(pki::OWN_KEY)
        .trust_client_certs(false)
        .host(address.ip().to_string())
        .port(address.port())
        .discovery_urls(vec![format!("opc.tcp://{address}/")])
        .add_endpoint("device", endpoint)
        .max_sessions(MOST_SESSIONS)
        .max_session_timeout_ms(60_000);
    if link.user.is_some() {
        let file = pki.folder().join("password");
        let password = std::fs::read_to_string(&file)
            .map_err(|e| format!("{} has a user, whose password is to stand in {}: {e}", device.id, file.display()))?;
        builder =
            builder.add_user_token(user.clone(), ServerUserToken::user_pass(user, password.trim_end().to_owned()));
    }
    let plants = shared.plants();
    let fleet = Arc::clone(plants.fleet());
    drop(plants);
    let tags: Vec<Tag> = fleet.plants.iter().flat_map(|p| &p.tags).filter(|t| t.device == device.id).cloned().collect();
    let (shared, id) = (Arc::clone(shared), device.id.clone());
    let nodes =
        move |context: ServerContext, space: &mut AddressSpace| Nodes::new(&context, space, &link, id, tags, shared);
    builder.with_node_manager(InMemoryNodeManagerBuilder::new(nodes)).build()
}

/// The variables of one device.
struct Nodes {
    device: DeviceId,
    namespace: NamespaceMetadata,
    tags: BTreeMap<String, Tag>,
    shared: Arc<Shared>,
    since: Arc<Since>,
    sampler: SyncSampler,
}

/// Since when each node shows what it shows; nothing for a node that fails.
#[derive(Default)]
struct Since(Mutex<BTreeMap<String, (Option<u64>, DateTime)>>);

impl Since {
    /// When the node was first seen to show this, seen so now.
    fn seen(&self, node: &str, raw: Option<f64>, now: DateTime) -> DateTime {
        let mut nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bits = raw.map(f64::to_bits);
        match nodes.get(node) {
            Some((was, since)) if *was == bits => *since,
            _ => {
                nodes.insert(node.to_owned(), (bits, now));
                now
            }
        }
    }
}

impl Nodes {
    fn new(
        context: &ServerContext,
        space: &mut AddressSpace,
        link: &OpcUa,
        device: DeviceId,
        tags: Vec<Tag>,
        shared: Arc<Shared>,
    ) -> Self {
        let index = add_namespaces(context, space, &[&link.namespace])[0];
        let folder = NodeId::new(index, "device");
        space.add_folder(&folder, device.as_str(), device.as_str(), &NodeId::objects_folder_id());
        for tag in &tags {
            let Some(node) = tag.address.node() else { continue };
            let denied = link.sis_deny.iter().any(|prefix| node.starts_with(prefix.as_str()));
            let access = if tag.writable && !denied {
                AccessLevel::CURRENT_READ | AccessLevel::CURRENT_WRITE
            } else {
                AccessLevel::CURRENT_READ
            };
            VariableBuilder::new(&NodeId::new(index, node), node, node)
                .data_type(data_type(tag))
                .value_rank(-1)
                .access_level(access)
                .user_access_level(access)
                .organized_by(folder.clone())
                .insert(space);
        }
        let namespace =
            NamespaceMetadata { namespace_uri: link.namespace.clone(), namespace_index: index, ..Default::default() };
        let tags = tags.into_iter().filter_map(|t| Some((t.address.node()?.to_owned(), t))).collect();
        Self { device, namespace, tags, shared, since: Arc::default(), sampler: SyncSampler::new() }
    }

    fn tag(&self, node: &NodeId) -> Option<&Tag> {
        match &node.identifier {
            Identifier::String(text) => self.tags.get(text.as_ref()),
            _ => None,
        }
    }
}

fn data_type(tag: &Tag) -> DataTypeId {
    use hypocaust_protocols::model::DataType;
    match tag.data_type {
        DataType::Bool => DataTypeId::Boolean,
        DataType::U16 => DataTypeId::UInt16,
        DataType::I16 => DataTypeId::Int16,
        DataType::U32 => DataTypeId::UInt32,
        DataType::I32 => DataTypeId::Int32,
        DataType::F32 => DataTypeId::Float,
        DataType::U64 => DataTypeId::UInt64,
        DataType::I64 => DataTypeId::Int64,
        DataType::F64 => DataTypeId::Double,
    }
}

/// What the device shows for a tag now.
fn sample(shared: &Shared, since: &Since, device: &DeviceId, tag: &Tag) -> DataValue {
    let node = tag.address.node().unwrap_or_default();
    let plants = shared.plants();
    let now = DateTime::now();
    let raw = plants.read_node(device.as_str(), node).ok();
    let source = since.seen(node, raw, now);
    drop(plants);
    match raw.and_then(|raw| value::variant(tag.data_type, raw).ok()) {
        Some(variant) => {
            DataValue { server_timestamp: Some(now), ..DataValue::new_at_status(variant, source, StatusCode::Good) }
        }
        None => {
            DataValue { status: Some(StatusCode::BadDeviceFailure), server_timestamp: Some(now), ..Default::default() }
        }
    }
}

#[async_trait]
impl InMemoryNodeManagerImpl for Nodes {
    async fn init(&self, _: &mut AddressSpace, context: ServerContext) {
        self.sampler.run(SAMPLING, context.subscriptions.clone());
    }

    fn name(&self) -> &str {
        self.device.as_str()
    }

    fn namespaces(&self) -> Vec<NamespaceMetadata> {
        vec![self.namespace.clone()]
    }

    async fn read_values(
        &self,
        context: &RequestContext,
        address_space: &RwLock<AddressSpace>,
        nodes: &[&ParsedReadValueId],
        max_age: f64,
        timestamps: TimestampsToReturn,
    ) -> Vec<DataValue> {
        let space = address_space.read();
        let read = |node: &&ParsedReadValueId| match (space.validate_node_read(context, node), self.tag(&node.node_id))
        {
            (Err(status), _) => DataValue { status: Some(status), ..Default::default() },
            (Ok(_), Some(tag)) => sample(&self.shared, &self.since, &self.device, tag),
            (Ok(_), None) => space.read(context, node, max_age, timestamps),
        };
        nodes.iter().map(read).collect()
    }

    async fn create_value_monitored_items(
        &self,
        context: &RequestContext,
        address_space: &RwLock<AddressSpace>,
        items: &mut [&mut &mut CreateMonitoredItem],
    ) {
        let wanted: Vec<ParsedReadValueId> = items.iter().map(|i| i.item_to_monitor().clone()).collect();
        let wanted: Vec<&ParsedReadValueId> = wanted.iter().collect();
        let values = self.read_values(context, address_space, &wanted, 0.0, TimestampsToReturn::Both).await;
        for (value, item) in values.into_iter().zip(items.iter_mut()) {
            let node = item.item_to_monitor().node_id.clone();
            let (status, tag) = (value.status(), self.tag(&node).cloned());
            let Some(tag) = tag.filter(|_| status.is_good()) else {
                item.set_status(if status.is_good() { StatusCode::BadNodeIdUnknown } else { status });
                continue;
            };
            item.set_initial_value(value);
            item.set_status(StatusCode::Good);
            let (shared, since) = (Arc::clone(&self.shared), Arc::clone(&self.since));
            let device = self.device.clone();
            self.sampler.add_sampler(
                node,
                AttributeId::Value,
                move || Some(sample(&shared, &since, &device, &tag)),
                item.monitoring_mode(),
                item.handle(),
                Duration::from_secs_f64(item.sampling_interval().max(0.0) / 1000.0),
            );
        }
    }

    async fn modify_monitored_items(&self, _: &RequestContext, items: &[&MonitoredItemUpdateRef]) {
        for item in items {
            let interval = Duration::from_secs_f64(item.update().revised_sampling_interval.max(0.0) / 1000.0);
            self.sampler.update_sampler(item.node_id(), item.attribute(), item.handle(), interval);
        }
    }

    async fn set_monitoring_mode(&self, _: &RequestContext, mode: MonitoringMode, items: &[&MonitoredItemRef]) {
        for item in items {
            self.sampler.set_sampler_mode(item.node_id(), item.attribute(), item.handle(), mode);
        }
    }

    async fn delete_monitored_items(&self, _: &RequestContext, items: &[&MonitoredItemRef]) {
        for item in items {
            self.sampler.remove_sampler(item.node_id(), item.attribute(), item.handle());
        }
    }

    async fn write(
        &self,
        context: &RequestContext,
        address_space: &RwLock<AddressSpace>,
        nodes: &mut [&mut WriteNode],
    ) -> Result<(), StatusCode> {
        let mut space = address_space.write();
        let types = context.type_tree.read();
        for write in nodes {
            let status = match space.validate_node_write(context, write.value(), &*types) {
                Err(status) => status,
                Ok(_) => self.write_one(write),
            };
            write.set_status(status);
        }
        Ok(())
    }
}

impl Nodes {
    fn write_one(&self, write: &WriteNode) -> StatusCode {
        let wanted = write.value();
        let Some(tag) = self.tag(&wanted.node_id).filter(|_| wanted.attribute_id == AttributeId::Value) else {
            return StatusCode::BadNotWritable;
        };
        let Some(raw) = wanted.value.value.as_ref().and_then(|v| value::number(v, tag.data_type)) else {
            return StatusCode::BadTypeMismatch;
        };
        match self.shared.write_node(&self.device, tag.address.node().unwrap_or_default(), raw) {
            Ok(()) => StatusCode::Good,
            Err(Exception::IllegalAddress) => StatusCode::BadNotWritable,
            Err(Exception::IllegalValue) => StatusCode::BadOutOfRange,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of samples: what a node shows at a second, and since when it is told to show it.
    #[test]
    fn a_value_that_stands_still_keeps_its_time() {
        let since = Since::default();
        let at = |second| DateTime::ymd_hms(2026, 11, 26, 13, 0, second);
        let table = [
            (Some(1.0), 1, 1),
            (Some(1.0), 2, 1),
            (Some(2.0), 3, 3),
            (Some(1.0), 4, 4),
            (None, 5, 5),
            (None, 6, 5),
            (Some(1.0), 7, 7),
        ];
        for (raw, now, told) in table {
            assert_eq!(since.seen("heat", raw, at(now)), at(told), "{raw:?} at {now} s");
        }
        assert_eq!(since.seen("state", Some(1.0), at(8)), at(8), "each node has its own");
    }
}
