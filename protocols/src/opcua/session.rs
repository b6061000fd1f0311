//! One session with one subscription, from the first packet to the first doubt. Thin: what to do about a doubt is
//! [`super::supervisor`]'s business, what a value means [`super::value`]'s.
//!
//! [`open`] asks the server for its endpoints, judges its certificate by [`super::pki`], begins a session on the endpoint
//! that the file asks for (under the host and port of the file, whatever the server advertises), looks up the namespace
//! by its URI, subscribes every node, checks the result of each, and reads every node once. After that [`Session::next`]
//! tells what comes. Dropping a session drops its connection; nothing of it is used again.

use super::pki::{OWN_CERTIFICATE, OWN_KEY, Pki};
use super::supervisor::Failure;
use crate::model::{Millis, OpcUa, Security};
use futures::StreamExt;
use opcua::client::{
    Client, ClientBuilder, IdentityToken, MonitoredItem, OnSubscriptionNotification, SessionActivity,
    SessionPollResult, SubscriptionActivity,
};
use opcua::crypto::SecurityPolicy;
pub use opcua::types::DataValue;
use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, BrowseResultMask, EndpointDescription, Identifier,
    MessageSecurityMode, MonitoredItemCreateRequest, MonitoringMode, MonitoringParameters, NodeClass, NodeId, ObjectId,
    ReadValueId, ReferenceDescription, ReferenceTypeId, StatusChangeNotification, StatusCode, TimestampsToReturn,
    UserTokenType, Variant, WriteValue,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// How often the server is to send what has changed.
const PUBLISH: Duration = Duration::from_millis(100);
/// Quiet subscriptions say that they live every tenth time.
const KEEP_ALIVE_COUNT: u32 = 10;
/// Longer than a session lives (30 s), so that the session decides.
const LIFETIME_COUNT: u32 = 600;
/// TCP, greeting and channel.
const CONNECT: Duration = Duration::from_secs(4);
/// A subscription that is quiet for longer in order cannot be told from a dead one in time.
const LONGEST_KEEP_ALIVE: Duration = Duration::from_secs(5);
/// What one request may name; common servers allow more.
const CHUNK: usize = 100;

/// Whom to talk to, and as whom.
#[derive(Debug, Clone)]
pub struct Target {
    pub link: OpcUa,
    /// `opc.tcp://host:port[/path]`, where it is not the file's.
    pub endpoint: String,
    /// This program: its name and the URI in its certificate.
    pub name: String,
    pub uri: String,
    /// For `link.user`.
    pub password: Option<String>,
    /// One request.
    pub timeout: Duration,
    /// String identifiers in the link's namespace.
    pub nodes: Vec<String>,
}

/// What comes from a session.
#[derive(Debug)]
pub enum Event {
    /// A node (by its place in [`Target::nodes`]) has changed.
    Value(usize, Box<DataValue>),
    /// The subscription lives.
    Published,
    /// The session is not to be believed any more.
    Over(String),
}

/// A session as it was opened.
pub struct Opened {
    pub session: Session,
    /// Every node, read once, in order.
    pub values: Vec<DataValue>,
    /// How often the subscription says at least that it lives.
    pub keep_alive: Duration,
}

pub struct Session {
    inner: Arc<opcua::client::Session>,
    nodes: Vec<NodeId>,
    /// Why a node is not subscribed, by place.
    unmonitored: Vec<Option<String>>,
    events: mpsc::UnboundedReceiver<Event>,
    task: AbortHandle,
    timeout: Duration,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Opens a session. `begun` is set when the server may hold one of ours, whatever becomes of this attempt.
pub async fn open(target: &Target, pki: &Pki, begun: &AtomicBool, now: Millis) -> Result<Opened, Failure> {
    let config = ClientBuilder::new()
        .application_name(&target.name)
        .application_uri(&target.uri)
        .product_uri("urn:hypocaust")
        .session_name(&target.name)
        .pki_dir(pki.folder())
        .certificate_path(OWN_CERTIFICATE)
        .private_key_path(OWN_KEY)
        .trust_server_certs(false)
        .verify_server_certs(true)
        // Its own recovery is not used: one attempt, and the supervisor decides.
        .session_retry_limit(0)
        .recreate_subscriptions(false)
        .session_timeout(30_000)
        .keep_alive_interval(Duration::from_secs(2))
        .max_failed_keep_alive_count(2)
        .request_timeout(target.timeout)
        .publish_timeout(Duration::from_secs(10))
        // Else the time of a token's renewal follows the server's clock.
        .ignore_clock_skew(true)
        .into_config();
    let mut client = Client::new(config);
    let endpoint = timeout(CONNECT, find_endpoint(&client, target))
        .await
        .map_err(|_| Failure::Unreachable(format!("{} does not answer within {CONNECT:?}", target.endpoint)))??;
    if target.link.security == Security::SignAndEncrypt {
        let certificate = endpoint.server_certificate.value.clone().unwrap_or_default();
        pki.judge(&certificate, host(&target.endpoint), endpoint.server.application_uri.as_ref(), now)
            .map_err(|refused| Failure::Refused(refused.to_string()))?;
    }
    let identity = identity(target, &endpoint)?;
    begun.store(true, Ordering::Relaxed);
    let (inner, event_loop) =
        client.connect_to_endpoint_directly(endpoint, identity).map_err(|e| Failure::Unreachable(e.to_string()))?;
    let (send, mut events) = mpsc::unbounded_channel();
    let (connected, first) = tokio::sync::oneshot::channel();
    let own = pki.own_certificate();
    let forward = send.clone();
    let task = tokio::spawn(async move {
        let stream = event_loop.enter();
        futures::pin_mut!(stream);
        let mut connected = Some(connected);
        let mut tell = |result: Result<(), StatusCode>| connected.take().is_some_and(|c| c.send(result).is_ok());
        loop {
            let over = match stream.next().await {
                Some(Ok(SessionPollResult::Reconnected(_))) => {
                    tell(Ok(()));
                    continue;
                }
                Some(Ok(SessionPollResult::Subscription(activity))) => match activity {
                    SubscriptionActivity::Publish => {
                        let _ = forward.send(Event::Published);
                        continue;
                    }
                    // Silence shows by itself, and what else there is to say about it comes with other codes.
                    SubscriptionActivity::PublishFailed(
                        StatusCode::BadTimeout | StatusCode::BadTooManyPublishRequests,
                    ) => {
                        continue;
                    }
                    SubscriptionActivity::PublishFailed(code) | SubscriptionActivity::FatalFailure(code) => {
                        format!("the subscription is over: {code}")
                    }
                },
                Some(Ok(SessionPollResult::SessionActivity(SessionActivity::KeepAliveFailed(code)))) => {
                    format!("the session does not answer: {code}")
                }
                Some(Ok(SessionPollResult::ConnectionLost(code))) => format!("the connection is lost: {code}"),
                Some(Ok(SessionPollResult::ReconnectFailed(code)) | Err(code)) => {
                    tell(Err(code));
                    format!("the session cannot be begun: {code}")
                }
                Some(Ok(_)) => continue,
                None => "the session ended".to_owned(),
            };
            let _ = forward.send(Event::Over(over));
            return;
        }
    });
    let mut session = Session {
        inner,
        nodes: Vec::new(),
        unmonitored: Vec::new(),
        events: mpsc::unbounded_channel().1,
        task: task.abort_handle(),
        timeout: target.timeout,
    };
    match timeout(CONNECT + target.timeout, first).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(code))) => return Err(not_begun(code, target, &own)),
        Ok(Err(_)) => {
            let why = events.try_recv().map_or_else(|_| "the session ended".to_owned(), |event| format!("{event:?}"));
            return Err(Failure::Unreachable(format!("{}: {why}", target.endpoint)));
        }
        Err(_) => return Err(Failure::Unreachable(format!("{} takes too long to begin a session", target.endpoint))),
    }
    std::mem::swap(&mut session.events, &mut events);
    session.nodes = node_ids(&session, target).await?;
    let keep_alive = session.subscribe(send).await?;
    let values = session.read_all().await.map_err(Failure::Unreachable)?;
    Ok(Opened { session, values, keep_alive })
}

fn host(endpoint: &str) -> &str {
    let rest = endpoint.strip_prefix("opc.tcp://").unwrap_or(endpoint);
    let authority = rest.split('/').next().unwrap_or(rest);
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

/// The endpoint with the security of the file, under the host and port of the file.
async fn find_endpoint(client: &Client, target: &Target) -> Result<EndpointDescription, Failure> {
    let offered = client
        .get_server_endpoints_from_url(target.endpoint.as_str())
        .await
        .map_err(|e| Failure::Unreachable(format!("{}: {e}", target.endpoint)))?;
    let (policy, mode) = match target.link.security {
        Security::SignAndEncrypt => (SecurityPolicy::Basic256Sha256, MessageSecurityMode::SignAndEncrypt),
        Security::None { .. } => (SecurityPolicy::None, MessageSecurityMode::None),
    };
    let fits = |e: &&EndpointDescription| {
        e.security_policy_uri.as_ref() == policy.to_uri()
            && e.security_mode == mode
            && e.endpoint_url.as_ref().starts_with("opc.tcp://")
    };
    let Some(mut endpoint) = offered.iter().find(fits).cloned() else {
        let list: Vec<String> = offered
            .iter()
            .map(|e| {
                let policy = e.security_policy_uri.as_ref();
                format!("{} {:?}", policy.rsplit('#').next().unwrap_or(policy), e.security_mode)
            })
            .collect();
        return Err(Failure::Refused(format!(
            "{} offers no endpoint with {policy} and {mode:?}, only {}; enable it at the server",
            target.endpoint,
            if list.is_empty() { "none at all".to_owned() } else { list.join(", ") }
        )));
    };
    // The path stays the server's, it looks for its endpoint by that.
    let advertised = OpcUa { endpoint: endpoint.endpoint_url.as_ref().to_owned(), ..target.link.clone() };
    let asked = OpcUa { endpoint: target.endpoint.clone(), ..target.link.clone() };
    endpoint.endpoint_url = advertised.endpoint_at(asked.address()).into();
    Ok(endpoint)
}

fn identity(target: &Target, endpoint: &EndpointDescription) -> Result<IdentityToken, Failure> {
    let accepts = |kind| endpoint.user_identity_tokens.iter().flatten().any(|policy| policy.token_type == kind);
    match (&target.link.user, &target.password) {
        (None, _) if accepts(UserTokenType::Anonymous) => Ok(IdentityToken::Anonymous),
        (None, _) => Err(Failure::NotLetIn(format!(
            "{} lets nobody in without a name; write `user` in the fleet's file",
            target.endpoint
        ))),
        // `check` refuses the combination; this is the last gate before a password would leave.
        (Some(_), _) if target.link.security != Security::SignAndEncrypt => {
            Err(Failure::Refused("a password is never sent without encryption".to_owned()))
        }
        (Some(user), None) => Err(Failure::NotLetIn(format!("there is no password for the user {user}"))),
        (Some(user), Some(password)) => Ok(IdentityToken::new_user_name(user.clone(), password.clone())),
    }
}

fn not_begun(code: StatusCode, target: &Target, own: &std::path::Path) -> Failure {
    let endpoint = &target.endpoint;
    match code {
        StatusCode::BadIdentityTokenRejected
        | StatusCode::BadIdentityTokenInvalid
        | StatusCode::BadUserAccessDenied
        | StatusCode::BadUserSignatureInvalid => {
            let user = target.link.user.as_deref().unwrap_or("anonymous");
            Failure::NotLetIn(format!("{endpoint} does not let {user} in: {code}"))
        }
        StatusCode::BadCertificateUntrusted
        | StatusCode::BadSecurityChecksFailed
        | StatusCode::BadCertificateInvalid
        | StatusCode::BadCertificateUriInvalid
        | StatusCode::BadCertificateTimeInvalid
        | StatusCode::BadCertificateUseNotAllowed => Failure::Refused(format!(
            "{endpoint} does not accept the certificate of this edge ({code}); trust {} there",
            own.display()
        )),
        // Servers that do not know a certificate often just hang up.
        StatusCode::BadConnectionClosed | StatusCode::BadSecureChannelClosed
            if target.link.security == Security::SignAndEncrypt =>
        {
            Failure::Refused(format!(
                "{endpoint} hangs up at the secure channel ({code}); is {} trusted there?",
                own.display()
            ))
        }
        _ => Failure::Unreachable(format!("{endpoint}: {code}")),
    }
}

async fn node_ids(session: &Session, target: &Target) -> Result<Vec<NodeId>, Failure> {
    let namespaces = session
        .request(session.inner.read_namespace_array())
        .await
        .map_err(|e| Failure::Unreachable(format!("the namespaces of {}: {e}", target.endpoint)))?;
    let index = namespaces.get_index(&target.link.namespace).ok_or_else(|| {
        let mut known: Vec<&str> = namespaces.known_namespaces().keys().map(String::as_str).collect();
        known.sort_unstable();
        Failure::Refused(format!(
            "{} has no namespace {}; it has {}",
            target.endpoint,
            target.link.namespace,
            known.join(", ")
        ))
    })?;
    Ok(target.nodes.iter().map(|node| NodeId::new(index, node.clone())).collect())
}

/// Takes what a subscription is told and passes it on.
struct Listener(mpsc::UnboundedSender<Event>);

impl OnSubscriptionNotification for Listener {
    fn on_subscription_status_change(&mut self, change: StatusChangeNotification) {
        let _ = self.0.send(Event::Over(format!("the server ended the subscription: {}", change.status)));
    }
    fn on_data_value(&mut self, value: DataValue, item: &MonitoredItem) {
        // Handles count from 1, because 0 asks the library for one of its own.
        let _ = self.0.send(Event::Value(item.client_handle() as usize - 1, Box::new(value)));
    }
}

fn value_of(node: &NodeId) -> ReadValueId {
    ReadValueId { node_id: node.clone(), attribute_id: AttributeId::Value as u32, ..Default::default() }
}

impl Session {
    async fn request<T>(&self, request: impl Future<Output = Result<T, opcua::types::Error>>) -> Result<T, String> {
        // The library's own time-out needs its event loop to run; this one does not.
        match timeout(self.timeout + Duration::from_millis(200), request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {:?}", self.timeout)),
        }
    }

    async fn subscribe(&mut self, events: mpsc::UnboundedSender<Event>) -> Result<Duration, Failure> {
        self.unmonitored = vec![None; self.nodes.len()];
        if self.nodes.is_empty() {
            return Ok(PUBLISH * KEEP_ALIVE_COUNT);
        }
        let create =
            self.inner.create_subscription(PUBLISH, LIFETIME_COUNT, KEEP_ALIVE_COUNT, 0, 0, true, Listener(events));
        let id = self.request(create).await.map_err(|e| Failure::Unreachable(format!("no subscription: {e}")))?;
        let keep_alive = self
            .inner
            .subscription_state()
            .lock()
            .get(id)
            .map_or(PUBLISH * KEEP_ALIVE_COUNT, |s| s.publishing_interval() * s.max_keep_alive_count().max(1));
        if keep_alive > LONGEST_KEEP_ALIVE {
            return Err(Failure::Refused(format!(
                "the server lets a subscription be quiet for {keep_alive:?}; allow {LONGEST_KEEP_ALIVE:?} or less there"
            )));
        }
        for (chunk, nodes) in self.nodes.chunks(CHUNK).enumerate() {
            let items = nodes.iter().enumerate().map(|(at, node)| {
                let parameters = MonitoringParameters {
                    client_handle: (chunk * CHUNK + at + 1) as u32,
                    sampling_interval: PUBLISH.as_secs_f64() * 1000.0,
                    queue_size: 1,
                    discard_oldest: true,
                    ..Default::default()
                };
                MonitoredItemCreateRequest::new(value_of(node), MonitoringMode::Reporting, parameters)
            });
            let create = self.inner.create_monitored_items(id, TimestampsToReturn::Both, items.collect());
            let made =
                self.request(create).await.map_err(|e| Failure::Unreachable(format!("no monitored items: {e}")))?;
            for at in 0..nodes.len() {
                let status = made.get(at).map_or(StatusCode::BadUnexpectedError, |item| item.result.status_code);
                if !status.is_good() {
                    self.unmonitored[chunk * CHUNK + at] = Some(status.to_string());
                }
            }
        }
        Ok(keep_alive)
    }

    /// What comes next; waits for it. Safe to cancel.
    pub async fn next(&mut self) -> Event {
        self.events.recv().await.unwrap_or_else(|| Event::Over("the session ended".to_owned()))
    }

    /// What has come already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Why the node at this place is not subscribed.
    #[must_use]
    pub fn unmonitored(&self, at: usize) -> Option<&str> {
        self.unmonitored.get(at).and_then(Option::as_deref)
    }

    /// Every node, in order.
    pub async fn read_all(&self) -> Result<Vec<DataValue>, String> {
        let mut all = Vec::with_capacity(self.nodes.len());
        for nodes in self.nodes.chunks(CHUNK) {
            all.extend(self.read(nodes).await?);
        }
        Ok(all)
    }

    async fn read(&self, nodes: &[NodeId]) -> Result<Vec<DataValue>, String> {
        let items: Vec<ReadValueId> = nodes.iter().map(value_of).collect();
        let values = self.request(self.inner.read(&items, TimestampsToReturn::Both, 0.0)).await?;
        if values.len() != nodes.len() {
            return Err(format!("{} values were asked for, {} came", nodes.len(), values.len()));
        }
        Ok(values)
    }

    /// Writes one node.
    pub async fn put(&self, at: usize, value: Variant) -> Result<(), WriteError> {
        let node = self.nodes.get(at).ok_or_else(|| WriteError::Refused("there is no such node".to_owned()))?;
        let write = WriteValue {
            node_id: node.clone(),
            attribute_id: AttributeId::Value as u32,
            // Without times and status: many servers refuse a client that would set them.
            value: DataValue { value: Some(value), ..Default::default() },
            ..Default::default()
        };
        let done = self.request(self.inner.write(&[write])).await.map_err(WriteError::Lost)?;
        match done.as_slice() {
            [status] if status.is_good() => Ok(()),
            [status] => Err(WriteError::Refused(format!("the server says {status}"))),
            _ => Err(WriteError::Lost(format!("one result was asked for, {} came", done.len()))),
        }
    }

    /// Writes one node and reads it back.
    pub async fn write(&self, at: usize, value: Variant) -> Result<DataValue, WriteError> {
        self.put(at, value).await?;
        let lost = |why: String| WriteError::Lost(format!("read-back: {why}"));
        let node = self.nodes.get(at).map(std::slice::from_ref).unwrap_or_default();
        let back = self.read(node).await.map_err(lost)?;
        back.into_iter().next().ok_or_else(|| lost("no value came".to_owned()))
    }

    /// Every variable below the Objects folder, at most so many, with what can be said of each.
    pub async fn browse(&self, most: usize) -> Result<Vec<Browsed>, String> {
        let mut found: Vec<(NodeId, String)> = Vec::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<NodeId> = vec![ObjectId::ObjectsFolder.into()];
        while let Some(node) = open.pop() {
            for reference in self.children(&node).await? {
                let child = reference.node_id.node_id;
                // Addresses form no tree; each node is told once. What belongs to the
                // standard describes the server, not the plant.
                if !seen.insert(child.to_string()) || child == ObjectId::Server {
                    continue;
                }
                if reference.node_class == NodeClass::Variable && child.namespace != 0 {
                    found.push((child.clone(), reference.display_name.text.as_ref().to_owned()));
                    if found.len() >= most {
                        return self.described(found).await;
                    }
                }
                open.push(child);
            }
        }
        self.described(found).await
    }

    async fn children(&self, node: &NodeId) -> Result<Vec<ReferenceDescription>, String> {
        let description = BrowseDescription {
            node_id: node.clone(),
            browse_direction: BrowseDirection::Forward,
            reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
            include_subtypes: true,
            node_class_mask: 0,
            result_mask: BrowseResultMask::All as u32,
        };
        let mut results = self.request(self.inner.browse(&[description], 0, None)).await?;
        let mut all = Vec::new();
        while let Some(result) = results.pop() {
            all.extend(result.references.unwrap_or_default());
            if !result.continuation_point.is_null_or_empty() {
                let more = self.inner.browse_next(false, std::slice::from_ref(&result.continuation_point));
                results.extend(self.request(more).await?);
            }
        }
        Ok(all)
    }

    async fn described(&self, found: Vec<(NodeId, String)>) -> Result<Vec<Browsed>, String> {
        let mut all = Vec::with_capacity(found.len());
        for chunk in found.chunks(CHUNK / 2) {
            let both = |(node, _): &(NodeId, String)| {
                [AttributeId::Value, AttributeId::UserAccessLevel]
                    .map(|attribute| ReadValueId { attribute_id: attribute as u32, ..value_of(node) })
            };
            let items: Vec<ReadValueId> = chunk.iter().flat_map(both).collect();
            let values = self.request(self.inner.read(&items, TimestampsToReturn::Neither, 0.0)).await?;
            for ((node, name), pair) in chunk.iter().zip(values.chunks(2)) {
                let writable = match pair.get(1).and_then(|level| level.value.as_ref()) {
                    // Bit 1 of the access level is CurrentWrite (Part 3, table 8).
                    Some(Variant::Byte(level)) => level & 2 != 0,
                    _ => false,
                };
                let value = pair.first().and_then(|v| v.value.as_ref());
                all.push(Browsed {
                    namespace: self.namespace_of(node),
                    node: match &node.identifier {
                        Identifier::String(text) => text.as_ref().to_owned(),
                        other => other.to_string(),
                    },
                    by_name: matches!(node.identifier, Identifier::String(_)),
                    name: name.clone(),
                    kind: value.map_or_else(String::new, super::value::kind),
                    value: value.filter(|v| !v.is_array()).map_or_else(String::new, ToString::to_string),
                    status: pair.first().map_or_else(String::new, |v| v.status().to_string()),
                    writable,
                });
            }
        }
        all.sort_by(|a, b| (&a.namespace, &a.node).cmp(&(&b.namespace, &b.node)));
        Ok(all)
    }

    fn namespace_of(&self, node: &NodeId) -> String {
        let context = self.inner.encoding_context().read();
        let known = context.namespaces().known_namespaces();
        known.iter().find(|(_, index)| **index == node.namespace).map_or_else(String::new, |(uri, _)| uri.clone())
    }

    /// Ends it in order, so that the server keeps nothing of it. Whoever has doubts does not wait for this.
    pub async fn close(self) {
        let _ = timeout(Duration::from_secs(2), self.inner.disconnect()).await;
    }
}

/// A variable of a server.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Browsed {
    pub namespace: String,
    /// Its identifier; a tag can name it where it is a text.
    pub node: String,
    pub by_name: bool,
    pub name: String,
    pub kind: String,
    pub value: String,
    pub status: String,
    pub writable: bool,
}

/// What became of a write that was not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The server has said no; the session is in order.
    #[error("{0}")]
    Refused(String),
    /// Nobody knows; it may have been carried out.
    #[error("{0}")]
    Lost(String),
}
