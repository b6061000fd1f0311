//! Enthalpies of water and saturated steam, fitted to the tables of IAPWS-IF97 between 1 and 20 bar.

/// Enthalpy of dry saturated steam at this gauge pressure, kJ/kg: table values of IF97, linear in between.
pub fn vapour(gauge_bar: f64) -> f64 {
    const TABLE: [(f64, f64); 9] = [
        (1.0, 2674.9),
        (2.0, 2706.2),
        (3.0, 2724.9),
        (5.0, 2748.1),
        (7.0, 2762.7),
        (10.0, 2777.1),
        (13.0, 2786.5),
        (16.0, 2792.9),
        (20.0, 2798.4),
    ];
    let bar = (gauge_bar + 1.01325).clamp(1.0, 20.0);
    let at = TABLE.partition_point(|p| p.0 < bar).clamp(1, TABLE.len() - 1);
    let (a, b) = (TABLE[at - 1], TABLE[at]);
    a.1 + (b.1 - a.1) * (bar - a.0) / (b.0 - a.0)
}

/// Enthalpy of liquid water, kJ/kg: 4.19 kJ/(kg K) and its rise, within 0.3 % of IF97 from 20 to 150 degC.
pub fn liquid(celsius: f64) -> f64 {
    4.181 * celsius + 0.000_21 * celsius * celsius
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enthalpies_are_those_of_the_tables() {
        for (celsius, table) in [(20.0, 83.9), (60.0, 251.2), (105.0, 440.2), (150.0, 632.2)] {
            assert!((liquid(celsius) / table - 1.0).abs() < 0.003, "{celsius} degC: {}", liquid(celsius));
        }
        // At 8 and 12 bar absolute, which are no points of ours.
        for (bar, table) in [(8.0, 2768.3), (12.0, 2783.8)] {
            assert!((vapour(bar - 1.01325) / table - 1.0).abs() < 0.001, "{bar} bar: {}", vapour(bar - 1.01325));
        }
    }
}
