//! One plant, as its file describes it: what makes, keeps and draws heat, and the signals by which it is seen and moved.

use super::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize)]
pub struct Plant {
    pub id: PlantId,
    pub name: String,
    pub headers: Vec<Header>,
    pub sources: Vec<Source>,
    pub storages: Vec<Storage>,
    pub consumers: Vec<Consumer>,
    pub connections: Vec<Connection>,
    pub devices: Vec<Device>,
    pub tags: Vec<Tag>,
    pub setpoints: Vec<Setpoint>,
    pub trips: Vec<Trip>,
    pub alarms: Vec<Alarm>,
}

impl Plant {
    pub fn tag(&self, id: &str) -> Option<&Tag> {
        self.tags.iter().find(|t| t.id.as_str() == id)
    }
    pub fn setpoint(&self, id: &str) -> Option<&Setpoint> {
        self.setpoints.iter().find(|s| s.tag.as_str() == id)
    }
    pub fn device(&self, id: &str) -> Option<&Device> {
        self.devices.iter().find(|d| d.id.as_str() == id)
    }
    pub fn has_header(&self, id: &HeaderId) -> bool {
        self.headers.iter().any(|h| h.id == *id)
    }
    pub fn source(&self, id: &str) -> Option<&Source> {
        self.sources.iter().find(|s| s.id.as_str() == id)
    }
    /// The consumer whose cap this setpoint is.
    pub fn capped_by(&self, setpoint: &SetpointId) -> Option<&Consumer> {
        self.consumers.iter().find(|c| c.shed.as_ref().is_some_and(|shed| shed.setpoint == *setpoint))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// Its process value is gauge pressure in bar.
    Steam,
    /// Its process value is the supply temperature in degC.
    HotWater,
}

/// Where heat is collected and given out. Its *swing* source holds the process value by its own local controller.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Header {
    pub id: HeaderId,
    pub medium: Medium,
    pub swing: SourceId,
    /// Spare running capability to keep, MW.
    pub reserve_mw: f64,
    /// Pressure (bar) or supply temperature (degC).
    pub process_value: TagId,
    pub nominal: f64,
    /// Below it consumers begin to draw less.
    pub low: f64,
    /// Relief or boiling limit; never reached in order.
    pub high: f64,
    /// Heat that raises the process value by one unit, MWh per bar or per K.
    pub capacity_mwh: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    Boiler,
    Chp,
    HeatPump,
    ElectricBoiler,
    WasteHeat,
}

/// What a source's state tag may read. The discriminants are the numbers of the state word in the PLC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceState {
    Off = 0,
    /// Air through the furnace before any fuel.
    Purge = 1,
    LightOff = 2,
    /// Lit, at or below minimum stable load, not yet to be loaded.
    WarmUp = 3,
    On = 4,
    /// Fuel cut by protection; may be started again when the cause is gone.
    Tripped = 5,
    /// The burner management refuses; only a person at the boiler can reset it.
    Lockout = 6,
}

impl SourceState {
    /// The state of this word, `None` for a number that is no state.
    pub fn from_word(word: f64) -> Option<Self> {
        use SourceState::*;
        [Off, Purge, LightOff, WarmUp, On, Tripped, Lockout].into_iter().find(|s| (*s as u8) as f64 == word)
    }
    pub fn name(self) -> &'static str {
        use SourceState::*;
        match self {
            Off => "off",
            Purge => "purge",
            LightOff => "light-off",
            WarmUp => "warm-up",
            On => "on",
            Tripped => "tripped",
            Lockout => "lockout",
        }
    }
}

/// How a source turns fuel or power into heat.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Conversion {
    /// Heat per fuel over load: points (share of `heat_max`, efficiency), rising in the share, at least one.
    Efficiency(Vec<(f64, f64)>),
    /// Heat per electric power.
    Cop(f64),
    /// Back-pressure or engine: heat and power per fuel.
    Cogeneration { heat_eff: f64, power_eff: f64 },
    /// Heat that is there anyway.
    Free,
}

/// Start-up sequence, seconds in each phase.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartUp {
    pub purge_s: f64,
    pub light_off_s: f64,
    pub warm_up_s: f64,
}

impl StartUp {
    /// From the request to `on`, seconds.
    pub fn total_s(&self) -> f64 {
        self.purge_s + self.light_off_s + self.warm_up_s
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartedBy {
    /// Central may ask the burner management for a start.
    Hypocaust,
    /// Only a person starts it.
    Operator,
}

/// What makes heat.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Source {
    pub id: SourceId,
    pub kind: SourceKind,
    pub header: HeaderId,
    /// What it consumes; `None` for waste heat.
    pub carrier: Option<CarrierId>,
    /// Nameplate, MW heat.
    pub heat_max_mw: f64,
    /// Minimum stable load, MW heat.
    pub heat_min_mw: f64,
    /// Proven rating: what classes 1 to 3 may ask of it beyond the normal share of nameplate.
    pub proven_mw: f64,
    pub conversion: Conversion,
    pub ramp_mw_per_min: f64,
    /// First-order response of heat to the firing rate.
    pub time_constant_s: f64,
    pub start: StartUp,
    pub start_cost_eur: f64,
    pub starts_per_hour: u32,
    pub started_by: StartedBy,
    /// Operation and maintenance, EUR per MWh heat.
    pub var_om: f64,
    /// True where it runs when the simulation (or the plant) begins.
    pub initially_on: bool,
    /// Heat made, MW.
    pub heat: TagId,
    /// State word, see [`SourceState`].
    pub state: TagId,
    /// Load setpoint, MW. For a swing source: the upper end of its band.
    pub setpoint: SetpointId,
    /// Writing 1 asks the burner management for a start, 0 for a stop; `None`: always running (waste heat).
    pub start_request: Option<SetpointId>,
    /// What else is measured at it.
    pub meters: Meters,
}

/// A thermal store on a header. Its setpoint is signed: positive discharges into the header.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Storage {
    pub id: StorageId,
    pub header: HeaderId,
    pub capacity_mwh: f64,
    pub charge_max_mw: f64,
    pub discharge_max_mw: f64,
    pub charge_eff: f64,
    pub discharge_eff: f64,
    pub loss_per_h: f64,
    pub initial_mwh: f64,
    /// Stored energy, MWh.
    pub level: TagId,
    /// Heat into the header, MW; negative while charging.
    pub heat: TagId,
    pub setpoint: SetpointId,
}

/// What draws heat.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Consumer {
    pub id: ConsumerId,
    pub name: String,
    pub header: HeaderId,
    pub class: Class,
    /// Typical draw, MW; the simulator's profile varies around it.
    pub heat_mw: f64,
    /// Daily swing as a share of `heat_mw` (0: constant), largest at `peak_hour` UTC.
    pub swing_share: f64,
    pub peak_hour: f64,
    /// Share of the way from what a forecast expects to the upper end of its band that is planned for (0: the expected
    /// alone, 1: the whole band). Not of what is asked for now.
    pub margin_share: f64,
    /// Heat asked for, MW.
    pub asked: TagId,
    /// Heat drawn, MW.
    pub served: TagId,
    /// How heat is taken from it; `None`: must-serve.
    pub shed: Option<Shed>,
}

/// The cap on a consumer's draw, MW. Lowering it sheds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shed {
    pub setpoint: SetpointId,
    /// The lowest cap that it may be given, MW.
    pub turndown_mw: f64,
}

/// A plant's supply of one carrier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Connection {
    pub id: ConnectionId,
    pub carrier: CarrierId,
    pub max_import_mw: f64,
    pub max_export_mw: f64,
    /// What the plant draws besides heat making, MW.
    pub base_load_mw: f64,
}

/// A PLC, DCS or meter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Device {
    pub id: DeviceId,
    pub link: Link,
    /// One request, connecting included.
    pub timeout_ms: u64,
    pub tries: u32,
    pub watchdog: Option<Watchdog>,
}

/// How a device is spoken to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "protocol", rename_all = "kebab-case")]
pub enum Link {
    ModbusTcp(ModbusTcp),
    OpcUa(OpcUa),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModbusTcp {
    /// `host:port` of the server.
    pub endpoint: String,
    pub unit_id: u8,
    /// Registers that Hypocaust must never write.
    pub sis_deny: Vec<Registers>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpcUa {
    /// `opc.tcp://host:port[/path]` of the server.
    pub endpoint: String,
    /// The URI of the namespace in which all nodes of this device lie. Its index is the server's own and may change.
    pub namespace: String,
    pub security: Security,
    /// The name under which the edge signs in; without one it is anonymous. Never with [`Security::None`], where a
    /// password would go to anybody. The password stands in a file of the edge, never in the fleet's.
    pub user: Option<String>,
    /// Beginnings of names of nodes that Hypocaust must never write.
    pub sis_deny: Vec<String>,
}

impl OpcUa {
    /// `host:port` of the server.
    pub fn address(&self) -> &str {
        let rest = self.endpoint.strip_prefix("opc.tcp://").unwrap_or(&self.endpoint);
        rest.split('/').next().unwrap_or(rest)
    }
    /// The endpoint with another `host:port`, its path kept.
    pub fn endpoint_at(&self, address: &str) -> String {
        self.endpoint.replacen(self.address(), address, 1)
    }
}

/// Which end of an OPC UA server is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// Basic256Sha256, every message signed and encrypted, both sides known by their certificates.
    SignAndEncrypt,
    /// Neither: whoever sits on the wire reads and forges. Somebody has said why it must be so.
    None { because: String },
}

impl Device {
    /// Where it answers, as its file writes it.
    pub fn endpoint(&self) -> &str {
        match &self.link {
            Link::ModbusTcp(link) => &link.endpoint,
            Link::OpcUa(link) => &link.endpoint,
        }
    }
    /// `host:port` of its server.
    pub fn address(&self) -> &str {
        match &self.link {
            Link::ModbusTcp(link) => &link.endpoint,
            Link::OpcUa(link) => link.address(),
        }
    }
    /// The Modbus link, when this device has one.
    pub fn modbus(&self) -> Option<&ModbusTcp> {
        match &self.link {
            Link::ModbusTcp(link) => Some(link),
            Link::OpcUa(_) => None,
        }
    }
    /// The OPC UA link, when this device has one.
    pub fn opc_ua(&self) -> Option<&OpcUa> {
        match &self.link {
            Link::OpcUa(link) => Some(link),
            Link::ModbusTcp(_) => None,
        }
    }
    /// The longest that one transaction can take: every try, each to its end.
    pub fn worst_transaction_ms(&self) -> u64 {
        self.timeout_ms.saturating_mul(u64::from(self.tries))
    }
    /// How old a quiet and good value of this device can become, seconds: its silence has just not been over at one
    /// scan, and the next one needs every try. What is older is not quiet, it was lost.
    pub fn oldest_s(&self, max_silence_s: f64, scan: &ScanClass) -> f64 {
        max_silence_s + (scan.period_ms as f64 + self.worst_transaction_ms() as f64) / 1000.0
    }
}

impl Link {
    /// The protocol as files, maps and logs spell it.
    pub fn protocol(&self) -> &'static str {
        match self {
            Link::ModbusTcp(_) => "modbus-tcp",
            Link::OpcUa(_) => "opc-ua",
        }
    }
}

/// The device watches this value and falls back to local control when it stops changing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watchdog {
    /// A writable `u16` tag that the edge counts up.
    pub counter: TagId,
    pub timeout_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    Coil,
    Discrete,
    Holding,
    Input,
}

impl Table {
    pub fn name(self) -> &'static str {
        match self {
            Table::Coil => "coil",
            Table::Discrete => "discrete",
            Table::Input => "input",
            Table::Holding => "holding",
        }
    }
    pub fn is_bits(self) -> bool {
        matches!(self, Table::Coil | Table::Discrete)
    }
    pub fn is_writable(self) -> bool {
        matches!(self, Table::Coil | Table::Holding)
    }
    /// The most that the Modbus specification lets one read request ask for.
    pub fn max_read(self) -> u16 {
        if self.is_bits() { 2000 } else { 125 }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A run of registers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Registers {
    pub table: Table,
    pub first: u16,
    pub last: u16,
}

/// How a number lies in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataType {
    Bool,
    U16,
    I16,
    U32,
    I32,
    F32,
    U64,
    I64,
    F64,
}

impl DataType {
    pub const ALL: [DataType; 9] = [
        DataType::Bool,
        DataType::U16,
        DataType::I16,
        DataType::U32,
        DataType::I32,
        DataType::F32,
        DataType::U64,
        DataType::I64,
        DataType::F64,
    ];
    /// Registers (or bits, for `bool` in a bit table) that it takes.
    pub fn registers(self) -> u16 {
        match self {
            DataType::Bool | DataType::U16 | DataType::I16 => 1,
            DataType::U32 | DataType::I32 | DataType::F32 => 2,
            DataType::U64 | DataType::I64 | DataType::F64 => 4,
        }
    }
    pub fn name(self) -> &'static str {
        match self {
            DataType::Bool => "bool",
            DataType::U16 => "u16",
            DataType::I16 => "i16",
            DataType::U32 => "u32",
            DataType::I32 => "i32",
            DataType::F32 => "f32",
            DataType::U64 => "u64",
            DataType::I64 => "i64",
            DataType::F64 => "f64",
        }
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Order of bytes in a number of several registers; `abcd` is big-endian throughout, as the Modbus standard has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WordOrder {
    Abcd,
    Cdab,
    Badc,
    Dcba,
}

impl WordOrder {
    pub const ALL: [WordOrder; 4] = [WordOrder::Abcd, WordOrder::Cdab, WordOrder::Badc, WordOrder::Dcba];
    pub fn name(self) -> &'static str {
        match self {
            WordOrder::Abcd => "abcd",
            WordOrder::Cdab => "cdab",
            WordOrder::Badc => "badc",
            WordOrder::Dcba => "dcba",
        }
    }
}

impl std::fmt::Display for WordOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a number lies in its device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    Register(Register),
    /// A variable, by its string identifier in the device's namespace.
    Node(String),
}

/// The registers (or the bit) of a tag in a Modbus device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Register {
    pub table: Table,
    /// As the protocol counts, from 0.
    pub offset: u16,
    /// One bit of a status word, for a `bool` in a register table.
    pub bit: Option<u8>,
    pub word_order: WordOrder,
}

impl Address {
    pub fn register(&self) -> Option<&Register> {
        match self {
            Address::Register(register) => Some(register),
            Address::Node(_) => None,
        }
    }
    pub fn node(&self) -> Option<&str> {
        match self {
            Address::Node(node) => Some(node),
            Address::Register(_) => None,
        }
    }
}

impl std::fmt::Display for Address {
    /// As files write it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Register(r) => write!(f, "{}:{}", r.table, r.offset),
            Address::Node(node) => write!(f, "node:{node}"),
        }
    }
}

/// A signal. The engineering value is `raw * scale + shift`, in `unit`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tag {
    pub id: TagId,
    pub device: DeviceId,
    /// Of the kind that the device's link speaks.
    pub address: Address,
    pub data_type: DataType,
    pub scale: f64,
    pub shift: f64,
    pub unit: Unit,
    /// Outside of these the value is bad (`out-of-range`).
    pub min: f64,
    pub max: f64,
    /// A change smaller than this is not reported.
    pub deadband: f64,
    /// Reported at least this often.
    pub max_silence_s: f64,
    /// Index into [`Limits::scan`].
    pub scan: usize,
    pub writable: bool,
    /// What it shows, where no equipment names it as its own.
    pub measures: Option<Measure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    Down,
    Up,
}

/// What may be written, by whom and how fast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setpoint {
    /// The tag that it is written to and read back from.
    pub tag: SetpointId,
    /// Absolute bounds; outside a write is refused, never clamped.
    pub min: f64,
    pub max: f64,
    /// Units per second in normal running.
    pub velocity_per_s: f64,
    /// Units per second in the fail-safe lane.
    pub fail_safe_velocity_per_s: f64,
    /// The only direction in which the fail-safe lane may move it.
    pub safe_direction: Direction,
    /// Where it goes while its header is not seen and nobody leads, the safe way only; `None`: it stays where it is.
    pub fail_safe: Option<f64>,
    /// Written only while this tag reads this value, good.
    pub interlock: Option<Interlock>,
}

impl Setpoint {
    /// The end of its bounds that lies furthest from safe: nothing moves to it the safe way.
    pub fn furthest_from_safe(&self) -> f64 {
        match self.safe_direction {
            Direction::Down => self.max,
            Direction::Up => self.min,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interlock {
    pub tag: TagId,
    pub equals: f64,
}

/// When a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Condition {
    Above(f64),
    Below(f64),
    Equals(f64),
}

impl Condition {
    /// Does this number fulfil it?
    pub fn holds(self, value: f64) -> bool {
        match self {
            Condition::Above(limit) => value > limit,
            Condition::Below(limit) => value < limit,
            Condition::Equals(wanted) => value == wanted,
        }
    }
}

/// The loss of a source, seen from its tags. Latched: it holds until it is reset with the condition gone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trip {
    pub id: TripId,
    pub source: SourceId,
    /// One tag, or three of which two must agree.
    pub tags: Vec<TagId>,
    /// How many of `tags` must hold.
    pub votes: usize,
    pub condition: Condition,
    pub on_delay_ms: u64,
    pub runbook: RunbookId,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarm {
    pub id: AlarmId,
    pub tag: TagId,
    pub condition: Condition,
    pub on_delay_ms: u64,
    /// 1 (most urgent) to 4.
    pub priority: u8,
    /// The setpoint whose normal writes it blocks while it stands; `None`: it only tells.
    pub blocks: Option<SetpointId>,
    pub runbook: RunbookId,
}
