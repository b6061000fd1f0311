//! Writes the files of a planned fleet as a person would: units in names, a line on where figures come from, tags one a line.

use super::kinds::{Conversion, GAS_BOILER, Make};
use super::plan::{Consumer, Main, Plan, Plant, Source, Store};
use hypocaust_protocols::model::{Class, Medium, SourceKind};
use std::fmt::Write;

/// The figures of operation are those of the small sample fleet: they stand in one place.
const SAMPLE: &str = include_str!("../../../deploy/fleets/small/fleet.toml");

/// Loopback ports: a block of ten for each plant.
const MODBUS_PORT: usize = 21_000;

/// Up to three decimals.
fn n(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

macro_rules! say {
    ($out:expr) => {
        $out.push('\n')
    };
    ($out:expr, $($words:tt)*) => {
        // Writing to a String cannot fail.
        let _ = writeln!($out, $($words)*);
    };
}

/// A comment of lines that an editor shows whole.
fn comment(out: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.len() + word.len() > 125 {
            say!(out, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    say!(out, "{line}");
}

pub fn fleet(plan: &Plan) -> String {
    let mut out = String::new();
    let count = plan.plants.len();
    say!(out, "#:schema schemas/fleet.schema.json");
    say!(
        out,
        "# Generated: hypocaust-sim generate --plants {count} --seed {} --opcua {}. Sizes are drawn; what is known of sources and",
        plan.seed,
        plan.opcua_every
    );
    say!(out, "# plants stands at them with where it comes from.");
    say!(
        out,
        "schema = \"fleet/1\"\nid = \"generated-{count}\"\nname = \"Generated fleet of {count}, seed {}\"",
        plan.seed
    );
    let carriers = SAMPLE.split_once("co2_price").and_then(|(_, rest)| rest.split_once("[[main]]"));
    let (prices, _) = carriers.unwrap_or_default();
    say!(out, "co2_price{}", prices.split("[horizon]").next().unwrap_or_default().trim_end());
    say!(
        out,
        "\n[[carrier]] # chips and bark; biogenic, as the EU ETS counts it. The price is an order of magnitude.\nid = \"wood\"\nprice = 24.0\nco2_t_per_mwh = 0.0"
    );
    say!(out, "\n[horizon]{}", prices.split("[horizon]").nth(1).unwrap_or_default().trim_end());
    for main in &plan.mains {
        let (from, to) = (&plan.plants[main.from.0], &plan.plants[main.to.0]);
        say!(out, "\n[[main]]");
        let sender = format!("{}.", from.id);
        main_lines(
            &mut out,
            main,
            &sender,
            &format!("{}.{}", from.id, from.headers[main.from.1].id),
            &format!("{}.{}", to.id, to.headers[main.to.1].id),
        );
    }
    let limits = SAMPLE.find("[limits]").map_or("", |at| &SAMPLE[at..]);
    say!(out, "\n{}", limits.trim_end());
    out
}

fn main_lines(out: &mut String, main: &Main, prefix: &str, from: &str, to: &str) {
    let id = &main.id;
    let far = main.from.0 != main.to.0;
    say!(out, "id = \"{id}\"\nfrom = \"{from}\"\nto = \"{to}\"\ncap_mw = {}", n(main.mw));
    say!(out, "cap_reverse_mw = {}", if main.both_ways { n(main.mw) } else { "0".into() });
    // Orders of magnitude: some hundreds of metres of insulated pipe, or a station in one hall.
    say!(out, "loss_fraction = {}\nfixed_loss_mw = {}", if far { 0.03 } else { 0.01 }, if far { 0.1 } else { 0.02 });
    say!(out, "flow = \"{prefix}{id}.flow\"\nsetpoint = \"{prefix}{id}.flow-sp\"\nopen = \"{prefix}{id}.open\"");
}

/// Where tags lie in one device: the next free place of each table.
struct Device {
    id: &'static str,
    port: usize,
    unit_id: usize,
    order: &'static str,
    opc_ua: bool,
    input: usize,
    holding: usize,
    coil: usize,
    discrete: usize,
    status: usize,
}

impl Device {
    fn new(id: &'static str, port: usize, unit_id: usize, order: &'static str) -> Self {
        let opc_ua = false;
        Self { id, port, unit_id, order, opc_ua, input: 100, holding: 100, coil: 100, discrete: 100, status: 0 }
    }

    fn take(next: &mut usize, count: usize) -> usize {
        let at = *next;
        *next += count;
        at
    }

    /// A tag of two registers at `register`, or of a node.
    fn number(&self, id: &str, register: String, rest: &str) -> String {
        let order = if self.opc_ua { String::new() } else { format!("order = \"{}\", ", self.order) };
        self.line(id, register, &format!("type = \"f32\", {order}{rest}"))
    }

    /// At a register, in a device that has such; a node is called like its tag.
    fn line(&self, id: &str, register: String, rest: &str) -> String {
        let at = if self.opc_ua { format!("node:{id}") } else { register };
        format!("  {{ id = \"{id}\", device = \"{}\", at = \"{at}\", {rest} }},", self.id)
    }

    /// A measured number.
    fn measured(&mut self, id: &str, unit: &str, band: (f64, f64), deadband: f64, scan: &str) -> String {
        let at = format!("input:{}", Self::take(&mut self.input, 2));
        let rest = format!(
            "unit = \"{unit}\", min = {}, max = {}, deadband = {}, silence_s = 5, scan = \"{scan}\"",
            n(band.0),
            n(band.1),
            n(deadband)
        );
        self.number(id, at, &rest)
    }

    fn written(&mut self, id: &str, unit: &str, band: (f64, f64), deadband: f64) -> String {
        let at = format!("holding:{}", Self::take(&mut self.holding, 2));
        let rest = format!(
            "unit = \"{unit}\", min = {}, max = {}, deadband = {}, silence_s = 5, scan = \"fast\", writable = true",
            n(band.0),
            n(band.1),
            n(deadband)
        );
        self.number(id, at, &rest)
    }

    fn state(&mut self, id: &str) -> String {
        let at = format!("input:{}", Self::take(&mut self.input, 1));
        self.line(
            id,
            at,
            "type = \"u16\", unit = \"1\", min = 0, max = 6, deadband = 0.5, silence_s = 5, scan = \"fast\"",
        )
    }

    fn flag(&mut self, id: &str, kind: Flag) -> String {
        let (at, rest) = match kind {
            Flag::Coil => (format!("coil:{}", Self::take(&mut self.coil, 1)), ", writable = true"),
            Flag::Discrete => (format!("discrete:{}", Self::take(&mut self.discrete, 1)), ""),
            Flag::Status => (String::new(), ""),
        };
        let (at, bit) = match kind {
            Flag::Status if self.opc_ua => (String::new(), String::new()),
            Flag::Status => {
                let bit = Self::take(&mut self.status, 1);
                (format!("input:{}", 600 + bit / 16), format!("bit = {}, ", bit % 16))
            }
            _ => (at, String::new()),
        };
        let rest = format!(
            "type = \"bool\", {bit}unit = \"1\", min = 0, max = 1, deadband = 0.5, silence_s = 5, scan = \"fast\"{rest}"
        );
        self.line(id, at, &rest)
    }

    fn counter(&self) -> String {
        let id = format!("{}.counter", self.id);
        let rest = "type = \"u16\", unit = \"1\", min = 0, max = 65535, deadband = 65535, silence_s = 5, scan = \"slow\", writable = true";
        self.line(&id, "holding:0".into(), rest)
    }
}

#[derive(Clone, Copy)]
enum Flag {
    Coil,
    Discrete,
    /// A bit of a status word.
    Status,
}

/// A setpoint: what it may move in a second, in normal running and in the fail-safe lane, and where it goes while blind.
fn setpoint(tag: &str, band: (f64, f64), normal: f64, fast: f64, safe: &str, fail_safe: Option<f64>) -> String {
    let blind = fail_safe.map_or_else(String::new, |value| format!(", fail_safe = {}", n(value)));
    format!(
        "  {{ tag = \"{tag}\", min = {}, max = {}, velocity_per_s = {}, fail_safe_velocity_per_s = {}, safe_direction = \"{safe}\"{blind} }},",
        n(band.0),
        n(band.1),
        n(normal),
        n(fast)
    )
}

fn start_setpoint(tag: &str) -> String {
    setpoint(tag, (0.0, 1.0), 10.0, 10.0, "up", None)
}

/// One plant's file under way: what is listed first is known last.
struct Writing {
    tags: Vec<String>,
    setpoints: Vec<String>,
    body: String,
    devices: [Device; 2],
}

impl Writing {
    fn device(&mut self, medium: Medium) -> &mut Device {
        &mut self.devices[usize::from(medium == Medium::HotWater)]
    }
}

const ORDERS: [&str; 4] = ["abcd", "cdab", "badc", "dcba"];

pub fn plant(plan: &Plan, index: usize) -> String {
    let plant = &plan.plants[index];
    let port = MODBUS_PORT + 10 * index;
    let mut w = Writing {
        tags: Vec::new(),
        setpoints: Vec::new(),
        body: String::new(),
        devices: [
            Device::new("plc1", port, 1, ORDERS[index % 4]),
            Device::new("plc2", port + 1, 1 + index % 9, ORDERS[(index + 1) % 4]),
        ],
    };
    w.devices[1].opc_ua = plan.opc_ua(index);
    for device in &w.devices {
        w.tags.push(device.counter());
        w.setpoints.push(setpoint(&format!("{}.counter", device.id), (0.0, 65_535.0), 65_535.0, 65_535.0, "up", None));
    }
    headers(&mut w, plant);
    // The biggest boiler on gas has three flame detectors, of which two decide.
    let gas = plant.sources.iter().enumerate().filter(|(_, s)| s.make.prefix == GAS_BOILER.prefix);
    let biggest = gas.max_by(|a, b| a.1.mw.total_cmp(&b.1.mw)).map(|(i, _)| i);
    let mut said: Vec<&str> = Vec::new();
    for (i, one) in plant.sources.iter().enumerate() {
        say!(w.body);
        if said.contains(&one.make.prefix) {
            say!(w.body, "# As the first of its kind, see there.");
        } else {
            comment(&mut w.body, one.make.says);
            said.push(one.make.prefix);
        }
        source(&mut w, plant, one, Some(i) == biggest);
    }
    if let Some(one) = &plant.store {
        store(&mut w, plant, one);
    }
    for main in &plant.mains {
        let (from, to) = (plant.headers[main.from.1].id, plant.headers[main.to.1].id);
        let station = if plant.headers[main.to.1].medium == Medium::Steam {
            "a reducing station"
        } else {
            "an exchanger: steam gives, water takes"
        };
        say!(w.body, "\n[[main]] # {station}");
        main_lines(&mut w.body, main, "", from, to);
        main_tags(&mut w, main);
    }
    for main in plan.mains.iter().filter(|m| m.from.0 == index) {
        main_tags(&mut w, main);
    }
    for one in &plant.consumers {
        consumer(&mut w, plant, one);
    }
    connections(&mut w, plant);
    alarms(&mut w, plant);
    assemble(&w, plant)
}

fn assemble(w: &Writing, plant: &Plant) -> String {
    let mut out = String::new();
    say!(out, "#:schema ../schemas/plant.schema.json");
    comment(&mut out, &format!("{}, generated. {}", plant.name, plant.works.says));
    say!(out, "schema = \"plant/1\"\nid = \"{}\"\nname = \"{}\"", plant.id, plant.name);
    say!(
        out,
        "\n# One line a tag: where it lies in the device and what it means. Offsets count from 0.\ntags = [\n{}\n]",
        w.tags.join("\n")
    );
    say!(
        out,
        "\n# What may be written. The fail-safe lane moves it in `safe_direction` only; while blind to `fail_safe`, if there is one.\nsetpoints = [\n{}\n]",
        w.setpoints.join("\n")
    );
    for Device { id, port, unit_id, opc_ua, .. } in &w.devices {
        say!(out, "\n[[device]]\nid = \"{id}\"");
        if *opc_ua {
            say!(out, "protocol = \"opc-ua\"\nendpoint = \"opc.tcp://127.0.0.1:{port}\"");
            say!(out, "namespace = \"urn:hypocaust:{}:{id}\"\nsecurity = \"sign-and-encrypt\"", plant.id);
        } else {
            say!(out, "protocol = \"modbus-tcp\"\nendpoint = \"127.0.0.1:{port}\"\nunit_id = {unit_id}");
        }
        say!(out, "timeout_ms = 1000\ntries = 3\nwatchdog = {{ counter = \"{id}.counter\", timeout_ms = 5000 }}");
        let never = if *opc_ua { "nodes = \"sis.\"" } else { "table = \"holding\"\nfirst = 900\nlast = 949" };
        say!(out, "\n[[device.sis_deny]] # trip settings of the burner protection: never written\n{never}");
    }
    out + &w.body
}

/// The source that holds this header.
fn swing(plant: &Plant, header: usize) -> Option<&Source> {
    plant.sources.iter().find(|s| s.header == header)
}

fn holds(plant: &Plant, source: &Source) -> bool {
    swing(plant, source.header).is_some_and(|s| s.id == source.id)
}

fn headers(w: &mut Writing, plant: &Plant) {
    for (i, header) in plant.headers.iter().enumerate() {
        let swing = swing(plant, i).map_or("", |s| s.id.as_str());
        let (what, unit, band, deadband) = match header.medium {
            Medium::Steam => ("pressure", "bar", (0.0, (1.4 * header.band.2).ceil()), 0.02),
            Medium::HotWater => ("temperature", "degC", (0.0, 150.0), 0.2),
        };
        let id = format!("{}.{what}", header.id);
        let tag = w.device(header.medium).measured(&id, unit, band, deadband, "fast");
        w.tags.push(tag);
        let says = match header.medium {
            Medium::Steam => {
                "Capacity: some 2 m3 of boiler water a MW (order of magnitude); the heat a bar is worth in it after IAPWS-IF97."
            }
            Medium::HotWater => {
                "Capacity: some 35 m3 of water a MW of demand (order of magnitude), 1.16 kWh per m3 and K."
            }
        };
        say!(
            w.body,
            "\n# {says}\n[[header]]\nid = \"{}\"\nmedium = \"{}\"",
            header.id,
            if header.medium == Medium::Steam { "steam" } else { "hot-water" }
        );
        say!(w.body, "swing = \"{swing}\"\nreserve_mw = {}\nprocess_value = \"{id}\"", n(header.reserve_mw));
        let (low, nominal, high) = header.band;
        say!(
            w.body,
            "low = {}\nnominal = {}\nhigh = {}\ncapacity_mwh = {}",
            n(low),
            n(nominal),
            n(high),
            n(header.capacity_mwh)
        );
    }
}

fn source(w: &mut Writing, plant: &Plant, source: &Source, biggest: bool) {
    let Source { id, make, mw, .. } = source;
    let header = &plant.headers[source.header];
    let over = 1.2 * mw;
    let started = make.kind != SourceKind::WasteHeat;
    let device = w.device(header.medium);
    let mut tags = vec![
        device.measured(&format!("{id}.heat"), "MW", (-0.1 * mw, over), 0.02, "fast"),
        device.state(&format!("{id}.state")),
        device.written(&format!("{id}.load-sp"), "MW", (0.0, over), 0.01),
    ];
    let mut setpoints = vec![setpoint(&format!("{id}.load-sp"), (0.0, *mw), 0.02 * mw, 0.1 * mw, "up", None)];
    if started {
        tags.push(device.flag(&format!("{id}.start"), Flag::Coil));
        setpoints.push(start_setpoint(&format!("{id}.start")));
    }
    // One analyser a header, at the boiler that holds it and so burns at every load.
    let metered = make.prefix == GAS_BOILER.prefix && holds(plant, source);
    if metered {
        tags.extend([
            device.measured(&format!("{id}.o2"), "%", (0.0, 21.0), 0.05, "slow"),
            device.measured(&format!("{id}.co"), "ppm", (0.0, 5_000.0), 2.0, "slow"),
            device.measured(&format!("{id}.stack"), "degC", (-40.0, 600.0), 0.3, "slow"),
            device.measured(&format!("{id}.air"), "degC", (-40.0, 80.0), 0.2, "slow"),
            device.measured(&format!("{id}.fuel"), "MW", (0.0, over / worst(make)), 0.02, "fast"),
        ]);
    }
    let lost: Vec<String> = if biggest {
        ["a", "b", "c"].map(|x| format!("{id}.flame-lost-{x}")).to_vec()
    } else {
        vec![format!("{id}.tripped")]
    };
    let kind = if biggest { Flag::Discrete } else { Flag::Status };
    tags.extend(lost.iter().map(|tag| device.flag(tag, kind)));
    w.tags.extend(tags);
    w.setpoints.extend(setpoints);

    let out = &mut w.body;
    say!(out, "[[source]]\nid = \"{id}\"\nkind = \"{}\"\nheader = \"{}\"", kind_word(make), header.id);
    if let Some(carrier) = make.carrier {
        say!(out, "carrier = \"{carrier}\"");
    }
    say!(out, "heat_max_mw = {}\nheat_min_mw = {}\nproven_mw = {}", n(*mw), n(source.least()), n(*mw));
    match &make.conversion {
        Conversion::Curve(points) => {
            let points: Vec<String> = points.iter().map(|(x, y)| format!("[{x:?}, {y:?}]")).collect();
            say!(out, "efficiency_curve = [{}]", points.join(", "));
        }
        Conversion::Cogeneration { heat, power } => {
            say!(out, "heat_eff = {heat}\npower_eff = {power}");
        }
        Conversion::Cop(cop) => {
            say!(out, "cop = {cop}");
        }
        Conversion::Efficiency(efficiency) => {
            say!(out, "efficiency = {efficiency}");
        }
        Conversion::Free => {}
    }
    let (purge, light, warm) = make.start_s;
    say!(out, "ramp_mw_per_min = {}\ntime_constant_s = {}", n((make.ramp * mw).max(0.001)), n(make.time_constant_s));
    say!(out, "start = {{ purge_s = {}, light_off_s = {}, warm_up_s = {} }}", n(purge), n(light), n(warm));
    say!(
        out,
        "start_cost_eur = {}\nstarts_per_hour = {}",
        n((make.start_cost_per_mw * mw).round()),
        make.starts_per_hour
    );
    // Hours of watching grate or turbine are a person's.
    let by = if started && warm < 600.0 { "hypocaust" } else { "operator" };
    say!(out, "started_by = \"{by}\"\nvar_om = {}\ninitially_on = {}", n(make.var_om), source.on);
    say!(out, "heat = \"{id}.heat\"\nstate = \"{id}.state\"\nsetpoint = \"{id}.load-sp\"");
    if started {
        say!(out, "start_request = \"{id}.start\"");
    }
    if metered {
        for meter in ["o2", "co", "stack", "air", "fuel"] {
            say!(out, "{meter} = \"{id}.{meter}\"");
        }
    }
    let votes = if biggest { 2 } else { 1 };
    let lost: Vec<String> = lost.iter().map(|t| format!("\"{t}\"")).collect();
    say!(
        out,
        "\n[[trip]]\nid = \"{id}-lost\"\nsource = \"{id}\"\ntags = [{}]\nvotes = {votes}\nequals = 1\non_delay_ms = 500\nrunbook = \"source-tripped\"",
        lost.join(", ")
    );
}

fn kind_word(make: &Make) -> &'static str {
    match make.kind {
        SourceKind::Boiler => "boiler",
        SourceKind::Chp => "chp",
        SourceKind::HeatPump => "heat-pump",
        SourceKind::ElectricBoiler => "electric-boiler",
        SourceKind::WasteHeat => "waste-heat",
    }
}

fn store(w: &mut Writing, plant: &Plant, store: &Store) {
    let header = &plant.headers[store.header];
    let (mw, mwh) = (store.mw, store.mwh);
    let device = w.device(header.medium);
    let tags = [
        device.measured("store.level", "MWh", (0.0, 1.1 * mwh), 0.01, "slow"),
        device.measured("store.heat", "MW", (-1.5 * mw, 1.5 * mw), 0.02, "fast"),
        device.written("store.flow-sp", "MW", (-mw, mw), 0.01),
    ];
    w.tags.extend(tags);
    w.setpoints.push(setpoint("store.flow-sp", (-mw, mw), 0.1 * mw, 0.25 * mw, "up", Some(0.0)));
    // 30 K between full and empty: 35 kWh a cubic metre.
    say!(
        w.body,
        "\n[[storage]] # hot-water tank of some {} m3 over 30 K\nid = \"store\"\nheader = \"{}\"",
        n((mwh / 0.035).round()),
        header.id
    );
    say!(w.body, "capacity_mwh = {}\ncharge_max_mw = {}\ndischarge_max_mw = {}", n(mwh), n(mw), n(mw));
    say!(w.body, "charge_eff = 0.99\ndischarge_eff = 0.99\nloss_per_h = 0.002\ninitial_mwh = {}", n(0.5 * mwh));
    say!(w.body, "level = \"store.level\"\nheat = \"store.heat\"\nsetpoint = \"store.flow-sp\"");
}

fn main_tags(w: &mut Writing, main: &Main) {
    let (id, mw) = (&main.id, main.mw);
    let back = if main.both_ways { -mw } else { 0.0 };
    let device = &mut w.devices[0];
    let tags = [
        device.measured(&format!("{id}.flow"), "MW", (-1.5 * mw, 1.5 * mw), 0.02, "fast"),
        device.flag(&format!("{id}.open"), Flag::Discrete),
        device.written(&format!("{id}.flow-sp"), "MW", (-1.5 * mw, 1.5 * mw), 0.01),
    ];
    w.tags.extend(tags);
    w.setpoints.push(setpoint(&format!("{id}.flow-sp"), (back, mw), 0.05 * mw, 0.2 * mw, "down", Some(0.0)));
}

fn consumer(w: &mut Writing, plant: &Plant, consumer: &Consumer) {
    let Consumer { need, mw, .. } = consumer;
    let id = need.id;
    let header = &plant.headers[consumer.header];
    // Room for the day's peak and the wandering of the demand.
    let most = (mw * (1.0 + need.swing) * 1.15 * 100.0).ceil() / 100.0;
    let device = w.device(header.medium);
    let mut tags = vec![
        device.measured(&format!("{id}.asked"), "MW", (0.0, most), 0.01, "fast"),
        device.measured(&format!("{id}.served"), "MW", (0.0, most), 0.01, "fast"),
    ];
    let floor = need.turndown.map(|share| (share * mw * 100.0).floor() / 100.0);
    if let Some(floor) = floor {
        tags.push(device.written(&format!("{id}.cap-sp"), "MW", (0.0, most), 0.005));
        // The classes that must not be lost keep all of it when the plant is blind, production a fifth, comfort nothing.
        let safe = match need.class {
            Class::Production => Some((0.2 * most).max(floor)),
            Class::Comfort => Some(floor),
            _ => None,
        };
        w.setpoints.push(setpoint(&format!("{id}.cap-sp"), (floor, most), 0.05 * most, 0.25 * most, "down", safe));
    }
    w.tags.extend(tags);
    say!(
        w.body,
        "\n[[consumer]]\nid = \"{id}\"\nname = \"{}\"\nheader = \"{}\"\nclass = \"{}\"",
        need.name,
        header.id,
        need.class.name()
    );
    say!(w.body, "heat_mw = {}\nswing_share = {}\npeak_hour = {}", n(*mw), n(need.swing), n(need.peak_hour));
    say!(w.body, "asked = \"{id}.asked\"\nserved = \"{id}.served\"");
    if let Some(floor) = floor {
        say!(w.body, "shed_setpoint = \"{id}.cap-sp\"\nturndown_mw = {}", n(floor));
    }
}

/// Supplies that bear everything at once, and half of it in power to spare.
fn connections(w: &mut Writing, plant: &Plant) {
    let intake = |carrier: &str| -> f64 {
        let fired = |s: &&Source| s.make.carrier == Some(carrier);
        plant.sources.iter().filter(fired).map(|s| s.mw / worst(s.make)).sum()
    };
    let made: f64 = plant
        .sources
        .iter()
        .map(|s| match s.make.conversion {
            Conversion::Cogeneration { heat, power } => s.mw / heat * power,
            _ => 0.0,
        })
        .sum();
    let base = (0.15 * plant.consumers.iter().map(|c| c.mw).sum::<f64>() * 10.0).round() / 10.0;
    for carrier in ["gas", "wood"] {
        let most = intake(carrier);
        if most > 0.0 {
            say!(
                w.body,
                "\n[[connection]]\nid = \"{carrier}-supply\"\ncarrier = \"{carrier}\"\nmax_import_mw = {}\nmax_export_mw = 0\nbase_load_mw = 0",
                n((1.1 * most).ceil())
            );
        }
    }
    say!(
        w.body,
        "\n[[connection]]\nid = \"power-grid\"\ncarrier = \"power\"\nmax_import_mw = {}\nmax_export_mw = {}\nbase_load_mw = {}",
        n((1.2 * (base + intake("power"))).ceil()),
        n((1.1 * made).ceil()),
        n(base)
    );
}

/// The lowest heat for each unit of fuel or power.
fn worst(make: &Make) -> f64 {
    match &make.conversion {
        Conversion::Curve(points) => points.iter().map(|p| p.1).fold(1.0, f64::min),
        Conversion::Cogeneration { heat, .. } => *heat,
        Conversion::Cop(x) | Conversion::Efficiency(x) => *x,
        Conversion::Free => 1.0,
    }
}

fn alarms(w: &mut Writing, plant: &Plant) {
    for header in &plant.headers {
        let id = header.id;
        let what = if header.medium == Medium::Steam { "pressure" } else { "temperature" };
        let (low, nominal, high) = header.band;
        // Before the relief valve: at two thirds of the way to it.
        let above = (nominal + 2.0 * high) / 3.0;
        say!(
            w.body,
            "\n[[alarm]]\nid = \"{id}-low\"\ntag = \"{id}.{what}\"\nbelow = {}\non_delay_ms = 2000\npriority = 2\nrunbook = \"source-tripped\"",
            n(low)
        );
        say!(
            w.body,
            "\n[[alarm]]\nid = \"{id}-high\"\ntag = \"{id}.{what}\"\nabove = {}\non_delay_ms = 1000\npriority = 1\nrunbook = \"source-tripped\"",
            n((above * 10.0).round() / 10.0)
        );
    }
}
