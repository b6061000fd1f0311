//! The schema of a result.

use serde_json::{Map, Value, json};

use super::{Field, document, list, needed, number, optional, or_null, table, text};
use crate::solution::SCHEMA;

/// The schema of `heatresult/1`.
#[must_use]
pub fn result() -> Value {
    let fields = vec![
        needed("schema", "the format", json!({ "const": SCHEMA })),
        needed("name", "of the case", text()),
        needed("status", "optimal: every stage solved and certified; greedy: feasible, not optimal", status()),
        optional(
            "objective_weighted",
            "optimum of the first solve: cost plus weight times unserved MWh; null where none ran",
            or_null(&any()),
        ),
        needed("stages", "in their order, each with its optimum", list(stage())),
        needed("cost", "optimum of the cost stage; of a greedy schedule its cost", any()),
        needed("schedule_cost", "what this schedule costs; the movement stage may spend 0.1 % of cost", any()),
        needed("unserved_mwh", "MWh not served over the horizon, by class", by_id(&any())),
        needed("units", "by unit", by_id(&table(unit()))),
        needed("connections", "by connection", by_id(&table(connection()))),
        needed("links", "by link, each flow at its sending end", by_id(&table(link()))),
        needed("storages", "by store", by_id(&table(storage()))),
        needed("demands", "by demand", by_id(&table(demand()))),
        needed("vents", "MW of heat thrown away, by header", by_id(&steps())),
        optional("reserve_short", "MW of reserve that lacks, by header that asks for some", by_id(&steps())),
        needed("prices", "of a MWh more at the header in the cost stage, by header", by_id(&steps())),
        needed("slacks", "physical limits that the data cannot keep; empty in every ordinary case", list(slack())),
        needed("binding", "what limits the result", list(binding())),
        needed("certificate", "residuals, computed from the problem and the answer", table(certificate())),
        optional(
            "proofs",
            "duals that prove the stages given the states; check works out what they prove",
            list(proof()),
        ),
        optional("commitment", "how good the on and off states are, where they were chosen", commitment()),
        needed("solver", "what solved it", table(solver())),
    ];
    document(
        "a heat schedule with its evidence; MW, MWh at the end of a step, prices per MWh; series have one value per step",
        fields,
    )
}

fn any() -> Value {
    number(None, None)
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn array(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// One number per step.
fn steps() -> Value {
    array(&any())
}

fn by_id(value: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": value })
}

fn status() -> Value {
    json!({ "enum": ["optimal", "greedy"] })
}

fn stage() -> Vec<Field> {
    vec![
        needed("name", "physical, a class, cost, movement", text()),
        needed("value", "its optimum: MWh, MWh, money, MW of change", any()),
        needed("solved", "whether it needed a solve of its own", flag()),
    ]
}

fn unit() -> Vec<Field> {
    vec![
        needed("heat", "MW of heat", steps()),
        needed("power", "MW of electricity made", steps()),
        needed("input", "MW of its carrier", steps()),
        optional("reserve", "MW upward that it keeps for its header", steps()),
        optional("on", "whether it is on, where commitment decided", array(&flag())),
        optional(
            "piece",
            "on which piece of its curve, from 0, where the order of its pieces was decided",
            array(&count()),
        ),
        optional("weights", "per step, of its region's vertices", array(&steps())),
    ]
}

fn connection() -> Vec<Field> {
    vec![needed("import", "MW drawn", steps()), needed("export", "MW fed out", steps())]
}

fn link() -> Vec<Field> {
    vec![needed("forward", "MW sent by from", steps()), needed("reverse", "MW sent by to", steps())]
}

fn storage() -> Vec<Field> {
    vec![
        needed("charge", "MW taken from the header", steps()),
        needed("discharge", "MW given to the header", steps()),
        needed("energy", "MWh at the end of the step", steps()),
    ]
}

fn demand() -> Vec<Field> {
    vec![needed("served", "MW that it gets", steps()), needed("unserved", "MW that it does not get", steps())]
}

fn slack() -> Vec<Field> {
    let kinds = ["ramp-down", "must-run", "final-short", "final-over", "fixed-loss", "base-load", "must-serve"];
    vec![
        needed("kind", "what gave", json!({ "enum": kinds })),
        needed("owner", "id of the unit, store, header, connection or demand", text()),
        needed("amount", "MWh of a final level, MW of all others", steps()),
    ]
}

fn binding() -> Vec<Field> {
    vec![
        needed("stage", "whose value it limits: a class, or cost", text()),
        needed("owner", "id of what is limited", text()),
        needed("limit", "heat_max, ramp_up, max_import, cap and others", text()),
        needed("step", "first step in which it binds, from 0", count()),
        needed("worth", "of one MW more wherever it binds: MWh of the class, or money", any()),
    ]
}

fn certificate() -> Vec<Field> {
    vec![
        needed("primal", "largest violation of a limit", any()),
        optional("dual", "largest dual that nothing supports; null for a greedy schedule", or_null(&any())),
        optional("gap", "between primal and dual objective; null for a greedy schedule", or_null(&any())),
        needed("passed", "whether all are within tolerance", flag()),
    ]
}

/// The rules that duals are given for.
const RULES: [&str; 23] = [
    "balance",
    "reserve",
    "connection",
    "made-here",
    "ramp",
    "must-run",
    "in-region",
    "shape",
    "weights",
    "least-power",
    "turbine",
    "margin",
    "state",
    "most-while-on",
    "least-while-on",
    "order",
    "min-up",
    "min-down",
    "rise",
    "fall",
    "content",
    "final",
    "above",
];

fn proof() -> Vec<Field> {
    let owners = by_id(&steps());
    let rules: Map<String, Value> = RULES.iter().map(|rule| ((*rule).to_owned(), owners.clone())).collect();
    vec![
        needed("stage", "physical, a class, or cost", text()),
        needed(
            "duals",
            "by rule and owner, one per step, of order two for each piece after the first, of above one: what the stage's value \
             would rise by for one unit more on the rule's right",
            json!({ "type": "object", "additionalProperties": false, "properties": rules }),
        ),
    ]
}

fn commitment() -> Value {
    let bound = vec![
        needed("stage", "its name", text()),
        needed("least", "what no states could be below, in the stage's unit, as the search says", any()),
        needed("relaxed", "the same as the relaxation proves it", any()),
    ];
    or_null(&table(vec![
        needed("stages", "above cost, each with the least that any states could reach", list(bound)),
        needed("cost_bound", "least cost that any states could reach at this unserved heat, as the search says", any()),
        needed("gap", "(cost - bound) / (1 + |cost|), by the search's bound", any()),
        needed("relaxed_cost", "the same least cost as the relaxation proves it: units may be on in part", any()),
        needed("relaxed_gap", "the gap to it, which is what is proven", any()),
        needed("nodes", "branch-and-bound nodes over all stages", count()),
        needed("finished", "whether the search says that it came to its end", flag()),
        needed("proofs", "duals of the relaxation; check works out what they prove", list(proof())),
    ]))
}

fn solver() -> Vec<Field> {
    vec![
        needed("name", "of the solver, or greedy or repair", text()),
        needed("version", "of the solver", text()),
        needed("seed", "fixed, so that a replay gives the same answer", json!({ "type": "integer" })),
        needed("iterations", "of the simplex method over all stages", count()),
        optional("ms", "elapsed time; null where nobody measured it", or_null(&any())),
    ]
}
