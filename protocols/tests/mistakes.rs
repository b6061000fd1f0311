//! Goldens: each mistake that a plant engineer makes, and the words with which `check` answers.
//!
//! Every case copies the sample fleet, replaces one text, and compares the whole answer.

use std::fs;
use std::path::Path;

/// The sample fleet with `from` replaced by `to` in `file`, and what loading it says.
fn check(file: &str, from: &str, to: &str) -> String {
    check_all(&[(file, from, to)])
}

/// The same of several files.
fn check_all(changes: &[(&str, &str, &str)]) -> String {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("plants")).expect("a folder for the plants");
    let mut replaced = 0;
    for name in ["fleet.toml", "plants/north.toml", "plants/south.toml"] {
        let mut text = fs::read_to_string(sample.join(name)).expect("the sample fleet");
        for (_, from, to) in changes.iter().filter(|(file, ..)| *file == name) {
            assert!(text.contains(from), "the sample fleet no longer holds {from:?}");
            text = text.replacen(from, to, 1);
            replaced += 1;
        }
        fs::write(folder.path().join(name), text).expect("the changed fleet");
    }
    assert_eq!(replaced, changes.len());
    match hypocaust_protocols::files::load(folder.path()) {
        Ok(_) => "the fleet passes its check".to_owned(),
        Err(error) => error.to_string(),
    }
}

macro_rules! golden {
    ($($name:ident: $file:literal, $from:expr => $to:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(check($file, $from, $to));
        }
    )*};
}

golden! {
    unknown_tag: "plants/north.toml", "served = \"mill.served\"" => "served = \"mill.servd\"";
    two_tags_on_one_register: "plants/south.toml", "id = \"b1.state\", device = \"plc1\", at = \"input:104\"" => "id = \"b1.state\", device = \"plc1\", at = \"input:103\"";
    unit_does_not_fit: "plants/north.toml", "process_value = \"water.temperature\"" => "process_value = \"steam.pressure\"";
    header_fed_by_nothing: "plants/north.toml", "[[header]]\nid = \"water\"" => "[[header]]\nid = \"dry\"\nmedium = \"steam\"\nswing = \"b1\"\nreserve_mw = 0\nprocess_value = \"steam.pressure\"\nlow = 1\nnominal = 2\nhigh = 3\ncapacity_mwh = 1\n\n[[header]]\nid = \"water\"";
    header_without_swing_source: "plants/north.toml", "swing = \"b1\"\n" => "";
    misspelt_class: "plants/north.toml", "class = \"comfort\"" => "class = \"comfrot\"";
    bounds_reversed: "plants/north.toml", "min = 0, max = 20, deadband = 0.02" => "min = 20, max = 0, deadband = 0.02";
    cyclic_mains: "fleet.toml", "[limits]\n" => "[[main]]\nid = \"s-n\"\nfrom = \"south.steam\"\nto = \"north.steam\"\ncap_mw = 1\ncap_reverse_mw = 0\nloss_fraction = 0\nfixed_loss_mw = 0\nflow = \"north.n-s.flow\"\nsetpoint = \"north.n-s.flow-sp\"\nopen = \"north.n-s.open\"\n\n[limits]\n";
    interlock_naming_no_tag: "plants/north.toml", "safe_direction = \"up\" }," => "safe_direction = \"up\", interlock = { tag = \"b1.permissive\", equals = 1 } },";
    sheddable_without_shed_setpoint: "plants/north.toml", "shed_setpoint = \"mill.cap-sp\"\n" => "";
    watchdog_shorter_than_transaction: "plants/north.toml", "timeout_ms = 5000" => "timeout_ms = 3000";
    shed_setpoint_that_is_safe_upwards: "plants/north.toml", "fail_safe_velocity_per_s = 3.0, safe_direction = \"down\"" => "fail_safe_velocity_per_s = 3.0, safe_direction = \"up\"";
    counter_slower_than_a_watchdog: "fleet.toml", "counter_s = 1\n" => "counter_s = 10\n";
    beat_slower_than_patience: "fleet.toml", "beat_s = 1\n" => "beat_s = 30\n";
    solve_longer_than_a_cycle: "fleet.toml", "solve_limit_s = 5\n" => "solve_limit_s = 500\n";
    table_that_does_not_last: "fleet.toml", "table_ttl_s = 900\n" => "table_ttl_s = 1\n";
    lower_class_promised_first: "fleet.toml", "restore_min = [10, 30" => "restore_min = [30, 10";
    proven_above_the_maximum: "plants/north.toml", "proven_mw = " => "proven_mw = 9";
    turndown_above_the_demand: "plants/north.toml", "turndown_mw = " => "turndown_mw = 9";
    trip_that_cannot_come: "plants/north.toml", "tags = [\"b2.tripped\"]\nvotes = 1\nequals = 1" => "tags = [\"b2.tripped\"]\nvotes = 1\nequals = 7";
    alarm_that_always_stands: "plants/north.toml", "below = 8.5" => "below = 850";
    interlock_that_never_opens: "plants/north.toml", "safe_direction = \"up\" }," => "safe_direction = \"up\", interlock = { tag = \"b2.tripped\", equals = 3 } },";
    one_tag_votes_twice: "plants/north.toml", "\"b1.flame-lost-b\", \"b1.flame-lost-c\"]" => "\"b1.flame-lost-b\", \"b1.flame-lost-b\"]";
    trip_by_what_is_written: "plants/north.toml", "tags = [\"b2.tripped\"]" => "tags = [\"b2.start\"]";
    trip_over_two_units: "plants/north.toml", "\"b1.flame-lost-b\", \"b1.flame-lost-c\"]" => "\"b1.flame-lost-b\", \"steam.pressure\"]";
    heat_pump_on_gas: "plants/north.toml", "carrier = \"power\"\nheat_max_mw = 3.0" => "carrier = \"gas\"\nheat_max_mw = 3.0";
    boiler_on_power: "plants/north.toml", "carrier = \"gas\"\nheat_max_mw = 8.0" => "carrier = \"power\"\nheat_max_mw = 8.0";
    engine_that_makes_more_than_it_burns: "plants/north.toml", "power_eff = 0.42" => "power_eff = 0.67";
    two_carriers_of_power: "fleet.toml", "price = 38.0" => "buy = 38.0\nsell = 30.0";
    missing_certificate_file: "plants/north.toml", "tries = 3\n" => "tries = 3\ncertificate = \"certs/plc1.pem\"\n";
    certificate_of_modbus: "plants/north.toml", "tries = 3\n" => "tries = 3\ncertificate = \"fleet.toml\"\n";
    many_at_once: "plants/south.toml", "schema = \"plant/1\"\nid = \"south\"" => "schema = \"plant/2\"\nid = \"south\"\ncolour = \"grey\"\nnane = 3";
    silence_longer_than_data_age: "plants/north.toml", "deadband = 0.02, silence_s = 5" => "deadband = 0.02, silence_s = 30";
    one_shed_setpoint_for_two: "plants/north.toml", "shed_setpoint = \"tracing.cap-sp\"" => "shed_setpoint = \"mill.cap-sp\"";
    one_heat_for_two_sources: "plants/north.toml", "heat = \"b2.heat\"" => "heat = \"b1.heat\"";
    two_devices_at_one_endpoint: "plants/north.toml", "endpoint = \"127.0.0.1:5020\"\nunit_id = 1" => "endpoint = \"127.0.0.1:5022\"\nunit_id = 1";
    measures_no_quantity: "plants/north.toml", "id = \"store.heat\"," => "id = \"store.top\", measures = \"store.suply-temperature\", device = \"plc1\", at = \"input:400\", type = \"f32\", unit = \"degC\", min = 0, max = 120, deadband = 1, silence_s = 5, scan = \"slow\" },\n  { id = \"store.heat\",";
    measures_no_equipment: "plants/north.toml", "id = \"store.heat\"," => "id = \"store.top\", measures = \"stor.supply-temperature\", device = \"plc1\", at = \"input:400\", type = \"f32\", unit = \"degC\", min = 0, max = 120, deadband = 1, silence_s = 5, scan = \"slow\" },\n  { id = \"store.heat\",";
    measures_in_another_unit: "plants/north.toml", "id = \"store.heat\"," => "id = \"store.top\", measures = \"store.supply-temperature\", device = \"plc1\", at = \"input:400\", type = \"f32\", unit = \"bar\", min = 0, max = 120, deadband = 1, silence_s = 5, scan = \"slow\" },\n  { id = \"store.heat\",";
    measures_what_is_not_there: "plants/north.toml", "id = \"store.heat\"," => "id = \"store.top\", measures = \"store.power\", device = \"plc1\", at = \"input:400\", type = \"f32\", unit = \"MW\", min = 0, max = 120, deadband = 1, silence_s = 5, scan = \"slow\" },\n  { id = \"store.heat\",";
    measures_twice: "plants/north.toml", "id = \"store.level\"," => "id = \"store.level\", measures = \"b1.energy\",";
    gas_meter_without_heating_value: "fleet.toml", "lhv_mj_per_nm3 = 36.0" => "";
    meter_in_another_unit: "plants/north.toml", "stack = \"b1.stack\"" => "stack = \"b1.o2\"";
    one_meter_at_two_boilers: "plants/north.toml", "o2 = \"b2.o2\"" => "o2 = \"b1.o2\"";
    flue_gas_of_an_engine: "plants/north.toml", "start_request = \"chp1.start\"" => "start_request = \"chp1.start\"\nstack = \"water.temperature\"";
    steam_of_a_water_boiler: "plants/north.toml", "header = \"steam\"\ncarrier = \"gas\"\nheat_max_mw = 8.0" => "header = \"water\"\ncarrier = \"gas\"\nheat_max_mw = 8.0";
    no_limits_of_sub_agents: "fleet.toml", "[limits.subagents]\nbeat_s = 10" => "[limits.subagents]\nbeat_s = 0";
    not_toml: "fleet.toml", "co2_price = 70.0" => "co2_price = = 70.0";
    bracket_that_is_not_closed: "plants/north.toml", "scan = \"fast\" }," => "scan = \"fast\",";
    main_from_no_header_beside_another_mistake: "fleet.toml", "from = \"north.steam\"" => "from = \"north.steem\"\ncolour = \"red\"";
    two_devices_in_one_namespace: "plants/south.toml", "127.0.0.1:5023\"\nnamespace = \"urn:hypocaust:south:plc2\"" => "127.0.0.1:5021\"\nnamespace = \"urn:hypocaust:north:plc2\"";
    unknown_protocol: "plants/south.toml", "protocol = \"opc-ua\"" => "protocol = \"opc\"";
    node_on_modbus: "plants/south.toml", "at = \"input:104\"" => "at = \"node:b1.state\"";
    register_on_opc_ua: "plants/south.toml", "at = \"node:wh1.heat\"" => "at = \"input:100\"";
    order_of_a_node: "plants/south.toml", "at = \"node:reactor.asked\"" => "at = \"node:reactor.asked\", order = \"badc\"";
    two_tags_on_one_node: "plants/south.toml", "at = \"node:clinic.served\"" => "at = \"node:clinic.asked\"";
    no_namespace: "plants/south.toml", "namespace = \"urn:hypocaust:south:plc2\"\n" => "";
    namespace_by_index: "plants/south.toml", "namespace = \"urn:hypocaust:south:plc2\"" => "namespace = \"2\"";
    bad_opc_ua_endpoint: "plants/south.toml", "opc.tcp://127.0.0.1:5023" => "http://127.0.0.1:5023";
    unprotected_without_a_reason: "plants/south.toml", "security = \"sign-and-encrypt\"" => "security = \"none\"";
    unprotected_with_a_reason: "plants/south.toml", "security = \"sign-and-encrypt\"" => "security = \"none\"\nunprotected_because = \"a meter without certificates, behind a firewall of its own\"";
    protected_with_a_reason: "plants/south.toml", "security = \"sign-and-encrypt\"" => "security = \"sign-and-encrypt\"\nunprotected_because = \"nobody knows\"";
    password_without_encryption: "plants/south.toml", "security = \"sign-and-encrypt\"" => "security = \"none\"\nunprotected_because = \"an old panel\"\nuser = \"edge\"";
    setpoint_on_a_denied_node: "plants/south.toml", "nodes = \"sis.\"" => "nodes = \"reactor.cap\"";
    denied_range_of_nodes: "plants/south.toml", "nodes = \"sis.\"" => "table = \"holding\"\nfirst = 900\nlast = 949";
    unit_id_of_opc_ua: "plants/south.toml", "security = \"sign-and-encrypt\"" => "security = \"sign-and-encrypt\"\nunit_id = 1";
    heat_that_cannot_be_read_at_full_load: "plants/north.toml", "min = -0.5, max = 14.4" => "min = -0.5, max = 10";
    setpoint_beyond_its_tag: "plants/north.toml", "tag = \"b1.load-sp\", min = 0, max = 12.0" => "tag = \"b1.load-sp\", min = -1, max = 15";
    deadband_wider_than_the_range: "plants/north.toml", "max = 20, deadband = 0.02" => "max = 20, deadband = 25";
    source_without_a_trip: "plants/north.toml", "id = \"b2-lost\"\nsource = \"b2\"" => "id = \"b2-lost\"\nsource = \"b1\"";
    fail_safe_of_a_cap_that_only_falls: "plants/north.toml", "fail_safe = 2.4" => "fail_safe = 12";
    fail_safe_of_a_load_that_only_rises: "plants/north.toml", "fail_safe_velocity_per_s = 1.2, safe_direction = \"up\"" => "fail_safe_velocity_per_s = 1.2, safe_direction = \"up\", fail_safe = 0";
    fail_safe_of_a_start: "plants/north.toml", "fail_safe_velocity_per_s = 10, safe_direction = \"up\"" => "fail_safe_velocity_per_s = 10, safe_direction = \"up\", fail_safe = 1";
    watchdog_that_is_no_counter: "plants/south.toml", "counter = \"plc2.counter\"" => "counter = \"b1.start\"";
}

/// Dispatch has no plan for such a fleet.
#[test]
fn power_that_nobody_takes_and_heat_from_nothing() {
    insta::assert_snapshot!(check_all(&[
        ("plants/north.toml", "id = \"power-grid\"\ncarrier = \"power\"", "id = \"power-grid\"\ncarrier = \"oil\""),
        ("plants/north.toml", "kind = \"heat-pump\"", "kind = \"electric-boiler\""),
        ("plants/north.toml", "cop = 3.2", "efficiency = 1.05"),
        (
            "fleet.toml",
            "[[carrier]]\nid = \"power\"",
            "[[carrier]]\nid = \"oil\"\nprice = 60.0\nco2_t_per_mwh = 0.27\n\n[[carrier]]\nid = \"power\"",
        ),
    ]));
}

/// What follows only from the file that is no TOML is not told: the main that begins in north. What south and the main
/// itself have wrong is, though there is no fleet to judge.
#[test]
fn a_file_that_is_no_toml_beside_mistakes_of_others() {
    insta::assert_snapshot!(check_all(&[
        ("plants/north.toml", "scan = \"fast\" },", "scan = \"fast\","),
        ("plants/south.toml", "class = \"", "class = \"un"),
        ("fleet.toml", "to = \"south.steam\"", "to = \"south.steem\""),
        ("fleet.toml", "beat_s = 1\n", ""),
    ]));
}

/// The sample fleet in a folder of its own.
fn sample_copied() -> tempfile::TempDir {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("plants")).expect("a folder for the plants");
    for name in ["fleet.toml", "plants/north.toml", "plants/south.toml"] {
        fs::copy(sample.join(name), folder.path().join(name)).expect("the sample fleet");
    }
    folder
}

fn refused(folder: &Path) -> String {
    hypocaust_protocols::files::load(folder).expect_err("the fleet has mistakes").to_string()
}

/// The umlaut of a name, as an editor with another encoding saves it.
#[test]
fn a_file_that_is_no_utf8_beside_mistakes_of_others() {
    let folder = sample_copied();
    let change = |name: &str, from: &str, to: &[u8]| {
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).expect("the sample fleet");
        let (before, after) = text.split_once(from).unwrap_or_else(|| panic!("no {from:?} in {name} any more"));
        fs::write(path, [before.as_bytes(), to, after.as_bytes()].concat()).expect("the changed fleet");
    };
    change("plants/south.toml", "id = \"south\"", b"id = \"s\xfcd\"");
    change("fleet.toml", "beat_s = 1\n", b"");
    insta::assert_snapshot!(refused(folder.path()));
}

#[test]
fn a_main_whose_far_plant_is_gone_is_not_told_to_end_where_it_begins() {
    let folder = sample_copied();
    fs::remove_file(folder.path().join("plants/south.toml")).expect("the sample fleet");
    insta::assert_snapshot!(refused(folder.path()));
}

/// The sample fleet with this drawing of its south.
fn drawn(drawing: &str) -> String {
    let folder = sample_copied();
    fs::create_dir(folder.path().join("mimics")).expect("a folder");
    fs::write(folder.path().join("mimics/south.toml"), drawing).expect("the drawing");
    match hypocaust_protocols::files::load(folder.path()) {
        Ok(_) => "the fleet passes its check".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_drawing_with_mistakes() {
    let head = "schema = \"mimic/1\"\nplant = \"south\"\n";
    let place = |kind: &str, id: &str, column: u16, row: u16| {
        let rows = if kind == "header" { "rows = 2\n" } else { "" };
        format!("[[{kind}]]\nid = \"{id}\"\ncolumn = {column}\nrow = {row}\n{rows}")
    };
    // Misspelt, placed twice, right of what it feeds, and most of the plant left out.
    let drawing = [
        head.to_owned(),
        place("header", "steam", 1, 0),
        place("source", "b1", 2, 0),
        place("source", "wh11", 0, 0),
        place("main", "n-s", 0, 1),
        place("main", "n-s", 0, 2),
    ];
    insta::assert_snapshot!(drawn(&drawing.concat()));
    insta::assert_snapshot!(drawn("schema = \"mimic/1\"\nplant = \"sowth\"\n"));
}
