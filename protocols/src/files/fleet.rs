//! `fleet.toml`, and the putting together of all files.

use super::checks::{ID, Kind, Scope, Unread, check, names};
use super::mimic;
use super::plant;
use super::reader::{Reader, parse, utf8};
use super::report::Report;
use crate::model::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

/// Builds a fleet from the bytes of its files. `is_file` answers whether a certificate is there.
pub(super) fn build(
    folder: &Path,
    files: &[(String, Vec<u8>)],
    is_file: &dyn Fn(&Path) -> bool,
) -> Result<Fleet, Report> {
    let report = RefCell::new(Report::new());
    let scope = Scope::default();
    let mut fleet = None;
    let mut plants = Vec::new();
    let mut drawings = Vec::new();
    let mut scans: Vec<String> = Vec::new();
    let mut unread = Unread::default();
    for (name, bytes) in files {
        let text = String::from_utf8_lossy(bytes);
        let file = report.borrow_mut().file(name, &text);
        let what = match name.split('/').next() {
            Some("plants") => "plant",
            Some("mimics") => "mimic",
            _ => "fleet",
        };
        let stem = name.rsplit('/').next().and_then(|last| last.strip_suffix(".toml")).unwrap_or(name);
        let document = if utf8(&report, file, bytes) { parse(&report, file, &text) } else { None };
        let Some(document) = document else {
            match what {
                "fleet" => unread.fleet = true,
                "plant" => unread.plants.push(stem.to_owned()),
                _ => {}
            }
            continue;
        };
        let head = text.find('\n').unwrap_or(text.len());
        let reader = Reader::new(file, what, document.get_ref(), 0..head, &report);
        if name == "fleet.toml" {
            fleet = read_fleet(reader, &scope, folder);
            if let Some(f) = &fleet {
                scans = f.limits.scan.iter().map(|s| s.name.clone()).collect();
            }
        } else if what == "mimic" {
            drawings.push(mimic::read(reader));
        } else {
            let limits = fleet.as_ref().map(|f| &f.limits);
            match plant::read(reader, &scope, name, limits, &scans, folder, is_file) {
                Some(read) => plants.push(read),
                None => unread.plants.push(stem.to_owned()),
            }
        }
    }
    names(&scope, &unread, &report);
    let built = fleet.map(|mut f| {
        for (plant, mains) in plants {
            f.plants.push(plant);
            f.mains.extend(mains);
        }
        check(&f, &scope, &report);
        for drawing in drawings {
            mimic::take(&mut f, drawing, &unread.plants, &report);
        }
        f
    });
    let report = report.into_inner();
    match built {
        Some(fleet) if report.is_empty() => Ok(fleet),
        _ => Err(report),
    }
}

pub(super) fn read_fleet(r: Reader<'_, '_>, scope: &Scope, folder: &Path) -> Option<Fleet> {
    r.choice("schema", &[("fleet/1", ())]);
    let id = r.text_like("id", &ID).and_then(|t| scope.id(&r, t, FleetId::new));
    let name = r.text("name").map(|t| t.value);
    let co2_price = r.number_in("co2_price", 0.0, f64::INFINITY);
    let carriers = r.tables("carrier", "carrier").into_iter().filter_map(|c| read_carrier(c, scope)).collect();
    let horizon = r.table("horizon", "horizon").and_then(|h| {
        let steps = h.numbers("step_minutes")?;
        if steps.is_empty() || steps.iter().any(|s| s.value <= 0.0) {
            h.mistake(
                h.span.clone(),
                "`step_minutes` holds no steps, or one of no length",
                "positive minutes, short ones first",
            );
        }
        h.finish();
        Some(Horizon { step_minutes: steps.into_iter().map(|s| s.value).collect() })
    });
    let mains = r.tables("main", "main").into_iter().filter_map(|m| read_main(m, scope, None)).collect();
    let limits = r.table("limits", "limits table").and_then(read_limits);
    r.finish();
    Some(Fleet {
        id: id?,
        name: name?,
        folder: folder.to_owned(),
        carriers,
        horizon: horizon?,
        co2_price: co2_price?,
        mains,
        plants: Vec::new(),
        mimics: BTreeMap::new(),
        limits: limits?,
    })
}

fn read_carrier(r: Reader<'_, '_>, scope: &Scope) -> Option<Carrier> {
    let id = r.text_like("id", &ID).and_then(|t| {
        scope.define(&r, Kind::Carrier, &t.value, &t.span);
        scope.id(&r, t, CarrierId::new)
    });
    let price = r.if_given(&["buy", "sell"], |both| {
        if both {
            let (buy, sell) = (r.number("buy"), r.number("sell"));
            buy.zip(sell).map(|(buy, sell)| Price::BuySell { buy: buy.value, sell: sell.value })
        } else {
            r.number("price").map(|p| Price::One(p.value))
        }
    });
    let co2 = r.number_in("co2_t_per_mwh", 0.0, 10.0);
    let lhv_mj_per_nm3 = r.opt_number_in("lhv_mj_per_nm3", 1.0, 200.0);
    r.finish();
    Some(Carrier { id: id?, price: price?, co2_t_per_mwh: co2?, lhv_mj_per_nm3 })
}

/// A main of the fleet (`plant` is `None`: ids in full) or within one plant.
pub(super) fn read_main(r: Reader<'_, '_>, scope: &Scope, plant: Option<&str>) -> Option<Main> {
    let id = scope.own(&r, Kind::Main, plant, MainId::new);
    let from = scope.refer(&r, "from", Kind::Header, plant, HeaderId::new);
    let to = scope.refer(&r, "to", Kind::Header, plant, HeaderId::new);
    if from.is_some() && to.is_some() {
        scope.apart();
    }
    let cap = r.number_in("cap_mw", 0.0, 10_000.0);
    let reverse = r.number_in("cap_reverse_mw", 0.0, 10_000.0);
    let loss = r.number_in("loss_fraction", 0.0, 0.9);
    let fixed = r.number_in("fixed_loss_mw", 0.0, 1_000.0);
    let flow = scope.refer(&r, "flow", Kind::Tag(&[Unit::Megawatt]), plant, TagId::new);
    let setpoint = scope.refer(&r, "setpoint", Kind::Setpoint(&[Unit::Megawatt]), plant, TagId::new);
    let open = scope.refer(&r, "open", Kind::Tag(&[Unit::One]), plant, TagId::new);
    r.finish();
    Some(Main {
        id: id?,
        from: from?,
        to: to?,
        cap_mw: cap?,
        cap_reverse_mw: reverse?,
        loss_fraction: loss?,
        fixed_loss_mw: fixed?,
        flow: flow?,
        setpoint: setpoint?,
        open: open?,
    })
}

fn read_limits(r: Reader<'_, '_>) -> Option<Limits> {
    let inf = f64::INFINITY;
    let s = |key| r.number_in(key, 0.001, 86_400.0);
    let dispatch_period_s = s("dispatch_period_s");
    let solve_limit_s = s("solve_limit_s");
    let beat_s = s("beat_s");
    let hold_after_s = s("hold_after_s");
    let autonomous_after_s = s("autonomous_after_s");
    let reentry_beats = r.whole("reentry_beats", 1, 1000);
    let counter_s = s("counter_s");
    let command_ttl_s = s("command_ttl_s");
    let table_ttl_s = s("table_ttl_s");
    let writes_per_minute = r.whole("writes_per_minute", 1, 6000);
    let write_spacing_ms = r.whole("write_spacing_ms", 0, 60_000);
    let unit_load_max = r.number_in("unit_load_max", 0.1, 1.0);
    let movement_share = r.number_in("movement_share", 0.0, 0.5);
    let data_age_s = s("data_age_s");
    let restore_min = r.numbers("restore_min").and_then(|n| {
        let values: Vec<f64> = n.iter().map(|x| x.value).collect();
        let five: Option<[f64; 5]> = values.try_into().ok();
        if five.is_none() {
            r.mistake(
                r.span.clone(),
                "`restore_min` has not five numbers",
                "five numbers of minutes, highest class first, 0 for best effort",
            );
        }
        five
    });
    let velocity = r.table("velocity", "velocity table").and_then(|v| {
        let t = v.number_in("temperature_c_per_s", 0.0, inf);
        let p = v.number_in("pressure_bar_per_s", 0.0, inf);
        let f = v.number_in("flow_m3h_per_s", 0.0, inf);
        let c = v.number_in("percent_per_s", 0.0, inf);
        v.finish();
        Some(Velocity { temperature_c_per_s: t?, pressure_bar_per_s: p?, flow_m3h_per_s: f?, percent_per_s: c? })
    });
    let subagents = r.table("subagents", "sub-agents table").and_then(read_subagents);
    let scan: Vec<ScanClass> = r
        .tables("scan", "scan class")
        .into_iter()
        .filter_map(|c| {
            let name = c.text("name");
            let period = c.whole("period_ms", 50, 3_600_000);
            c.finish();
            Some(ScanClass { name: name?.value, period_ms: period? })
        })
        .collect();
    if scan.is_empty() {
        r.mistake(r.span.clone(), "there is no scan class", "`[[limits.scan]]` with `name` and `period_ms`");
    }
    if let (Some(hold), Some(autonomous)) = (hold_after_s, autonomous_after_s)
        && hold >= autonomous
    {
        r.mistake(
            r.span.clone(),
            format!("`autonomous_after_s` ({autonomous}) is not longer than `hold_after_s` ({hold})"),
            "a longer `autonomous_after_s`: an edge holds first and acts on its own later",
        );
    }
    let longer = |short: (&str, Option<f64>), long: (&str, Option<f64>), times: f64, why: &str| {
        if let (Some(a), Some(b)) = (short.1, long.1)
            && times * a > b
        {
            let times = if times == 1.0 { String::new() } else { format!("{times} x ") };
            r.mistake(
                r.span.clone(),
                format!("{times}`{}` ({a}) is longer than `{}` ({b})", short.0, long.0),
                format!("a longer `{}`: {why}", long.0),
            );
        }
    };
    longer(("beat_s", beat_s), ("hold_after_s", hold_after_s), 3.0, "one lost beat is no lost centre");
    let (period, table) = (("dispatch_period_s", dispatch_period_s), ("table_ttl_s", table_ttl_s));
    longer(("solve_limit_s", solve_limit_s), period, 1.0, "a solve ends before the next one begins");
    longer(period, table, 3.0, "an edge's table outlives the cycles that renew it");
    let promised: Vec<f64> = restore_min.iter().flatten().copied().filter(|minutes| *minutes > 0.0).collect();
    if promised.windows(2).any(|pair| pair[0] > pair[1]) {
        r.mistake(
            r.span.clone(),
            "`restore_min` promises a lower class its heat before a higher one",
            "minutes that do not fall from the highest class on, 0 for best effort",
        );
    }
    r.finish();
    Some(Limits {
        dispatch_period_s: dispatch_period_s?,
        solve_limit_s: solve_limit_s?,
        beat_s: beat_s?,
        hold_after_s: hold_after_s?,
        autonomous_after_s: autonomous_after_s?,
        reentry_beats: reentry_beats? as u32,
        counter_s: counter_s?,
        command_ttl_s: command_ttl_s?,
        table_ttl_s: table_ttl_s?,
        writes_per_minute: writes_per_minute? as u32,
        write_spacing_ms: write_spacing_ms?,
        velocity: velocity?,
        unit_load_max: unit_load_max?,
        movement_share: movement_share?,
        restore_min: restore_min?,
        data_age_s: data_age_s?,
        subagents: subagents?,
        scan,
    })
}

fn read_subagents(r: Reader<'_, '_>) -> Option<SubagentLimits> {
    let beat_s = r.number_in("beat_s", 0.1, 3_600.0);
    let missed_beats = r.whole("missed_beats", 1, 100);
    let answer_s = r.number_in("answer_s", 0.1, 3_600.0);
    let success_share = r.number_in("success_share", 0.0, 1.0);
    let breaker_failures = r.whole("breaker_failures", 1, 1_000);
    let breaker_open_s = r.number_in("breaker_open_s", 0.1, 86_400.0);
    let cascade_agents = r.whole("cascade_agents", 2, 99);
    let cascade_within_s = r.number_in("cascade_within_s", 1.0, 86_400.0);
    r.finish();
    Some(SubagentLimits {
        beat_s: beat_s?,
        missed_beats: missed_beats? as u32,
        answer_s: answer_s?,
        success_share: success_share?,
        breaker_failures: breaker_failures? as u32,
        breaker_open_s: breaker_open_s?,
        cascade_agents: cascade_agents? as u32,
        cascade_within_s: cascade_within_s?,
    })
}
