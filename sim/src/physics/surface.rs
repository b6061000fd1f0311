//! The heating surface of a fired boiler: how warm the gas leaves it when more or less gas goes through, or when dirt is on it.
//!
//! ```text
//!   burner --flame--> furnace --furnace exit--> convective bank --stack-->
//! ```
//! More air makes more gas of the same fuel. The flame is cooler for it, the furnace takes less of its heat by radiation, and
//! the bank, though each square metre takes more from gas that flows faster, has more gas to cool: the stack gets warmer.
//!
//! The bank is as large as the clean boiler needs to bring its gas from the furnace to where the fleet file's efficiency has
//! it leave. All that is here are changes against that boiler, so a clean one at its own air is not moved.
//!
//! Sources
//! * Flame: the heat of the fuel over the heat capacity of its gas, `Tflame - Tair ~ 1 / c`, through an order of magnitude at
//!   the air of full fire. Dissociation and heat capacities that rise with temperature are in that figure; between air ratios
//!   of 1.0 and 1.6 this is within some 5 % of the adiabatic flame.
//! * Furnace: `T / Tflame = 1 / (1 + M (a / Bo)^0.6)` in kelvin with the Boltzmann number `Bo ~ C / Tflame^3`, C being the heat
//!   capacity flow of the gas: Gurvich's formula of the furnace exit (Basu, Kefa and Jestin, "Boilers and Burners", Springer
//!   2000, ch. 3). `M a^0.6` is what the furnace exit at full fire makes of it, and that is an order of magnitude.
//! * Bank: before a sink of one temperature the effectiveness is `1 - exp(-NTU)`, `NTU = U A / C`, and the gas side's coefficient
//!   governs U. Across tubes `Nu ~ Re^0.6` (Grimison; Žukauskas; VDI Heat Atlas, G7), so `NTU ~ C^-0.4`.

/// The flame at the air of full fire, and what leaves the furnace then, degC: orders of magnitude.
const FLAME_C: f64 = 1_800.0;
const FURNACE_C: f64 = 1_050.0;
/// 0 degC, K.
const ZERO_K: f64 = 273.15;
/// Exponent of the furnace, and that of the coefficient of heat transfer over flow in the bank.
const FURNACE_EXPONENT: f64 = 0.6;
const BANK_EXPONENT: f64 = 0.6;
/// By how much the gas enters the bank warmer than it leaves, at least, K: a furnace that leaves less for the bank is larger
/// than the boiler it belongs to.
const LEAST_FALL_K: f64 = 50.0;

/// The gas of a fire, against that of full fire at the burner's own air.
#[derive(Debug, Clone, Copy)]
pub(super) struct Through {
    /// Heat capacity of the gas of one unit of fuel.
    pub capacity: f64,
    /// The same times the fuel: the heat capacity flow.
    pub flow: f64,
}

/// What decides how warm the gas leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange {
    /// As the clean boiler has it at this load and its own air, and as it is.
    pub(super) design: Through,
    pub(super) now: Through,
    /// Where the gas of the clean boiler leaves, what the bank gives its heat to, and the air, degC.
    pub(crate) clean: f64,
    pub(super) sink: f64,
    pub(super) air: f64,
    /// Share of the bank's effect that is lost to dirt.
    pub(super) fouling: f64,
}

impl Exchange {
    /// Where the gas leaves in the end, degC.
    pub(crate) fn leaves(&self) -> f64 {
        // A clean boiler whose gas leaves below the sink has more surface than this one sink tells of.
        let sink = self.sink.min(self.clean - 10.0);
        let enters = |gas| furnace_exit(gas, self.air).max(self.clean + LEAST_FALL_K);
        let clean = ((enters(self.design) - sink) / (self.clean - sink)).ln();
        let ntu = clean * (1.0 - self.fouling) * (self.now.flow / self.design.flow).powf(BANK_EXPONENT - 1.0);
        sink + (enters(self.now) - sink) * (-ntu).exp()
    }
}

/// The flame, degC, where the gas of a unit of fuel has this heat capacity over that at full fire.
fn flame(capacity: f64, air: f64) -> f64 {
    air + (FLAME_C - air) / capacity
}

/// What leaves the furnace, degC.
fn furnace_exit(gas: Through, air: f64) -> f64 {
    let (hot, hottest) = (flame(gas.capacity, air) + ZERO_K, FLAME_C + ZERO_K);
    let full = hottest / (FURNACE_C + ZERO_K) - 1.0;
    let boltzmann = gas.flow * (hottest / hot).powi(3);
    hot / (1.0 + full * boltzmann.powf(-FURNACE_EXPONENT)) - ZERO_K
}
