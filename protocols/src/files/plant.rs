//! `plants/<plant>.toml`.

use super::checks::{ID, Kind, Scope};
use super::fleet::read_main;
use super::reader::{At, Reader};
use crate::model::*;
use std::path::Path;

const MW: &[Unit] = &[Unit::Megawatt];
const MWH: &[Unit] = &[Unit::MegawattHour];
pub(super) const FLAG: &[Unit] = &[Unit::One];
pub(super) const ANY: &[Unit] = &[];

const DIRECTIONS: [(&str, Direction); 2] = [("down", Direction::Down), ("up", Direction::Up)];
const SOURCES: [(&str, SourceKind); 5] = [
    ("boiler", SourceKind::Boiler),
    ("chp", SourceKind::Chp),
    ("heat-pump", SourceKind::HeatPump),
    ("electric-boiler", SourceKind::ElectricBoiler),
    ("waste-heat", SourceKind::WasteHeat),
];

/// What the tables of a plant's file are read against.
pub(super) struct Context<'s> {
    pub scope: &'s Scope,
    pub plant: &'s str,
    pub limits: Option<&'s Limits>,
    pub scans: &'s [String],
    pub folder: &'s Path,
    pub is_file: &'s dyn Fn(&Path) -> bool,
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
    let text = r.text_like("id", &ID)?;
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
    pub(super) fn refer<T>(
        &self,
        r: &Reader<'_, '_>,
        key: &'static str,
        kind: Kind,
        new: fn(&str) -> Result<T, InvalidId>,
    ) -> Option<T> {
        self.scope.refer(r, key, kind, Some(self.plant), new)
    }
    pub(super) fn own<T>(&self, r: &Reader<'_, '_>, kind: Kind, new: fn(&str) -> Result<T, InvalidId>) -> Option<T> {
        self.scope.own(r, kind, Some(self.plant), new)
    }

    fn header(&self, r: Reader<'_, '_>) -> Option<Header> {
        let id = self.own(&r, Kind::Header, HeaderId::new);
        let medium = r.choice("medium", &[("steam", Medium::Steam), ("hot-water", Medium::HotWater)]);
        let swing = self.refer(&r, "swing", Kind::Source, SourceId::new);
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
        let id = self.own(&r, Kind::Source, SourceId::new);
        let made = r.by_word("kind", &SOURCES, |kind| {
            let carrier = match kind {
                SourceKind::WasteHeat => Some(None),
                _ => self.scope.refer(&r, "carrier", Kind::Carrier, None, CarrierId::new).map(Some),
            };
            let conversion = self.conversion(&r, kind);
            let meters = self.meters(&r, kind);
            Some((kind, carrier?, conversion?, meters))
        });
        let header = self.refer(&r, "header", Kind::Header, HeaderId::new);
        let heat_max = r.number_in("heat_max_mw", 1e-3, 10_000.0);
        let heat_min = r.number_in("heat_min_mw", 0.0, 10_000.0);
        r.not_above(
            heat_min,
            heat_max,
            |min, max| format!("the bounds are reversed: heat_min_mw {min} is above heat_max_mw {max}"),
            "`heat_min_mw` below `heat_max_mw`",
        );
        let proven = r.number_in("proven_mw", 1e-3, 10_000.0);
        r.not_above(
            proven,
            heat_max,
            |proven, max| {
                format!("proven_mw {proven} is above heat_max_mw {max}: nobody has seen more heat than there is")
            },
            "the heat that the source has been seen to make, `heat_max_mw` at most",
        );
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
        let initially_on = r.flag("initially_on");
        let heat = self.refer(&r, "heat", Kind::Tag(MW), TagId::new);
        let state = self.refer(&r, "state", Kind::Tag(FLAG), TagId::new);
        let setpoint = self.refer(&r, "setpoint", Kind::Setpoint(MW), TagId::new);
        let start_request =
            self.scope.opt_refer(&r, "start_request", Kind::Setpoint(FLAG), Some(self.plant), TagId::new);
        r.finish();
        let (kind, carrier, conversion, meters) = made?;
        Some(Source {
            id: id?,
            kind,
            header: header?,
            carrier,
            heat_max_mw: heat_max?,
            heat_min_mw: heat_min?,
            proven_mw: proven?,
            conversion,
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
            meters,
        })
    }

    /// What is measured at a source. Flue gas, steam and drum belong to what is fired into a boiler; what takes nothing in
    /// has no fuel meter.
    fn meters(&self, r: &Reader<'_, '_>, kind: SourceKind) -> Meters {
        let fits = |meter: &Meter| match meter {
            Meter::Fuel => kind != SourceKind::WasteHeat,
            _ => kind == SourceKind::Boiler,
        };
        let read = |meter: Meter| {
            let named = Kind::Tag(meter.units());
            Some((meter, self.scope.opt_refer(r, meter.name(), named, Some(self.plant), TagId::new)?))
        };
        Meter::ALL.into_iter().filter(fits).filter_map(read).collect()
    }

    fn conversion(&self, r: &Reader<'_, '_>, kind: SourceKind) -> Option<Conversion> {
        match kind {
            SourceKind::Boiler | SourceKind::ElectricBoiler => {
                r.if_given(&["efficiency_curve"], |curve| {
                    if !curve {
                        return Some(Conversion::Efficiency(vec![(1.0, r.number_in("efficiency", 0.05, 1.1)?)]));
                    }
                    let points = r.pairs("efficiency_curve")?;
                    let rising = points.windows(2).all(|p| p[0].0 < p[1].0);
                    if points.is_empty()
                        || !rising
                        || points.iter().any(|(x, e)| !(0.0..=1.0).contains(x) || !(0.05..=1.1).contains(e))
                    {
                        r.mistake(r.span.clone(), "`efficiency_curve` is no curve", "pairs `[share of heat_max, efficiency]`, shares rising within 0 to 1, efficiencies within 0.05 to 1.1");
                        return None;
                    }
                    Some(Conversion::Efficiency(points))
                })
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
        let initial = r.number_in("initial_mwh", 0.0, 1e6);
        if let (Some(initial), Some(capacity)) = (initial, capacity)
            && initial > capacity
        {
            r.mistake(
                r.span_of("initial_mwh"),
                format!("`initial_mwh` is {initial}, more than the store holds"),
                format!("a number from 0 to {capacity}"),
            );
        }
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
        let margin = r.opt_number_in("margin_share", 0.0, 1.0);
        let asked = self.refer(&r, "asked", Kind::Tag(MW), TagId::new);
        let served = self.refer(&r, "served", Kind::Tag(MW), TagId::new);
        let turndown = r.opt_number_in("turndown_mw", 0.0, 10_000.0);
        r.not_above(
            turndown,
            heat,
            |turndown, heat| format!("turndown_mw {turndown} is above heat_mw {heat}: a shed would take nothing"),
            "the heat that is left when it is shed, below `heat_mw`",
        );
        let shed_setpoint = self.scope.opt_refer(&r, "shed_setpoint", Kind::Setpoint(MW), Some(self.plant), TagId::new);
        match r.together(&["shed_setpoint", "turndown_mw"]) {
            Some("shed_setpoint") => r.mistake(
                r.span.clone(),
                "this consumer can be shed (`turndown_mw`) and has no shed setpoint",
                "`shed_setpoint = \"…\"`, or no `turndown_mw` for a consumer that must be served",
            ),
            Some(_) => r.mistake(
                r.span.clone(),
                "this consumer has a shed setpoint and does not say how far it may be turned down",
                "`turndown_mw = 0` where it may be shed whole",
            ),
            None => {}
        }
        let shed = turndown.zip(shed_setpoint).map(|(turndown_mw, setpoint)| Shed { setpoint, turndown_mw });
        r.finish();
        Some(Consumer {
            id: id?,
            name: name?,
            header: header?,
            class: class?,
            heat_mw: heat?,
            swing_share: swing?,
            peak_hour: peak?,
            // Without it the expected is planned for, and nothing beyond.
            margin_share: margin.unwrap_or(0.0),
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
        if let (Some(tag), Some(min), Some(max)) = (tag, &min, &max) {
            let unreadable = [min, max].into_iter().filter(|at| !(tag.min..=tag.max).contains(&at.value));
            for At { value, span } in unreadable {
                r.mistake(
                    span.clone(),
                    format!(
                        "the bound {value} lies outside of {} to {}, where `{id}` is good: read back, it is bad",
                        tag.min, tag.max
                    ),
                    "bounds within `min` and `max` of the tag, or a wider range of the tag",
                );
            }
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
        let fail_safe = r.opt_number("fail_safe");
        if let (Some(min), Some(max), Some(At { value, span })) = (&min, &max, &fail_safe) {
            let idle = match safe_direction {
                Some(Direction::Down) if *value == max.value => Some("its upper bound, and it is safe downwards"),
                Some(Direction::Up) if *value == min.value => Some("its lower bound, and it is safe upwards"),
                _ => None,
            };
            if !(min.value..=max.value).contains(value) {
                r.mistake(
                    span.clone(),
                    format!("the fail-safe value {value} is outside {} to {}", min.value, max.value),
                    "a value within the setpoint's bounds",
                );
            } else if let Some(why) = idle {
                r.mistake(
                    span.clone(),
                    format!("nothing ever moves `{id}` to its fail-safe value {value}: that is {why}"),
                    "a safer value, or no `fail_safe`: it then stays where it is while its header is not seen",
                );
            }
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
            fail_safe: fail_safe.map(|at| at.value),
            interlock,
        })
    }

    fn condition(&self, r: &Reader<'_, '_>) -> Option<Condition> {
        let (above, below, equals) = (r.opt_number("above"), r.opt_number("below"), r.opt_number("equals"));
        if !r.one_of(&["above", "below", "equals"]) {
            r.mistake(
                r.span.clone(),
                "the condition is not one of `above`, `below`, `equals`",
                "exactly one of them, with a number",
            );
            return None;
        }
        let above = above.map(|x| Condition::Above(x.value));
        let below = below.map(|x| Condition::Below(x.value));
        above.or(below).or(equals.map(|x| Condition::Equals(x.value)))
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
        let votes = r.whole("votes", 1, 9);
        if let Some(votes) = votes
            && votes > count as u64
        {
            r.mistake(
                r.span_of("votes"),
                format!("`votes` is {votes}, more than there are tags"),
                format!("a whole number from 1 to {count}"),
            );
        }
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
