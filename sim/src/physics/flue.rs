//! The flue gas of a fired boiler: excess air, what the gas holds, how warm it leaves, and what that costs in fuel.
//!
//! ```text
//!   load, air trim -> excess air -> O2, CO2, CO, NOx -+
//!   load, air, fouling -> stack temperature ----------+-> stack loss, loss by CO -> efficiency -> fuel
//! ```
//! The efficiency curve of the fleet file holds for a clean boiler at its own air curve. What the curve leaves over after
//! radiation is the stack loss, and that gives the temperature at which the gas of a clean boiler leaves; so curve and gas
//! agree at every load. Trim and fouling move that temperature through the heating surface ([`surface`](super::surface)), and change the
//! efficiency by what they change in the stack loss and in the loss by carbon monoxide, and by nothing else:
//! `fuel (1 - stack loss - loss by CO) = heat + radiation` and `fuel = heat / efficiency` throughout. More fuel makes more gas,
//! which is hotter for it, so both are found together.
//!
//! Sources
//! * Combustion of natural gas as methane, CH4 + 2 O2 -> CO2 + 2 H2O, air with 20.95 % oxygen: 9.547 m3 of dry air and
//!   8.547 m3 of dry gas a m3 (stoichiometry). Lower heating value 802.3 kJ/mol, CO 283.0 kJ/mol (ISO 6976, table of
//!   heats of combustion at 25 degC).
//! * Mean molar heat capacities of the gas between air and stack, 25 to 200 degC: CO2 40.3, H2O 34.0, N2 29.2, O2 30.0,
//!   CO 29.3 J/(mol K) (from the tables of NIST-JANAF). Water leaves as vapour: everything is on the lower heating value.
//! * Radiation and convection, constant over the load: `Q = 0.0113 Qmax^0.7`, MW, for oil and gas (EN 12952-15, 8.4.4).
//! * Furnace and convective bank, before a sink at feedwater temperature: see [`surface`](super::surface).
//! * Excess air over load: 15 % at high fire is well tuned for gas (US DOE, Steam Tip Sheet 4), about 45 % at the lowest.
//!   In between, and the height at low fire, are an order of magnitude: a burner's own curve replaces them.
//! * CO stays low and rises steeply when the air runs short (John Zink Combustion Handbook, ch. 4); the height and the
//!   steepness of the exponential are an order of magnitude. NOx of a low-NOx gas burner, about 50 ppm dry at 3 % O2 (the
//!   100 mg/Nm3 of Directive (EU) 2015/2193), less at low fire and away from its best air: an order of magnitude.

use super::source;
use super::surface::{Exchange, Through};
use hypocaust_protocols::model::{self, Conversion, Medium, Meter, SourceKind};

/// Oxygen in dry air, %.
const AIR_O2: f64 = 20.95;
/// m3 of dry air, and of dry flue gas, that one m3 of methane needs and makes when no air is over.
const AIR: f64 = 2.0 / (AIR_O2 / 100.0);
const DRY_GAS: f64 = AIR - 1.0;
/// kJ/mol.
const LHV_CH4: f64 = 802.3;
const LHV_CO: f64 = 283.0;
/// kJ/(mol K).
const CP_CO2: f64 = 0.0403;
const CP_H2O: f64 = 0.0340;
const CP_N2: f64 = 0.0292;
const CP_O2: f64 = 0.0300;
/// Air ratio at full fire and what is added at none.
const AIR_RATIO_FULL: f64 = 1.15;
const AIR_RATIO_RISE: f64 = 0.40;
/// Least air ratio that a trim leads to: below it the burner's own protection would end the fire.
const LEAST_AIR_RATIO: f64 = 1.0;
const MOST_AIR_RATIO: f64 = 3.0;
/// Combustion air from the boiler house, and feedwater from the deaerator at 1.2 bar absolute, degC.
const AIR_C: f64 = 20.0;
const FEEDWATER_C: f64 = 105.0;
/// How much colder the return of a hot-water boiler is than its supply, K.
const WATER_SPREAD_K: f64 = 20.0;
/// Drop from the drum to the header at full load, bar: a value of piping design, not looked up.
const DRUM_DROP_BAR: f64 = 0.3;
/// Time constants, s: tubes and casing behind a change of firing, an idle boiler that cools, the analyser's sample line.
const STACK_LAG_S: f64 = 120.0;
const COOLING_LAG_S: f64 = 3_600.0;
const ANALYSER_LAG_S: f64 = 10.0;
/// Share of the fuel down to which fuel and stack are made to agree, and in how many rounds at most: each leaves a tenth of
/// the former's difference, a third where most of the surface is lost.
const AGREED: f64 = 1e-12;
const MOST_ROUNDS: usize = 40;
/// Least efficiency: what is left of a boiler in which everything is wrong at once.
const LEAST_EFFICIENCY: f64 = 0.05;

/// The boiler's gas side. `share` is always firing over `heat_max_mw`.
#[derive(Debug, Clone)]
pub struct Flue {
    curve: Vec<(f64, f64)>,
    /// MW of heat at full load, and the least share of it that is fired.
    heat_max: f64,
    least: f64,
    /// Added to the air ratio; positive is more air. A worn damper, or somebody's hand.
    pub trim: f64,
    /// Share of the convective bank's effect that is lost, 0 (clean) to 0.9.
    pub fouling: f64,
    /// The heating surface: where the gas leaves.
    pub(crate) surface: fn(&Exchange) -> f64,
    /// What the instruments in the gas show.
    gas: Gas,
    /// degC.
    pub stack: f64,
    /// What the gas side gives its heat to in the end, degC.
    sink: f64,
}

/// Dry flue gas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gas {
    /// %.
    pub o2: f64,
    pub co2: f64,
    /// ppm.
    pub co: f64,
    pub nox: f64,
}

impl Gas {
    const NONE: Gas = Gas { o2: AIR_O2, co2: 0.0, co: 0.0, nox: 0.0 };

    /// Of a fire at this load and air ratio.
    fn of(share: f64, air_ratio: f64) -> Gas {
        let dry = DRY_GAS + (air_ratio - 1.0) * AIR;
        let o2 = (air_ratio - 1.0) * AIR * AIR_O2 / dry;
        let co = 8.0 + 5_000.0 * (-(air_ratio - 1.0) / 0.02).exp();
        let best = (-((air_ratio - AIR_RATIO_FULL) / 0.4).powi(2)).exp();
        let nox = 50.0 * (0.6 + 0.4 * share) * best * (AIR_O2 - o2) / (AIR_O2 - 3.0);
        Gas { o2, co2: 100.0 / dry - co / 1e4, co, nox }
    }
}

/// Share of the fuel's heat that the gas carries away for each K above the air.
fn loss_per_kelvin(air_ratio: f64) -> f64 {
    let nitrogen = AIR * air_ratio * (1.0 - AIR_O2 / 100.0);
    let oxygen = 2.0 * (air_ratio - 1.0);
    (CP_CO2 + 2.0 * CP_H2O + nitrogen * CP_N2 + oxygen * CP_O2) / LHV_CH4
}

/// Share of the fuel's heat that leaves unburnt as CO.
fn loss_by_co(gas: &Gas) -> f64 {
    let co = gas.co / 1e4;
    if co <= 0.0 { 0.0 } else { LHV_CO / LHV_CH4 * co / (co + gas.co2) }
}

impl Flue {
    /// Of a boiler with this curve; `None` for what burns nothing.
    pub(super) fn new(spec: &model::Source) -> Option<Flue> {
        let (SourceKind::Boiler, Conversion::Efficiency(curve)) = (spec.kind, &spec.conversion) else { return None };
        Some(Flue {
            curve: curve.clone(),
            heat_max: spec.heat_max_mw,
            least: (spec.heat_min_mw / spec.heat_max_mw).max(0.1),
            trim: 0.0,
            fouling: 0.0,
            surface: Exchange::leaves,
            gas: Gas::NONE,
            stack: AIR_C,
            sink: FEEDWATER_C,
        })
    }

    /// The air curve of the burner, without anybody's trim.
    fn design_air(share: f64) -> f64 {
        AIR_RATIO_FULL + AIR_RATIO_RISE * (1.0 - share.clamp(0.0, 1.0)).powf(1.5)
    }

    /// The air ratio of the fire.
    pub fn air_ratio(&self, share: f64) -> f64 {
        (Self::design_air(share) + self.trim).clamp(LEAST_AIR_RATIO, MOST_AIR_RATIO)
    }

    /// Radiation and convection as a share of the fuel's heat.
    fn radiation(&self, share: f64) -> f64 {
        let fuel = share * self.heat_max / source::efficiency(&self.curve, share);
        0.0113 * self.heat_max.powf(0.7) / fuel
    }

    /// Losses by gas and by CO of the clean boiler at its own air, shares of the fuel's heat.
    fn design_losses(&self, share: f64) -> (f64, f64) {
        let co = loss_by_co(&Gas::of(share, Self::design_air(share)));
        let left = 1.0 - source::efficiency(&self.curve, share) - self.radiation(share) - co;
        // A curve that leaves nothing for the stack would be one of a condensing boiler; its gas leaves warm all the same.
        (left.max(loss_per_kelvin(Self::design_air(share)) * 20.0), co)
    }

    /// The gas of this much fuel, MW, at this air ratio, against that of full fire at the burner's own air.
    fn through(&self, fuel: f64, air_ratio: f64) -> Through {
        let capacity = loss_per_kelvin(air_ratio) / loss_per_kelvin(AIR_RATIO_FULL);
        Through { capacity, flow: capacity * fuel * source::efficiency(&self.curve, 1.0) / self.heat_max }
    }

    /// Where the gas leaves in the end at this load, degC, and the efficiency there: the boiler as it is.
    fn settled(&self, share: f64) -> (f64, f64) {
        let curve = source::efficiency(&self.curve, share);
        let at = share.max(self.least);
        let (design_gas, design_co) = self.design_losses(at);
        let clean = AIR_C + design_gas / loss_per_kelvin(Self::design_air(at));
        if self.trim == 0.0 && self.fouling == 0.0 {
            return (clean, curve);
        }
        // Radiation is the same MW whatever the fuel; so a point of loss costs a little less than a point of efficiency.
        let held = 1.0 + self.radiation(at) / source::efficiency(&self.curve, at);
        let design_fuel = at * self.heat_max / source::efficiency(&self.curve, at);
        let (mut stack, mut more) = (clean, 1.0);
        for _ in 0..MOST_ROUNDS {
            stack = (self.surface)(&Exchange {
                design: self.through(design_fuel, Self::design_air(at)),
                now: self.through(design_fuel * more, self.air_ratio(at)),
                clean,
                sink: self.sink,
                air: AIR_C,
                fouling: self.fouling.clamp(0.0, 0.9),
            });
            let (gas, co) = self.losses(at, stack);
            let was = more;
            more = curve / (curve - (gas - design_gas + co - design_co) / held).max(LEAST_EFFICIENCY);
            if (more - was).abs() < AGREED {
                break;
            }
        }
        (stack, curve / more)
    }

    /// Where the gas leaves in the end at this load, degC.
    pub fn settled_stack(&self, share: f64) -> f64 {
        self.settled(share).0
    }

    /// What the gas takes away at this load and temperature: its heat, and its CO, shares of the fuel's heat.
    pub fn losses(&self, share: f64, stack: f64) -> (f64, f64) {
        let air = self.air_ratio(share);
        (loss_per_kelvin(air) * (stack - AIR_C), loss_by_co(&Gas::of(share, air)))
    }

    /// Heat over fuel at this load, as the boiler is: its curve, less what trim and fouling add to its losses.
    pub fn efficiency(&self, share: f64) -> f64 {
        self.settled(share).1
    }

    /// Time passes; a share of 0 is no fire.
    pub(super) fn step(&mut self, dt_s: f64, share: f64, sink: f64) {
        self.sink = sink;
        let follow = |lag: f64| 1.0 - (-dt_s / lag).exp();
        let (gas, stack, lag) = if share > 0.0 {
            (Gas::of(share, self.air_ratio(share)), self.settled_stack(share), STACK_LAG_S)
        } else {
            (Gas::NONE, AIR_C, COOLING_LAG_S)
        };
        self.stack += (stack - self.stack) * follow(lag);
        let k = follow(ANALYSER_LAG_S);
        self.gas.o2 += (gas.o2 - self.gas.o2) * k;
        self.gas.co2 += (gas.co2 - self.gas.co2) * k;
        self.gas.co += (gas.co - self.gas.co) * k;
        self.gas.nox += (gas.nox - self.gas.nox) * k;
    }

    /// As after a long time at this load.
    pub(super) fn settle(&mut self, share: f64, sink: f64) {
        self.sink = sink;
        if share > 0.0 {
            self.gas = Gas::of(share, self.air_ratio(share));
            self.stack = self.settled_stack(share);
        }
    }

    pub fn gas(&self) -> Gas {
        self.gas
    }
}

/// What the gas side gives its heat to in the end, degC.
pub(super) fn sink(header: &super::Header) -> f64 {
    match header.spec.medium {
        Medium::Steam => FEEDWATER_C,
        Medium::HotWater => header.value - WATER_SPREAD_K,
    }
}

/// What a meter of this source shows, in the unit of its tag.
pub(super) fn shown(source: &super::Source, header: &super::Header, meter: Meter) -> f64 {
    let fuel = source.intake() * source.fuel_per_mw;
    let Some(flue) = &source.flue else { return if meter == Meter::Fuel { fuel } else { 0.0 } };
    let gas = flue.gas();
    let drum = header.value + DRUM_DROP_BAR * (source.heat / source.spec.heat_max_mw).powi(2);
    match meter {
        Meter::O2 => gas.o2,
        Meter::Co2 => gas.co2,
        Meter::Co => gas.co,
        Meter::Nox => gas.nox,
        Meter::Stack => flue.stack,
        Meter::Air => AIR_C,
        Meter::Fuel => fuel,
        Meter::Feedwater => sink(header),
        Meter::Drum => drum,
        Meter::Steam => {
            let gain = crate::steam::vapour(drum) - crate::steam::liquid(FEEDWATER_C);
            // MW over kJ/kg is 1000 kg/s, and that is 3600 t/h.
            source.heat / gain * 3_600.0
        }
    }
}
