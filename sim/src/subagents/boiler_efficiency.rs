//! GL-002: the efficiency of a boiler, by what goes in and comes out and by what is lost, and what another air would save.
//!
//! * Input-output (EN 12952-15, 7; ASME PTC 4, 5-7): heat into the steam over heat of the fuel. Steam is dry saturated at
//!   drum pressure; without a steam meter the heat meter of the boiler stands for it.
//! * Losses (EN 12952-15, 8.4; BS 845-1): 100 % less stack (Siegert), CO, radiation and convection. Blowdown is not measured and
//!   not among them.
//! * Both on the lower heating value. Where they differ by more than three points the boiler is not steady or a meter is wrong;
//!   the values are then marked uncertain.

use super::combustion::{CO_HIGH, air_ratio, co_loss, co2_of, contradiction, o2_of, recommended, stack_loss};
use super::{CannotTell, Told, input};
use crate::steam;
use hypocaust_protocols::wire::subagent::{Mark, Number, Task};
use std::collections::BTreeMap;

/// Below this share of its load a boiler is not judged.
const LEAST_SHARE: f64 = 0.05;
/// Points of efficiency within which both methods agree.
const AGREE: f64 = 3.0;
/// O2 that a well-tuned burner holds over its load, %: 15 % excess air at high fire (US DOE, Steam Tip Sheet 4), rising to
/// low fire. The rise is an order of magnitude.
const TUNED_O2: [(f64, f64); 5] = [(0.2, 6.5), (0.4, 5.2), (0.6, 4.2), (0.8, 3.4), (1.0, 3.0)];

fn tuned_o2(share: f64) -> f64 {
    let after = TUNED_O2.partition_point(|p| p.0 < share).clamp(1, TUNED_O2.len() - 1);
    let (a, b) = (TUNED_O2[after - 1], TUNED_O2[after]);
    a.1 + (b.1 - a.1) * ((share - a.0) / (b.0 - a.0)).clamp(0.0, 1.0)
}

fn fuel_mw(task: &Task) -> Result<f64, CannotTell> {
    match task.inputs.get("fuel") {
        Some(fuel) if fuel.unit == "MW" => input(task, "fuel", "MW"),
        _ => Ok(input(task, "fuel", "Nm3/h")? * input(task, "lhv", "MJ/Nm3")? / 3_600.0),
    }
}

fn heat_mw(task: &Task) -> Result<f64, CannotTell> {
    if !task.inputs.contains_key("steam") {
        return input(task, "heat", "MW");
    }
    let (steam, drum) = (input(task, "steam", "t/h")?, input(task, "drum", "bar")?);
    let feedwater = input(task, "feedwater", "degC")?;
    Ok(steam * (steam::vapour(drum) - steam::liquid(feedwater)) / 3_600.0)
}

pub fn answer(task: &Task) -> Told {
    let (heat, fuel, heat_max) = (heat_mw(task)?, fuel_mw(task)?, input(task, "heat-max", "MW")?);
    let (o2, co) = (input(task, "o2", "%")?, input(task, "co", "ppm")?);
    let (stack, air) = (input(task, "stack", "degC")?, input(task, "air", "degC")?);
    let co2 = task.inputs.contains_key("co2").then(|| input(task, "co2", "%")).transpose()?;
    let share = heat / heat_max;
    if !(share >= LEAST_SHARE && fuel > 0.0) {
        return Err(CannotTell::Untrue(format!(
            "the boiler makes {heat:.2} of {heat_max:.1} MW from {fuel:.2} MW: it carries no load"
        )));
    }
    if let Some(why) = contradiction(o2, co2, stack, air) {
        return Err(CannotTell::Untrue(why));
    }
    let by_io = 100.0 * heat / fuel;
    if by_io > 110.0 {
        return Err(CannotTell::Untrue(format!(
            "{heat:.2} MW of heat from {fuel:.2} MW of fuel: one of the meters is wrong"
        )));
    }
    let warm = stack_loss(stack, air, o2);
    let unburnt = co_loss(co, co2.unwrap_or(co2_of(o2)));
    let radiation = 100.0 * 0.0113 * heat_max.powf(0.7) / fuel;
    let by_losses = 100.0 - warm - unburnt - radiation;

    let ratio = air_ratio(o2);
    let advice = o2_of(recommended(ratio, co, air_ratio(tuned_o2(share))));
    // With more air the CO goes, with less the gas carries less away. The stack's temperature is taken as it is, so less air
    // saves this at least: how much cooler the stack gets is known by whoever knows the heating surface.
    let left = if co > CO_HIGH { co_loss(CO_HIGH / 2.0, co2_of(advice)) } else { unburnt };
    let saving = warm + unburnt - stack_loss(stack, air, advice) - left;

    let agree = (by_io - by_losses).abs() <= AGREE;
    let number = |value: f64, unit: &str| {
        let mut number = Number::good(value, unit);
        if !agree {
            number.quality = Mark::Uncertain;
            let why = format!("the methods differ by {:.1} points: not steady, or a meter is wrong", by_io - by_losses);
            number.reason = Some(why);
        }
        number
    };
    Ok(BTreeMap::from([
        ("efficiency-input-output".to_owned(), number(by_io, "%")),
        ("efficiency-losses".to_owned(), number(by_losses, "%")),
        ("loss-stack".to_owned(), number(warm, "%")),
        ("loss-co".to_owned(), number(unburnt, "%")),
        ("loss-radiation".to_owned(), number(radiation, "%")),
        ("o2-advice".to_owned(), number(advice, "%")),
        ("o2-change".to_owned(), number(advice - o2, "%")),
        ("saving".to_owned(), number(saving, "%")),
    ]))
}
