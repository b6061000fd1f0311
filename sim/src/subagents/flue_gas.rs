//! GL-018: what the flue gas says about the fire.

use super::combustion::{air_ratio, co_loss, co2_of, contradiction, o2_of, recommended, stack_loss, well_tuned};
use super::{CannotTell, Told, input};
use hypocaust_protocols::wire::subagent::{Number, Task};
use std::collections::BTreeMap;

/// Needs `o2`, `co`, `stack`, `air`; `co2` is a check where it is measured, `nox` is brought to 3 % O2.
pub fn answer(task: &Task) -> Told {
    let (o2, co) = (input(task, "o2", "%")?, input(task, "co", "ppm")?);
    let (stack, air) = (input(task, "stack", "degC")?, input(task, "air", "degC")?);
    let co2 = task.inputs.contains_key("co2").then(|| input(task, "co2", "%")).transpose()?;
    if let Some(why) = contradiction(o2, co2, stack, air) {
        return Err(CannotTell::Untrue(why));
    }
    let ratio = air_ratio(o2);
    let better = recommended(ratio, co, well_tuned());
    let mut values = BTreeMap::from([
        ("stack-loss".to_owned(), Number::good(stack_loss(stack, air, o2), "%")),
        ("co-loss".to_owned(), Number::good(co_loss(co, co2.unwrap_or(co2_of(o2))), "%")),
        ("excess-air".to_owned(), Number::good(100.0 * (ratio - 1.0), "%")),
        ("air-ratio".to_owned(), Number::good(ratio, "1")),
        ("recommended-air-ratio".to_owned(), Number::good(better, "1")),
        ("recommended-o2".to_owned(), Number::good(o2_of(better), "%")),
    ]);
    if task.inputs.contains_key("nox") {
        let nox = match input(task, "nox", "ppm") {
            Ok(nox) => Number::good(nox * (20.95 - 3.0) / (20.95 - o2), "ppm"),
            Err(why) => Number::bad("ppm", why.to_string()),
        };
        values.insert("nox-at-3-o2".to_owned(), nox);
    }
    Ok(values)
}
