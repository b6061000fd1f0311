//! `plants/<plant>.toml`.

use super::checks::{Kind, Scope};
use super::fleet::read_main;
use super::reader::Reader;
use crate::model::*;
use std::ops::Range;
use std::path::Path;

const MW: &[Unit] = &[Unit::Megawatt];
const MWH: &[Unit] = &[Unit::MegawattHour];
const FLAG: &[Unit] = &[Unit::One];
const ANY: &[Unit] = &[];

const DIRECTIONS: [(&str, Direction); 2] = [("down", Direction::Down), ("up", Direction::Up)];
const TABLES: [(&str, Table); 4] =
    [("coil", Table::Coil), ("discrete", Table::Discrete), ("input", Table::Input), ("holding", Table::Holding)];
struct Context<'s> {
    scope: &'s Scope,
    plant: &'s str,
    limits: Option<&'s Limits>,
    scans: &'s [String],
    folder: &'s Path,
    is_file: &'s dyn Fn(&Path) -> bool,
}

pub(super) fn read(
    r: Reader<'_, '_>,
    scope: &Scope,
    file_name: &str,
    limits: Option<&Limits>,
    scans: &[String],
    folder: &Path,
    is_file: &dyn Fn(&Path) -> bool,
) -> Option<(Plant, Vec<Main>)> {
    r.choice("schema", &[("plant/1", ())]);
    let text = r.text("id")?;
    let wanted = file_name.trim_start_matches("plants/").trim_end_matches(".toml");
    if text.value != wanted {
        r.mistake(
            text.span.clone(),
            format!("the plant `{}` stands in `{file_name}`", text.value),
            format!("`id = \"{wanted}\"`, or rename the file"),
        );
    }
    let plant_name = text.value.clone();
    let id = scope.id(&r, text, PlantId::new)?;
    let c = Context { scope, plant: &plant_name, limits, scans, folder, is_file };
    let name = r.text("name").map(|t| t.value);
    let headers = r.tables("header", "header").into_iter().filter_map(|t| c.header(t)).collect();
    let sources = r.tables("source", "source").into_iter().filter_map(|t| c.source(t)).collect();
    let storages = r.tables("storage", "storage").into_iter().filter_map(|t| c.storage(t)).collect();
    let consumers = r.tables("consumer", "consumer").into_iter().filter_map(|t| c.consumer(t)).collect();
    let connections = r.tables("connection", "connection").into_iter().filter_map(|t| c.connection(t)).collect();
    let devices = r.tables("device", "device").into_iter().filter_map(|t| c.device(t)).collect::<Vec<_>>();
    let tags = r.tables("tags", "tag").into_iter().filter_map(|t| c.tag(t, &devices)).collect::<Vec<_>>();
    let setpoints = r.tables("setpoints", "setpoint").into_iter().filter_map(|t| c.setpoint(t, &tags)).collect();
    let trips = r.tables("trip", "trip").into_iter().filter_map(|t| c.trip(t)).collect();
    let alarms = r.tables("alarm", "alarm").into_iter().filter_map(|t| c.alarm(t)).collect();
    let mains = r.tables("main", "main").into_iter().filter_map(|t| read_main(t, scope, Some(&plant_name))).collect();
    r.finish();
    let plant = Plant {
        id,
        name: name?,
        headers,
        sources,
        storages,
        consumers,
        connections,
        devices,
        tags,
        setpoints,
        trips,
        alarms,
    };
    Some((plant, mains))
}

impl Context<'_> {
    fn refer<T>(
        &self,
        r: &Reader<'_, '_>,
        key: &'static str,
        kind: Kind,
        new: fn(&str) -> Result<T, InvalidId>,
    ) -> Option<T> {
        self.scope.refer(r, key, kind, Some(self.plant), new)
    }
    fn own<T>(&self, r: &Reader<'_, '_>, kind: Kind, new: fn(&str) -> Result<T, InvalidId>) -> Option<T> {
        self.scope.own(r, kind, Some(self.plant), new)
    }

    fn header(&self, r: Reader<'_, '_>) -> Option<Header> {
        let id = self.own(&r, Kind::Header, HeaderId::new);
        let medium = r.choice("medium", &[("steam", Medium::Steam), ("hot-water", Medium::HotWater)]);
        let swing = if r.has("swing") {
            self.refer(&r, "swing", Kind::Source, SourceId::new)
        } else {
            r.text("swing"); // says that it is missing
            None
        };
        let reserve = r.number_in("reserve_mw", 0.0, 10_000.0);
        let units = if medium == Some(Medium::HotWater) { &[Unit::DegreeCelsius] } else { &[Unit::Bar] };
        let process_value = self.refer(&r, "process_value", Kind::Tag(units), TagId::new);
        let (low, nominal, high) = (r.number("low"), r.number("nominal"), r.number("high"));
        if let (Some(low), Some(nominal), Some(high)) = (&low, &nominal, &high)
            && !(low.value < nominal.value && nominal.value < high.value)
        {
            r.mistake(
                nominal.span.clone(),
                format!("the bounds are reversed: low {}, nominal {}, high {}", low.value, nominal.value, high.value),
                "`low` below `nominal` below `high`",
            );
        }
        let capacity = r.number_in("capacity_mwh", 1e-6, 1e6);
        r.finish();
        Some(Header {
            id: id?,
            medium: medium?,
            swing: swing?,
            reserve_mw: reserve?,
            process_value: process_value?,
            nominal: nominal?.value,
            low: low?.value,
            high: high?.value,
            capacity_mwh: capacity?,
        })
    }

    fn source(&self, r: Reader<'_, '_>) -> Option<Source> {
        use SourceKind::*;
        let id = self.own(&r, Kind::Source, SourceId::new);
        let kind = r.choice(
            "kind",
            &[
                ("boiler", Boiler),
                ("chp", Chp),
                ("heat-pump", HeatPump),
                ("electric-boiler", ElectricBoiler),
                ("waste-heat", WasteHeat),
            ],
        );
        let header = self.refer(&r, "header", Kind::Header, HeaderId::new);
        let carrier = match kind {
            Some(WasteHeat) => None,
            _ => Some(self.scope.refer(&r, "carrier", Kind::Carrier, None, CarrierId::new)?),
        };
        let heat_max = r.number_in("heat_max_mw", 1e-3, 10_000.0);
        let heat_min = r.number_in("heat_min_mw", 0.0, 10_000.0);
        if let (Some(min), Some(max)) = (heat_min, heat_max)
            && min > max
        {
            r.mistake(
                r.span.clone(),
                format!("the bounds are reversed: heat_min_mw {min} is above heat_max_mw {max}"),
                "`heat_min_mw` below `heat_max_mw`",
            );
        }
        let proven = r.number_in("proven_mw", 1e-3, 10_000.0);
        let conversion = kind.and_then(|k| self.conversion(&r, k));
        let ramp = r.number_in("ramp_mw_per_min", 1e-4, 10_000.0);
        let lag = r.number_in("time_constant_s", 0.0, 36_000.0);
        let start = r.table("start", "start-up").and_then(|t| {
            let s = StartUp {
                purge_s: t.number_in("purge_s", 0.0, 36_000.0)?,
                light_off_s: t.number_in("light_off_s", 0.0, 36_000.0)?,
                warm_up_s: t.number_in("warm_up_s", 0.0, 360_000.0)?,
            };
            t.finish();
            Some(s)
        });
        let start_cost = r.number_in("start_cost_eur", 0.0, 1e7);
        let starts = r.whole("starts_per_hour", 0, 100);
        let started_by =
            r.choice("started_by", &[("hypocaust", StartedBy::Hypocaust), ("operator", StartedBy::Operator)]);
        let var_om = r.number_in("var_om", 0.0, 1e4);
        let initially_on = r.opt_flag("initially_on");
        if initially_on.is_none() {
            r.mistake(
                r.span.clone(),
                "this source does not say whether it is `initially_on`",
                "`initially_on = true` or `false`",
            );
        }
        let heat = self.refer(&r, "heat", Kind::Tag(MW), TagId::new);
        let state = self.refer(&r, "state", Kind::Tag(FLAG), TagId::new);
        let setpoint = self.refer(&r, "setpoint", Kind::Setpoint(MW), TagId::new);
        let start_request =
            self.scope.opt_refer(&r, "start_request", Kind::Setpoint(FLAG), Some(self.plant), TagId::new);
        r.finish();
        Some(Source {
            id: id?,
            kind: kind?,
            header: header?,
            carrier,
            heat_max_mw: heat_max?,
            heat_min_mw: heat_min?,
            proven_mw: proven?,
            conversion: conversion?,
            ramp_mw_per_min: ramp?,
            time_constant_s: lag?,
            start: start?,
            start_cost_eur: start_cost?,
            starts_per_hour: starts? as u32,
            started_by: started_by?,
            var_om: var_om?,
            initially_on: initially_on?,
            heat: heat?,
            state: state?,
            setpoint: setpoint?,
            start_request,
        })
    }

    fn conversion(&self, r: &Reader<'_, '_>, kind: SourceKind) -> Option<Conversion> {
        match kind {
            SourceKind::Boiler | SourceKind::ElectricBoiler => {
                if let Some(points) = r.opt_pairs("efficiency_curve") {
                    let rising = points.windows(2).all(|p| p[0].0 < p[1].0);
                    if points.is_empty()
                        || !rising
                        || points.iter().any(|(x, e)| !(0.0..=1.0).contains(x) || !(0.05..=1.1).contains(e))
                    {
                        r.mistake(r.span.clone(), "`efficiency_curve` is no curve", "pairs `[share of heat_max, efficiency]`, shares rising within 0 to 1, efficiencies within 0.05 to 1.1");
                        return None;
                    }
                    return Some(Conversion::Efficiency(points));
                }
                Some(Conversion::Efficiency(vec![(1.0, r.number_in("efficiency", 0.05, 1.1)?)]))
            }
            SourceKind::HeatPump => Some(Conversion::Cop(r.number_in("cop", 1.0, 20.0)?)),
            SourceKind::Chp => {
                let heat = r.number_in("heat_eff", 0.05, 1.0);
                let power = r.number_in("power_eff", 0.01, 0.7);
                Some(Conversion::Cogeneration { heat_eff: heat?, power_eff: power? })
            }
            SourceKind::WasteHeat => Some(Conversion::Free),
        }
    }

    fn storage(&self, r: Reader<'_, '_>) -> Option<Storage> {
        let id = self.own(&r, Kind::Storage, StorageId::new);
        let header = self.refer(&r, "header", Kind::Header, HeaderId::new);
        let capacity = r.number_in("capacity_mwh", 1e-3, 1e6);
        let charge = r.number_in("charge_max_mw", 0.0, 1e4);
        let discharge = r.number_in("discharge_max_mw", 0.0, 1e4);
        let charge_eff = r.number_in("charge_eff", 0.1, 1.0);
        let discharge_eff = r.number_in("discharge_eff", 0.1, 1.0);
        let loss = r.number_in("loss_per_h", 0.0, 0.5);
        let initial = r.number_in("initial_mwh", 0.0, capacity.unwrap_or(1e6));
        let level = self.refer(&r, "level", Kind::Tag(MWH), TagId::new);
        let heat = self.refer(&r, "heat", Kind::Tag(MW), TagId::new);
        let setpoint = self.refer(&r, "setpoint", Kind::Setpoint(MW), TagId::new);
        r.finish();
        Some(Storage {
            id: id?,
            header: header?,
            capacity_mwh: capacity?,
            charge_max_mw: charge?,
            discharge_max_mw: discharge?,
            charge_eff: charge_eff?,
            discharge_eff: discharge_eff?,
            loss_per_h: loss?,
            initial_mwh: initial?,
            level: level?,
            heat: heat?,
            setpoint: setpoint?,
        })
    }

    fn consumer(&self, r: Reader<'_, '_>) -> Option<Consumer> {
        let id = self.own(&r, Kind::Consumer, ConsumerId::new);
        let name = r.text("name").map(|t| t.value);
        let header = self.refer(&r, "header", Kind::Header, HeaderId::new);
        let classes = Class::ALL.map(|c| (c.name(), c));
        let class = r.choice("class", &classes);
        let heat = r.number_in("heat_mw", 0.0, 10_000.0);
        let swing = r.number_in("swing_share", 0.0, 1.0);
        let peak = r.number_in("peak_hour", 0.0, 24.0);
        let asked = self.refer(&r, "asked", Kind::Tag(MW), TagId::new);
        let served = self.refer(&r, "served", Kind::Tag(MW), TagId::new);
        let turndown = r.opt_number_in("turndown_mw", 0.0, 10_000.0);
        let shed_setpoint = self.scope.opt_refer(&r, "shed_setpoint", Kind::Setpoint(MW), Some(self.plant), TagId::new);
        let shed = match (turndown, shed_setpoint) {
            (Some(turndown_mw), Some(setpoint)) => Some(Shed { setpoint, turndown_mw }),
            (None, None) => None,
            (Some(_), None) => {
                if !r.has("shed_setpoint") {
                    r.mistake(
                        r.span.clone(),
                        "this consumer can be shed (`turndown_mw`) and has no shed setpoint",
                        "`shed_setpoint = \"…\"`, or no `turndown_mw` for a consumer that must be served",
                    );
                }
                None
            }
            (None, Some(_)) => {
                if !r.has("turndown_mw") {
                    r.mistake(
                        r.span.clone(),
                        "this consumer has a shed setpoint and does not say how far it may be turned down",
                        "`turndown_mw = 0` where it may be shed whole",
                    );
                }
                None
            }
        };
        r.finish();
        Some(Consumer {
            id: id?,
            name: name?,
            header: header?,
            class: class?,
            heat_mw: heat?,
            swing_share: swing?,
            peak_hour: peak?,
            asked: asked?,
            served: served?,
            shed,
        })
    }

    fn connection(&self, r: Reader<'_, '_>) -> Option<Connection> {
        let id = self.own(&r, Kind::Connection, ConnectionId::new);
        let carrier = self.scope.refer(&r, "carrier", Kind::Carrier, None, CarrierId::new);
        let import = r.number_in("max_import_mw", 0.0, 1e5);
        let export = r.number_in("max_export_mw", 0.0, 1e5);
        let base = r.number_in("base_load_mw", 0.0, 1e5);
        r.finish();
        Some(Connection {
            id: id?,
            carrier: carrier?,
            max_import_mw: import?,
            max_export_mw: export?,
            base_load_mw: base?,
        })
    }

    fn device(&self, r: Reader<'_, '_>) -> Option<Device> {
        let id = self.own(&r, Kind::Device, DeviceId::new);
        r.choice("protocol", &[("modbus-tcp", ())]);
        let endpoint = r.text("endpoint").and_then(|t| {
            let fits =
                t.value.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
            if !fits {
                r.mistake(t.span, format!("\"{}\" is no endpoint", t.value), "`host:port`, such as \"127.0.0.1:5020\"");
                return None;
            }
            Some(t.value)
        });
        let unit_id = r.whole("unit_id", 0, 255);
        let timeout = r.whole("timeout_ms", 10, 60_000);
        let tries = r.whole("tries", 1, 10);
        let watchdog = r.opt_table("watchdog", "watchdog").and_then(|w| {
            let counter = self.refer(&w, "counter", Kind::Setpoint(FLAG), TagId::new);
            let limit = w.number("timeout_ms");
            if let (Some(limit), Some(timeout), Some(tries)) = (&limit, timeout, tries)
                && (timeout * tries) as f64 >= limit.value
            {
                r.mistake(
                    limit.span.clone(),
                    format!("the watchdog ({} ms) is not longer than the device's worst transaction ({timeout} ms x {tries} tries)", limit.value),
                    "a longer `timeout_ms` here, or fewer `tries` of the device: else a slow answer alone lets the PLC fall back",
                );
            }
            w.finish();
            Some(Watchdog { counter: counter?, timeout_ms: limit?.value as u64 })
        });
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
        let certificate = r.opt_text("certificate").map(|t| {
            let path = self.folder.join(&t.value);
            if !(self.is_file)(&path) {
                r.mistake(
                    t.span,
                    format!("there is no certificate file \"{}\"", t.value),
                    "a path relative to the fleet's folder, of a PEM file that is there",
                );
            }
            path
        });
        r.finish();
        Some(Device {
            id: id?,
            endpoint: endpoint?,
            unit_id: unit_id? as u8,
            timeout_ms: timeout?,
            tries: tries? as u32,
            watchdog,
            sis_deny,
            certificate,
        })
    }

    fn tag(&self, r: Reader<'_, '_>, devices: &[Device]) -> Option<Tag> {
        let id = self.own(&r, Kind::Tag(ANY), TagId::new);
        let device = self.refer(&r, "device", Kind::Device, DeviceId::new);
        let at = r.text("at").and_then(|t| {
            let parsed = t.value.split_once(':').and_then(|(table, offset)| {
                let (_, table) = TABLES.iter().find(|(name, _)| *name == table)?;
                Some((*table, offset.parse::<u16>().ok()?))
            });
            if parsed.is_none() {
                r.mistake(t.span.clone(), format!("\"{}\" is no address", t.value), "`table:offset` with coil, discrete, input or holding, such as \"holding:100\" (offsets count from 0)");
            }
            parsed.map(|p| (p, t.span))
        });
        let data_type = r.choice("type", &DataType::ALL.map(|t| (t.name(), t)));
        if let (Some(((table, offset), span)), Some(data_type)) = (&at, data_type) {
            if table.is_bits() && data_type != DataType::Bool {
                r.mistake(
                    span.clone(),
                    format!("a {} holds one bit", table.name()),
                    "`type = \"bool\"`, or a register table",
                );
            }
            if u32::from(*offset) + u32::from(data_type.registers()) > 65_536 {
                r.mistake(span.clone(), "the value would end beyond register 65535", "a lower offset");
            }
        }
        let bit = if r.has("bit") { r.whole("bit", 0, 15).map(|b| b as u8) } else { None };
        if let (Some(_), Some(t)) = (bit, data_type)
            && t != DataType::Bool
        {
            r.mistake(r.span.clone(), "`bit` picks a bit of a status word", "`type = \"bool\"`");
        }
        let word_order = if r.has("order") {
            r.choice("order", &WordOrder::ALL.map(|o| (o.name(), o)))
        } else {
            Some(WordOrder::Abcd)
        };
        let scale = if r.has("scale") { r.number("scale").map(|n| n.value) } else { Some(1.0) };
        if scale == Some(0.0) {
            r.mistake(r.span.clone(), "`scale` is 0", "the factor from raw number to unit");
        }
        let shift = if r.has("shift") { r.number("shift").map(|n| n.value) } else { Some(0.0) };
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
        let silence_span = r.span_of("silence_s");
        let silence = r.number_in("silence_s", 0.1, 86_400.0);
        let scans: Vec<(&str, usize)> = self.scans.iter().enumerate().map(|(i, s)| (s.as_str(), i)).collect();
        // Without limits (`fleet.toml` does not parse) no scan class is known; complaining of each tag would bury the cause.
        let scan = if scans.is_empty() { r.text("scan").map(|_| 0) } else { r.choice("scan", &scans) };
        let found = device.as_ref().and_then(|id| devices.iter().find(|d| d.id == *id));
        let class = self.limits.zip(scan).and_then(|(limits, at)| limits.scan.get(at));
        if let (Some(device), Some(class), Some(silence)) = (found, class, silence) {
            self.reported_in_time(&r, device, class, silence, silence_span);
        }
        let writable = r.opt_flag("writable").unwrap_or(false);
        if let (true, Some(((table, _), span))) = (writable, &at)
            && matches!(table, Table::Input | Table::Discrete)
        {
            r.mistake(
                span.clone(),
                format!("a {} register cannot be written", table.name()),
                "a holding register or a coil, or `writable = false`",
            );
        }
        r.finish();
        let ((table, offset), _) = at?;
        Some(Tag {
            id: id?,
            device: device?,
            table,
            offset,
            data_type: data_type?,
            bit,
            word_order: word_order?,
            scale: scale?,
            shift: shift?,
            unit: unit?,
            min: min?.value,
            max: max?.value,
            deadband: deadband?,
            max_silence_s: silence?,
            scan: scan?,
            writable,
        })
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

    fn setpoint(&self, r: Reader<'_, '_>, tags: &[Tag]) -> Option<Setpoint> {
        let text = r.text("tag")?;
        let span = text.span.clone();
        let id = self.scope.refer_text(&r, text, Kind::Tag(ANY), Some(self.plant), TagId::new)?;
        self.scope.define(&r, Kind::Setpoint(ANY), id.as_str(), &span);
        let tag = tags.iter().find(|t| t.id == id);
        if let Some(tag) = tag
            && !tag.writable
        {
            r.mistake(
                span.clone(),
                format!("the tag `{id}` of this setpoint is not writable"),
                "`writable = true` at the tag",
            );
        }
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
        let velocity = match (r.opt_number_in("velocity_per_s", 1e-9, f64::INFINITY), tag.map(|t| t.unit), self.limits)
        {
            (Some(v), _, _) => Some(v),
            (None, Some(Unit::DegreeCelsius), Some(l)) => Some(l.velocity.temperature_c_per_s),
            (None, Some(Unit::Bar), Some(l)) => Some(l.velocity.pressure_bar_per_s),
            (None, Some(Unit::CubicMetrePerHour), Some(l)) => Some(l.velocity.flow_m3h_per_s),
            (None, Some(Unit::Percent), Some(l)) => Some(l.velocity.percent_per_s),
            (None, None, _) | (None, _, None) => None,
            (None, Some(unit), _) => {
                r.mistake(
                    span.clone(),
                    format!("a setpoint in {} has no velocity of the fleet's", unit.symbol()),
                    "`velocity_per_s = …`, in its unit per second",
                );
                None
            }
        };
        let fast = r.number_in("fail_safe_velocity_per_s", 1e-9, f64::INFINITY);
        let safe_direction = r.choice("safe_direction", &DIRECTIONS);
        let fail_safe = r.number("fail_safe");
        if let (Some(min), Some(max), Some(value)) = (&min, &max, &fail_safe)
            && !(min.value..=max.value).contains(&value.value)
        {
            r.mistake(
                value.span.clone(),
                format!("the fail-safe value {} is outside {} to {}", value.value, min.value, max.value),
                "a value within the setpoint's bounds",
            );
        }
        let interlock = r.opt_table("interlock", "interlock").and_then(|i| {
            let tag = self.refer(&i, "tag", Kind::Tag(ANY), TagId::new);
            let equals = i.number("equals");
            i.finish();
            Some(Interlock { tag: tag?, equals: equals?.value })
        });
        r.finish();
        Some(Setpoint {
            tag: id,
            min: min?.value,
            max: max?.value,
            velocity_per_s: velocity?,
            fail_safe_velocity_per_s: fast?,
            safe_direction: safe_direction?,
            fail_safe: fail_safe?.value,
            interlock,
        })
    }

    fn condition(&self, r: &Reader<'_, '_>) -> Option<Condition> {
        let (above, below, equals) = (r.opt_number("above"), r.opt_number("below"), r.opt_number("equals"));
        match (above, below, equals) {
            (Some(x), None, None) => Some(Condition::Above(x.value)),
            (None, Some(x), None) => Some(Condition::Below(x.value)),
            (None, None, Some(x)) => Some(Condition::Equals(x.value)),
            _ => {
                r.mistake(
                    r.span.clone(),
                    "the condition is not one of `above`, `below`, `equals`",
                    "exactly one of them, with a number",
                );
                None
            }
        }
    }

    fn trip(&self, r: Reader<'_, '_>) -> Option<Trip> {
        let id = self.own(&r, Kind::Trip, TripId::new);
        let source = self.refer(&r, "source", Kind::Source, SourceId::new);
        let texts = r.texts("tags")?;
        let count = texts.len();
        let tags: Vec<TagId> = texts
            .into_iter()
            .filter_map(|t| self.scope.refer_text(&r, t, Kind::Tag(ANY), Some(self.plant), TagId::new))
            .collect();
        let votes = r.whole("votes", 1, count.max(1) as u64);
        let condition = self.condition(&r);
        let delay = r.whole("on_delay_ms", 0, 600_000);
        let runbook = r.text("runbook").and_then(|t| self.scope.id(&r, t, RunbookId::new));
        r.finish();
        Some(Trip {
            id: id?,
            source: source?,
            tags,
            votes: votes? as usize,
            condition: condition?,
            on_delay_ms: delay?,
            runbook: runbook?,
        })
    }

    fn alarm(&self, r: Reader<'_, '_>) -> Option<Alarm> {
        let id = self.own(&r, Kind::Alarm, AlarmId::new);
        let tag = self.refer(&r, "tag", Kind::Tag(ANY), TagId::new);
        let condition = self.condition(&r);
        let delay = r.whole("on_delay_ms", 0, 3_600_000);
        let priority = r.whole("priority", 1, 4);
        let blocks = self.scope.opt_refer(&r, "blocks", Kind::Setpoint(ANY), Some(self.plant), TagId::new);
        let runbook = r.text("runbook").and_then(|t| self.scope.id(&r, t, RunbookId::new));
        r.finish();
        Some(Alarm {
            id: id?,
            tag: tag?,
            condition: condition?,
            on_delay_ms: delay?,
            priority: priority? as u8,
            blocks,
            runbook: runbook?,
        })
    }
}
