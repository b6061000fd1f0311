//! Formulas of the combustion of natural gas, on the lower heating value.
//!
//! Written for the agents and apart from the physics of the simulator, which counts molecules and heat capacities: that
//! both agree says something.

/// Oxygen in dry air, %.
pub const AIR_O2: f64 = 20.95;
/// Coefficients of Siegert's formula for natural gas (1. BImSchV, annex 2), with 21 % oxygen in air.
pub const SIEGERT_A2: f64 = 0.66;
pub const SIEGERT_B: f64 = 0.009;
/// CO2 in the dry flue gas of methane without excess air, %, and dry gas over dry air then (stoichiometry).
pub const CO2_MAX: f64 = 11.70;
const DRY_GAS_OVER_AIR: f64 = 8.547 / 9.547;
/// Heat of combustion of CO over that of methane, 283.0 over 802.3 kJ/mol (ISO 6976).
const CO_HEAT: f64 = 283.0 / 802.3;
/// Well-tuned burning of gas at high fire: 15 % excess air (US DOE, Steam Tip Sheet 4).
const WELL_TUNED: f64 = 1.15;
/// CO above which more air is asked for, what that should bring it to, ppm, and how much air ratio a factor of e takes.
/// The limit is common practice of tuning; the slope is an order of magnitude.
pub const CO_HIGH: f64 = 100.0;
const CO_WANTED: f64 = 50.0;
const CO_SLOPE: f64 = 0.02;
/// More oxygen than this is air in an idle furnace, not flue gas.
const NO_FIRE_O2: f64 = 17.0;

/// Share of the fuel's heat lost with the warm gas, %: Siegert.
pub fn stack_loss(stack_c: f64, air_c: f64, o2: f64) -> f64 {
    (stack_c - air_c) * (SIEGERT_A2 / (21.0 - o2) + SIEGERT_B)
}

/// Share of the fuel's heat lost as CO (ppm) beside this CO2 (%), %.
pub fn co_loss(co_ppm: f64, co2: f64) -> f64 {
    let co = co_ppm / 1e4;
    if co <= 0.0 { 0.0 } else { 100.0 * CO_HEAT * co / (co + co2) }
}

/// CO2 that belongs to this O2, both % dry.
pub fn co2_of(o2: f64) -> f64 {
    CO2_MAX * (1.0 - o2 / AIR_O2)
}

/// Air over the air that is needed.
pub fn air_ratio(o2: f64) -> f64 {
    1.0 + DRY_GAS_OVER_AIR * o2 / (AIR_O2 - o2)
}

/// The O2 of this air ratio.
pub fn o2_of(air_ratio: f64) -> f64 {
    let over = air_ratio - 1.0;
    AIR_O2 * over / (over + DRY_GAS_OVER_AIR)
}

/// The air ratio to go to: enough that CO is low, and no more than a well-tuned burner needs (`most`).
pub fn recommended(air_ratio: f64, co_ppm: f64, most: f64) -> f64 {
    if co_ppm > CO_HIGH { air_ratio + CO_SLOPE * (co_ppm / CO_WANTED).ln() } else { air_ratio.min(most) }
}

/// The air ratio of a well-tuned burner at high fire.
pub fn well_tuned() -> f64 {
    WELL_TUNED
}

/// Why these cannot be measured in one flue gas.
pub fn contradiction(o2: f64, co2: Option<f64>, stack_c: f64, air_c: f64) -> Option<String> {
    if !(0.0..=AIR_O2).contains(&o2) || o2 > NO_FIRE_O2 {
        return Some(format!("O2 is {o2:.1} %: there is no fire, or the analyser draws air"));
    }
    if stack_c <= air_c {
        return Some(format!("the stack has {stack_c:.0} degC and the air {air_c:.0}: a fire warms its gas"));
    }
    let co2 = co2?;
    let expected = co2_of(o2);
    // Two analysers of 0.2 % each, and gas that is not pure methane.
    ((co2 - expected).abs() > 0.8).then(|| {
        format!("O2 of {o2:.1} % and CO2 of {co2:.1} % contradict each other: {expected:.1} % of CO2 belong to it")
    })
}
