//! `[[device]]` and `tags` of a plant's file: how a device is spoken to, and where each number lies in it.

use super::checks::Kind;
use super::plant::{ANY, Context, FLAG};
use super::reader::{At, Form, Reader};
use super::suggest::nearest;
use crate::model::*;
use std::ops::Range;

const TABLES: [(&str, Table); 4] =
    [("coil", Table::Coil), ("discrete", Table::Discrete), ("input", Table::Input), ("holding", Table::Holding)];

const MODBUS_ENDPOINT: Form = Form { pattern: r"^.+:\+?[0-9]+$", example: "127.0.0.1:5020" };
const OPC_UA_ENDPOINT: Form =
    Form { pattern: r"^opc\.tcp://[^/]+:\+?[0-9]+(/.*)?$", example: "opc.tcp://127.0.0.1:4840" };
const NAMESPACE: Form = Form { pattern: r"^[A-Za-z][^\s:]*:\S+$", example: "urn:example:plc2" };
const REGISTER: Form = Form { pattern: r"^(coil|discrete|input|holding):\+?[0-9]+$", example: "holding:0" };
const MEASURE: Form = Form { pattern: r"^.+\.[a-z-]+$", example: "b1.load" };
const NODE: Form = Form { pattern: r"^node:.+$", example: "node:a" };

/// The standard's own namespace: its nodes have numbers and are no tags.
const STANDARD: &str = "http://opcfoundation.org/UA/";

#[derive(Clone, Copy)]
enum Protocol {
    ModbusTcp,
    OpcUa,
}

const PROTOCOLS: [(&str, Protocol); 2] = [("modbus-tcp", Protocol::ModbusTcp), ("opc-ua", Protocol::OpcUa)];

fn has_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

impl Context<'_> {
    pub(super) fn device(&self, r: Reader<'_, '_>) -> Option<Device> {
        let id = self.own(&r, Kind::Device, DeviceId::new);
        let timeout = r.whole("timeout_ms", 10, 60_000);
        let tries = r.whole("tries", 1, 10);
        let watchdog = r.opt_table("watchdog", "watchdog").and_then(|w| {
            let counter = self.refer(&w, "counter", Kind::Setpoint(FLAG), TagId::new);
            let limit = w.number("timeout_ms");
            if let (Some(limit), Some(timeout), Some(tries)) = (&limit, timeout, tries)
                && (timeout * tries) as f64 >= limit.value
            {
                w.mistake(
                    limit.span.clone(),
                    format!("the watchdog ({} ms) is not longer than the device's worst transaction ({timeout} ms x {tries} tries)", limit.value),
                    "a longer `timeout_ms` here, or fewer `tries` of the device: else a slow answer alone lets the PLC fall back",
                );
            }
            w.finish();
            Some(Watchdog { counter: counter?, timeout_ms: limit?.value as u64 })
        });
        let link = r.by_word("protocol", &PROTOCOLS, |protocol| match protocol {
            Protocol::ModbusTcp => self.modbus_tcp(&r).map(Link::ModbusTcp),
            Protocol::OpcUa => opc_ua(&r).map(Link::OpcUa),
        });
        r.finish();
        Some(Device { id: id?, link: link?, timeout_ms: timeout?, tries: tries? as u32, watchdog })
    }

    fn modbus_tcp(&self, r: &Reader<'_, '_>) -> Option<ModbusTcp> {
        let endpoint = r.text_like("endpoint", &MODBUS_ENDPOINT).and_then(|t| {
            if !has_port(&t.value) || t.value.contains("://") {
                r.mistake(t.span, format!("\"{}\" is no endpoint", t.value), "`host:port`, such as \"127.0.0.1:5020\"");
                return None;
            }
            Some(t.value)
        });
        let unit_id = r.whole("unit_id", 0, 255);
        let sis_deny = r
            .tables("sis_deny", "denied range")
            .into_iter()
            .filter_map(|d| {
                let table = d.choice("table", &TABLES);
                let (first, last) = (d.whole("first", 0, 65_535), d.whole("last", 0, 65_535));
                if let (Some(first), Some(last)) = (first, last)
                    && first > last
                {
                    d.mistake(
                        d.span.clone(),
                        format!("the bounds are reversed: {first} to {last}"),
                        "`first` not above `last`",
                    );
                }
                d.finish();
                Some(Registers { table: table?, first: first? as u16, last: last? as u16 })
            })
            .collect();
        if let Some(At { value, span }) = r.refused_text("certificate") {
            let what = if (self.is_file)(&self.folder.join(&value)) {
                format!("the certificate file \"{value}\" is used by nothing")
            } else {
                format!("there is no certificate file \"{value}\", and none would be used")
            };
            r.mistake(
                span,
                format!("{what}: Modbus is spoken in the clear"),
                "no `certificate`, and a line that nobody else reaches; OPC UA is encrypted (`protocol = \"opc-ua\"`)",
            );
        }
        Some(ModbusTcp { endpoint: endpoint?, unit_id: unit_id? as u8, sis_deny })
    }

    pub(super) fn tag(&self, r: Reader<'_, '_>, devices: &[Device]) -> Option<Tag> {
        let id = self.own(&r, Kind::Tag(ANY), TagId::new);
        let device = self.refer(&r, "device", Kind::Device, DeviceId::new);
        let found = device.as_ref().and_then(|id| devices.iter().find(|d| d.id == *id));
        let data_type = r.choice("type", &DataType::ALL.map(|t| (t.name(), t)));
        let writable = r.opt_flag("writable").unwrap_or(false);
        let address = r.by_form("at", &[REGISTER, NODE], |at| address(&r, at, found, data_type, writable));
        // A wrong one is in the report, and then there is no fleet.
        let scale = r.opt_number("scale").map_or(1.0, |n| n.value);
        if scale == 0.0 {
            r.mistake(r.span.clone(), "`scale` is 0", "the factor from raw number to unit");
        }
        let shift = r.opt_number("shift").map_or(0.0, |n| n.value);
        let units = Unit::ALL.map(|u| (u.symbol(), u));
        let unit = r.choice("unit", &units);
        let (min, max) = (r.number("min"), r.number("max"));
        if let (Some(min), Some(max)) = (&min, &max)
            && min.value >= max.value
        {
            r.mistake(
                min.span.clone(),
                format!("the bounds are reversed: min {}, max {}", min.value, max.value),
                "`min` below `max`",
            );
        }
        let deadband = r.number_in("deadband", 0.0, f64::INFINITY);
        if let (Some(min), Some(max), Some(deadband)) = (&min, &max, deadband)
            && min.value < max.value
            && deadband > max.value - min.value
        {
            r.mistake(
                r.span_of("deadband"),
                format!(
                    "no change from {} to {} is as wide as the deadband {deadband}: none would be reported",
                    min.value, max.value
                ),
                format!("a `deadband` of at most {}", max.value - min.value),
            );
        }
        let silence_span = r.span_of("silence_s");
        let silence = r.number_in("silence_s", 0.1, 86_400.0);
        let scans: Vec<(&str, usize)> = self.scans.iter().enumerate().map(|(i, s)| (s.as_str(), i)).collect();
        // Without limits (`fleet.toml` does not parse) no scan class is known; complaining of each tag would bury the cause.
        let scan = if scans.is_empty() { r.text("scan").map(|_| 0) } else { r.choice("scan", &scans) };
        let class = self.limits.zip(scan).and_then(|(limits, at)| limits.scan.get(at));
        if let (Some(device), Some(class), Some(silence)) = (found, class, silence) {
            self.reported_in_time(&r, device, class, silence, silence_span);
        }
        let measures = self.measures(&r);
        r.finish();
        Some(Tag {
            id: id?,
            device: device?,
            address: address?,
            data_type: data_type?,
            scale,
            shift,
            unit: unit?,
            min: min?.value,
            max: max?.value,
            deadband: deadband?,
            max_silence_s: silence?,
            scan: scan?,
            writable,
            measures,
        })
    }

    /// Whether there is such equipment is seen when all of it is read.
    fn measures(&self, r: &Reader<'_, '_>) -> Option<Measure> {
        let text = r.opt_text_like("measures", &MEASURE)?;
        let (of, name) = text.value.rsplit_once('.').unwrap_or((SITE, &text.value));
        let Some(quantity) = Quantity::from_name(name) else {
            let names = Quantity::ALL.map(Quantity::name);
            let help = match nearest(name, names.into_iter()) {
                Some(near) => format!("`\"{of}.{near}\"`"),
                None => format!("equipment and one of {}, such as `\"b1.load\"`", names.join(", ")),
            };
            r.mistake(text.span, format!("`measures` knows no quantity \"{name}\""), help);
            return None;
        };
        Some(Measure { of: format!("{}.{of}", self.plant), quantity })
    }

    /// What is quiet must be heard of before it would be called stale.
    fn reported_in_time(
        &self,
        r: &Reader<'_, '_>,
        device: &Device,
        scan: &ScanClass,
        silence_s: f64,
        span: Range<usize>,
    ) {
        let Some(limit) = self.limits.map(|l| l.data_age_s) else { return };
        let oldest = device.oldest_s(silence_s, scan);
        if oldest <= limit {
            return;
        }
        let most = limit - (oldest - silence_s);
        let shorter = if most >= 0.1 { format!("at most {most:.1} here, or ") } else { String::new() };
        r.mistake(
            span,
            format!(
                "this value, when quiet, can be {oldest:.1} s old before it is reported again ({silence_s} s of silence, one \
                 scan of {} ms, {} tries of {} ms at `{}`), and from {limit} s (`data_age_s`) on it is stale",
                scan.period_ms, device.tries, device.timeout_ms, device.id
            ),
            format!("{shorter}a longer `data_age_s` in `[limits]`"),
        );
    }
}

fn opc_ua(r: &Reader<'_, '_>) -> Option<OpcUa> {
    let endpoint = r.text_like("endpoint", &OPC_UA_ENDPOINT).and_then(|t| {
        let rest = t.value.strip_prefix("opc.tcp://");
        if rest.is_some_and(|rest| has_port(rest.split('/').next().unwrap_or(rest))) {
            return Some(t.value);
        }
        r.mistake(
            t.span,
            format!("\"{}\" is no endpoint of OPC UA", t.value),
            "`opc.tcp://host:port`, such as \"opc.tcp://127.0.0.1:4840\"",
        );
        None
    });
    let namespace = r.text_like("namespace", &NAMESPACE).and_then(|t| {
        // RFC 3986, section 3: a scheme of letters and what follows it.
        let uri = t
            .value
            .split_once(':')
            .is_some_and(|(scheme, rest)| scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && !rest.is_empty());
        let help = "the URI of the namespace that holds the device's nodes, such as \"urn:example:plc2\"; its index is \
                    the server's own and changes";
        if !uri || t.value.contains(char::is_whitespace) {
            r.mistake(t.span, format!("\"{}\" is no URI", t.value), help);
            return None;
        }
        if t.value == STANDARD {
            r.mistake(t.span, "this is the namespace of the standard itself, which holds no tags", help);
            return None;
        }
        Some(t.value)
    });
    let because = r.opt_text("unprotected_because");
    let user = r.opt_text("user");
    let security =
        r.choice("security", &[("sign-and-encrypt", true), ("none", false)]).and_then(|encrypt| match encrypt {
            true => {
                if let Some(because) = &because {
                    r.mistake(
                        because.span.clone(),
                        "this device is protected and gives a reason why it is not",
                        "no `unprotected_because`, or `security = \"none\"`",
                    );
                }
                Some(Security::SignAndEncrypt)
            }
            false => unprotected(r, because.as_ref(), user.as_ref()),
        });
    let sis_deny = r
        .tables("sis_deny", "denied range")
        .into_iter()
        .filter_map(|d| {
            let nodes = d.text("nodes").filter(|t| {
                if t.value.is_empty() {
                    d.mistake(
                        t.span.clone(),
                        "every name begins with \"\"",
                        "the beginning of the names that are denied",
                    );
                }
                !t.value.is_empty()
            });
            d.finish();
            Some(nodes?.value)
        })
        .collect();
    Some(OpcUa {
        endpoint: endpoint?,
        namespace: namespace?,
        security: security?,
        user: user.map(|t| t.value),
        sis_deny,
    })
}

fn unprotected(r: &Reader<'_, '_>, because: Option<&At<String>>, user: Option<&At<String>>) -> Option<Security> {
    let span = r.span_of("security");
    if let Some(user) = user {
        r.mistake(
            user.span.clone(),
            "without encryption the password of this user would go to whoever listens",
            "`security = \"sign-and-encrypt\"`, or no `user`",
        );
    }
    let reason = because.map(|t| t.value.trim().to_owned()).filter(|t| t.contains(' '));
    if reason.is_none() {
        r.mistake(
            because.map_or(span, |t| t.span.clone()),
            "with `security = \"none\"` whoever sits on the wire can read and forge values and setpoints",
            "`security = \"sign-and-encrypt\"`, or `unprotected_because = \"…\"` that says in words why it must be so",
        );
    }
    Some(Security::None { because: reason? })
}

/// Where a tag lies, and whether its device can have it there.
fn address(
    r: &Reader<'_, '_>,
    at: At<String>,
    device: Option<&Device>,
    data_type: Option<DataType>,
    writable: bool,
) -> Option<Address> {
    let address = match at.value.split_once(':') {
        Some(("node", name)) if !name.is_empty() => node(r, name),
        Some((table, offset)) => register(r, &at, table, offset, data_type, writable),
        None => no_address(r, &at),
    }?;
    match (device.map(|d| (&d.id, &d.link)), &address) {
        (Some((id, Link::ModbusTcp(_))), Address::Node(_)) => {
            r.mistake(
                at.span,
                format!("`{id}` speaks Modbus, which has registers and no nodes"),
                "`table:offset`, such as \"holding:100\"",
            );
            None
        }
        (Some((id, Link::OpcUa(_))), Address::Register(_)) => {
            r.mistake(
                at.span,
                format!("`{id}` speaks OPC UA, which has nodes and no registers"),
                "`node:name`, the string identifier of a variable, such as \"node:b1.heat\"",
            );
            None
        }
        _ => Some(address),
    }
}

fn no_address(r: &Reader<'_, '_>, at: &At<String>) -> Option<Address> {
    r.mistake(
        at.span.clone(),
        format!("\"{}\" is no address", at.value),
        "`table:offset` with coil, discrete, input or holding, such as \"holding:100\" (offsets count from 0); in an OPC UA \
         device `node:name`",
    );
    None
}

fn node(r: &Reader<'_, '_>, name: &str) -> Option<Address> {
    for (key, what) in [("order", "the order of words"), ("bit", "a bit of a word")] {
        if r.refuse(key) {
            let help = format!("no `{key}`: a node has one value, of the type that its server says");
            r.mistake(r.span_of(key), format!("`{key}` is {what} in registers"), help);
        }
    }
    Some(Address::Node(name.to_owned()))
}

fn register(
    r: &Reader<'_, '_>,
    at: &At<String>,
    table: &str,
    offset: &str,
    data_type: Option<DataType>,
    writable: bool,
) -> Option<Address> {
    let table = TABLES.iter().find(|(name, _)| *name == table).map(|(_, table)| *table);
    let (Some(table), Ok(offset)) = (table, offset.parse::<u16>()) else { return no_address(r, at) };
    let span = at.span.clone();
    if let Some(data_type) = data_type {
        if table.is_bits() && data_type != DataType::Bool {
            r.mistake(
                span.clone(),
                format!("a {} holds one bit", table.name()),
                "`type = \"bool\"`, or a register table",
            );
        }
        if u32::from(offset) + u32::from(data_type.registers()) > 65_536 {
            r.mistake(span.clone(), "the value would end beyond register 65535", "a lower offset");
        }
    }
    let bit = r.opt_whole("bit", 0, 15).map(|b| b as u8);
    if let (Some(_), Some(t)) = (bit, data_type)
        && t != DataType::Bool
    {
        r.mistake(r.span.clone(), "`bit` picks a bit of a status word", "`type = \"bool\"`");
    }
    let word_order = r.opt_choice("order", &WordOrder::ALL.map(|o| (o.name(), o))).unwrap_or(WordOrder::Abcd);
    if writable && matches!(table, Table::Input | Table::Discrete) {
        r.mistake(
            span,
            format!("a {} register cannot be written", table.name()),
            "a holding register or a coil, or `writable = false`",
        );
    }
    Some(Address::Register(Register { table, offset, bit, word_order }))
}
