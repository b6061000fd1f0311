//! The schema of a case file.

use serde_json::{Map, Value, json};

use super::{Field, above_zero, document, list, needed, number, optional, or_null, series, table, text};
use crate::case::SCHEMA;
use crate::validate::{MOST_COP, MOST_OF_FUEL};

/// The schema of `heatcase/1`.
#[must_use]
pub fn case() -> Value {
    let positive = || series(Some(0.0), None);
    let any = || series(None, None);
    let fields = vec![
        needed("schema", "the format", json!({ "const": SCHEMA })),
        needed("name", "for people; carried into the result", text()),
        optional("source", "where the data comes from", or_null(&text())),
        needed("time", "the grid of the horizon", time()),
        needed(
            "classes",
            "priority classes, highest first",
            json!({ "type": "array", "minItems": 1, "maxItems": 5, "uniqueItems": true, "items": text() }),
        ),
        optional("co2_price", "per tonne", positive()),
        needed("carriers", "what is burnt, bought and sold", list(carrier(&any()))),
        needed("plants", "the sites", list(vec![needed("id", "unique among plants", text())])),
        needed("headers", "where heat is balanced", one_at_least(list(header()))),
        optional("connections", "supply contracts of a plant", list(connection(&positive()))),
        needed("units", "sources of heat", units()),
        optional("storages", "thermal stores", list(storage(&positive()))),
        optional("links", "mains, let-downs, heat exchangers", list(link(&positive()))),
        needed("demands", "consumers", list(demand(&positive()))),
        optional(
            "previous",
            "what is set now, MW by id of a unit or a demand: asks for calm setpoints",
            or_null(&json!({ "type": "object", "additionalProperties": number(Some(0.0), None) })),
        ),
        optional("expect", "figures that the author expects; not read", json!({})),
    ];
    document("a heat dispatch problem; MW, MWh, prices per MWh", fields)
}

fn one_at_least(mut list: Value) -> Value {
    list["minItems"] = json!(1);
    list
}

fn time() -> Value {
    let minutes = above_zero();
    table(vec![
        needed("start", "start of the first step, RFC 3339", json!({ "type": "string", "format": "date-time" })),
        needed(
            "step_minutes",
            "length of every step, or of each",
            json!({ "anyOf": [minutes, { "type": "array", "minItems": 1, "items": minutes }] }),
        ),
        needed("steps", "number of steps", json!({ "type": "integer", "minimum": 1 })),
    ])
}

fn carrier(price: &Value) -> Vec<Field> {
    vec![
        needed("id", "unique among carriers", text()),
        optional("price", "of what is bought and cannot be sold", or_null(price)),
        optional("buy", "of what is bought; electricity, with sell", or_null(price)),
        optional("sell", "of what is fed out; electricity, with buy", or_null(price)),
        optional("co2_t_per_mwh", "tonnes of CO2 per MWh bought", number(Some(0.0), None)),
    ]
}

fn header() -> Vec<Field> {
    vec![
        needed("id", "unique among headers", text()),
        needed("plant", "its site", text()),
        needed("medium", "steam or hot-water; for people", text()),
        optional("reserve", "upward margin that its units are to keep", or_null(&reserve())),
    ]
}

fn reserve() -> Value {
    table(vec![
        needed("mw", "MW upward", series(Some(0.0), None)),
        needed("minutes", "how soon it must be there", above_zero()),
        needed("price", "of a MW lacking for an hour", number(Some(0.0), None)),
    ])
}

fn connection(positive: &Value) -> Vec<Field> {
    vec![
        needed("id", "unique among connections", text()),
        needed("plant", "its site", text()),
        needed("carrier", "what it carries", text()),
        needed("max_import", "MW", positive.clone()),
        optional("max_export", "MW; without it nothing is fed out", positive.clone()),
        optional("base_load", "MW that the site draws besides its units", positive.clone()),
    ]
}

/// Every figure that only units of some kind and mode have.
const FIGURES: [&str; 12] = [
    "carrier",
    "mode",
    "efficiency",
    "segments",
    "cop",
    "heat_eff",
    "power_eff",
    "condensing_eff",
    "power_loss",
    "power_to_heat",
    "power_max",
    "region",
];

/// Kind, mode, the figures that such a unit has, and those of which it has one.
type Shape = (&'static str, Option<&'static str>, &'static [&'static str], &'static [&'static str]);

const SHAPES: [Shape; 7] = [
    ("boiler", None, &["carrier"], &["efficiency", "segments"]),
    ("electric_boiler", None, &["carrier"], &["efficiency", "segments"]),
    ("heat_pump", None, &["carrier"], &["cop", "segments"]),
    ("waste_heat", None, &[], &[]),
    ("chp", Some("backpressure"), &["carrier", "mode", "heat_eff", "power_eff"], &[]),
    (
        "chp",
        Some("extraction"),
        &["carrier", "mode", "condensing_eff", "power_loss", "power_to_heat", "power_max"],
        &[],
    ),
    ("chp", Some("region"), &["carrier", "mode", "region"], &[]),
];

fn units() -> Value {
    let (positive, any) = (series(Some(0.0), None), series(None, None));
    let yields = |most: f64| or_null(&series(Some(1e-3), Some(most)));
    let ratio = |most: f64| or_null(&series(Some(0.0), Some(most)));
    let limit = || or_null(&number(Some(0.0), None));
    let mut unit = table(vec![
        needed("id", "unique among units", text()),
        needed(
            "kind",
            "says which conversion figures it has",
            json!({ "enum": ["boiler", "chp", "heat_pump", "electric_boiler", "waste_heat"] }),
        ),
        optional("mode", "of a CHP unit", json!({ "enum": ["backpressure", "extraction", "region", null] })),
        needed("plant", "its site", text()),
        optional("carrier", "what it takes; null for waste heat", or_null(&text())),
        needed("header", "where its heat goes", text()),
        needed("heat_max", "MW of heat at full load", positive.clone()),
        optional("heat_min", "minimum stable load, MW", positive.clone()),
        optional("efficiency", "heat per fuel; of an electric boiler per power, at most 1", yields(MOST_OF_FUEL)),
        optional("segments", "draw over heat in pieces, from no heat upwards", or_null(&pieces(segment()))),
        optional("cop", "heat per power of a heat pump", yields(MOST_COP)),
        optional("heat_eff", "heat per fuel of a back-pressure unit", yields(MOST_OF_FUEL)),
        optional("power_eff", "power per fuel of a back-pressure unit", ratio(1.0)),
        optional("condensing_eff", "power per fuel of an extraction unit without heat", yields(1.0)),
        optional("power_loss", "MW of power lost per MW of heat of an extraction unit", ratio(1.0)),
        optional("power_to_heat", "least MW of power per MW of heat of an extraction unit", ratio(100.0)),
        optional("power_max", "MW of power of an extraction unit without heat", or_null(&positive)),
        optional("region", "the vertices of a CHP unit's region", or_null(&pieces(vertex()))),
        optional("ramp_up_per_h", "MW per hour; null is no limit", limit()),
        optional("ramp_down_per_h", "MW per hour; null is no limit", limit()),
        optional("start_cost", "of a start", number(Some(0.0), None)),
        optional("min_up_h", "hours for which it must stay on once started", number(Some(0.0), None)),
        optional("min_down_h", "hours for which it must stay off once stopped", number(Some(0.0), None)),
        optional("start_max", "MW that it can reach in the step of a start", limit()),
        optional("stop_max", "MW from which it can be stopped", limit()),
        optional("availability", "scales heat_max; 0 is off", series(Some(0.0), Some(1.0))),
        optional("var_om", "per MWh of heat besides the carrier", any),
        optional("initial", "what it does now", or_null(&initial())),
        optional("must_run", "MW that it must make while available", or_null(&positive)),
        optional("outages", "forced outages inside the horizon", list(outage())),
    ]);
    let mut rules: Vec<Value> = SHAPES.iter().map(|shape| rule(*shape)).collect();
    // Which mode it is decides about the rest; that there is one is said apart.
    rules.push(json!({
        "if": { "properties": { "kind": { "const": "chp" } }, "required": ["kind"] },
        "then": { "properties": { "mode": { "type": "string" } }, "required": ["mode"] },
    }));
    unit["allOf"] = Value::Array(rules);
    json!({ "type": "array", "items": unit })
}

/// A unit of a shape has its figures; those of another it may have as null alone.
fn rule((kind, mode, own, one_of): Shape) -> Value {
    let mut when = Map::from_iter([("kind".to_owned(), json!({ "const": kind }))]);
    when.extend(mode.map(|mode| ("mode".to_owned(), json!({ "const": mode }))));
    let asked: Vec<&String> = when.keys().collect();
    let mut properties: Map<String, Value> = Map::new();
    for name in FIGURES.iter().filter(|name| !one_of.contains(name)) {
        let there = own.contains(name);
        let shape = if there { json!({ "not": { "type": "null" } }) } else { json!({ "type": "null" }) };
        properties.insert((*name).to_owned(), shape);
    }
    let mut then = Map::from_iter([("properties".to_owned(), json!(properties)), ("required".to_owned(), json!(own))]);
    if !one_of.is_empty() {
        let there = |name: &&str| json!({ "properties": { *name: { "not": { "type": "null" } } }, "required": [name] });
        then.insert("oneOf".to_owned(), one_of.iter().map(there).collect());
    }
    json!({ "if": { "properties": when, "required": asked }, "then": then })
}

fn pieces(of: Vec<Field>) -> Value {
    let mut list = list(of);
    list["minItems"] = json!(1);
    list
}

fn segment() -> Vec<Field> {
    vec![
        needed("heat", "MW of heat that it covers", above_zero()),
        needed("input_per_heat", "MW of the carrier per MW of heat on it", series(Some(1e-3), Some(1e3))),
    ]
}

fn vertex() -> Vec<Field> {
    let positive = || number(Some(0.0), None);
    vec![
        needed("heat", "MW of heat", positive()),
        needed("power", "MW of power", positive()),
        needed("fuel", "MW of the carrier", positive()),
    ]
}

fn initial() -> Value {
    table(vec![
        needed("heat_mw", "measured heat", number(Some(0.0), None)),
        optional("on", "whether it runs", or_null(&json!({ "type": "boolean" }))),
        optional("hours", "for which it has been so", or_null(&number(Some(0.0), None))),
    ])
}

fn outage() -> Vec<Field> {
    let step = |least: u64| json!({ "type": "integer", "minimum": least });
    vec![
        needed("from_step", "first step, counted from 0", step(0)),
        needed("to_step", "step in which it is over", step(1)),
        optional("available", "share of the capacity that remains", number(Some(0.0), Some(1.0))),
    ]
}

fn storage(positive: &Value) -> Vec<Field> {
    let share = |least| number(Some(least), Some(1.0));
    let worth = table(vec![needed("value_per_mwh", "money per MWh in the store", number(None, None))]);
    let final_content = json!({ "anyOf": [{ "enum": ["equal-initial", "free"] }, number(Some(0.0), None), worth] });
    vec![
        needed("id", "unique among storages", text()),
        needed("header", "where it charges and discharges", text()),
        needed("capacity_mwh", "MWh when full", number(Some(0.0), None)),
        needed("charge_max", "MW taken from the header", positive.clone()),
        needed("discharge_max", "MW given to the header", positive.clone()),
        optional("charge_eff", "share of what is taken that is stored", share(1e-3)),
        optional("discharge_eff", "share of what is drawn that arrives", share(1e-3)),
        optional("loss_per_h", "share of the content lost in an hour", share(0.0)),
        needed("initial_mwh", "MWh at the beginning", number(Some(0.0), None)),
        needed("final", "MWh at the end, a word, or what a MWh is worth then", final_content),
    ]
}

fn link(positive: &Value) -> Vec<Field> {
    vec![
        needed("id", "unique among links", text()),
        needed("from", "header that forward flow leaves", text()),
        needed("to", "header that forward flow reaches", text()),
        needed("cap", "MW forward, at the sending end", positive.clone()),
        optional("cap_reverse", "MW in reverse, at its sending end", positive.clone()),
        optional("loss_frac", "share of the flow that is lost", number(Some(0.0), Some(1.0))),
        optional("fixed_loss", "MW lost whatever flows, half by each end", positive.clone()),
        optional("delay_steps", "steps until what is sent arrives", json!({ "type": "integer", "minimum": 0 })),
        optional("forward_before", "with a delay: MW sent forward before the horizon, oldest first", before()),
        optional("reverse_before", "with a delay: MW sent in reverse before the horizon, oldest first", before()),
        optional("credit_per_mwh", "with a delay: worth of a MWh under way at the end", or_null(&number(None, None))),
    ]
}

fn before() -> Value {
    json!({ "type": "array", "items": number(Some(0.0), None) })
}

fn demand(positive: &Value) -> Vec<Field> {
    vec![
        needed("id", "unique among demands", text()),
        needed("header", "where it draws", text()),
        needed("class", "one of the case's classes", text()),
        needed("heat", "MW that it asks for", positive.clone()),
        optional("sheddable", "MW of it that may be taken away; without it all", or_null(positive)),
    ]
}
