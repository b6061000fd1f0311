//! What the generator knows of plants: the kinds of sources with their start-up values, and the kinds of plants with who
//! draws heat there. The figures of a source stand here once, with where they come from; each generated file repeats that.

use hypocaust_protocols::model::{Class, Medium, SourceKind};

/// A kind of source. Shares are of `heat_max_mw`.
pub struct Make {
    /// The first part of its id: `b` gives `b1`, `b2`.
    pub prefix: &'static str,
    pub kind: SourceKind,
    pub carrier: Option<&'static str>,
    /// Least and largest size that is built, MW.
    pub mw: (f64, f64),
    pub least: f64,
    pub conversion: Conversion,
    /// Share of the nameplate a minute.
    pub ramp: f64,
    pub time_constant_s: f64,
    /// Purge, light-off, warm-up, s.
    pub start_s: (f64, f64, f64),
    /// EUR for each MW that is started.
    pub start_cost_per_mw: f64,
    pub starts_per_hour: u32,
    pub var_om: f64,
    /// Where the figures come from.
    pub says: &'static str,
}

pub enum Conversion {
    /// Pairs of load share and efficiency.
    Curve(&'static [(f64, f64)]),
    Cogeneration {
        heat: f64,
        power: f64,
    },
    Cop(f64),
    Efficiency(f64),
    Free,
}

/// Shell boiler on gas: the swing source of every header that has none better.
pub const GAS_BOILER: Make = Make {
    prefix: "b",
    kind: SourceKind::Boiler,
    carrier: Some("gas"),
    mw: (1.0, 25.0),
    least: 0.2,
    conversion: Conversion::Curve(&[(0.2, 0.885), (0.4, 0.905), (0.6, 0.915), (0.8, 0.918), (1.0, 0.915)]),
    ramp: 0.1,
    time_constant_s: 20.0,
    start_s: (60.0, 15.0, 240.0),
    start_cost_per_mw: 10.0,
    starts_per_hour: 3,
    var_om: 1.0,
    says: "Shell boiler on gas. Looked up: burner controls purge for 8 to 63 s (Siemens LFE1, data sheet CC1N7461, 2001); pressure \
           rises by some 1 bar a minute at full fire behind a closed valve (E. Franz, \"Cold starting shell boilers\", Bosch \
           Industriekessel), so 240 s are a hot restart; efficiency falls off towards low load (Forbes Marshall, \"Boiler efficiency \
           at part load conditions\"). Orders of magnitude: ramp, heights of the curve, light-off, time constant.",
};

/// Wood chips or bark on a grate: slow, steady, started by a person.
pub const WOOD_BOILER: Make = Make {
    prefix: "wood",
    kind: SourceKind::Boiler,
    carrier: Some("wood"),
    mw: (2.0, 40.0),
    least: 0.3,
    conversion: Conversion::Curve(&[(0.3, 0.83), (0.6, 0.87), (1.0, 0.88)]),
    ramp: 0.02,
    time_constant_s: 180.0,
    start_s: (300.0, 900.0, 7200.0),
    start_cost_per_mw: 60.0,
    starts_per_hour: 1,
    var_om: 3.0,
    says: "Wood on a grate. Looked up: least load about 30 % with wood chips, 25 % with very dry fuel, and efficiency lost below it \
           (University of Strathclyde, Biomass Installation Feasibility Tool, \"Biomass boilers\"). Orders of magnitude: ramp of 2 % a \
           minute, start-up of some hours, time constant, the curve. A person starts it.",
};

/// Gas engine on a hot-water loop.
pub const ENGINE: Make = Make {
    prefix: "chp",
    kind: SourceKind::Chp,
    carrier: Some("gas"),
    mw: (0.5, 8.0),
    least: 0.5,
    conversion: Conversion::Cogeneration { heat: 0.44, power: 0.42 },
    ramp: 0.2,
    time_constant_s: 30.0,
    start_s: (30.0, 15.0, 120.0),
    start_cost_per_mw: 12.0,
    starts_per_hour: 4,
    var_om: 8.0,
    says: "Gas engine. Looked up: data sheets of Jenbacher's cogeneration modules give 50, 75 and 100 % load and no less; the 312 makes \
           40.3 % power and 43.2 % heat (JMS 312 GS-B.L); engines built for it reach full load in 2 to 5 minutes (Waertsilae, \
           \"Combustion engine vs gas turbine: startup time\"). Orders of magnitude: the parts of the start-up, time constant.",
};

/// Gas turbine with a heat recovery boiler on a steam header.
pub const TURBINE: Make = Make {
    prefix: "gt",
    kind: SourceKind::Chp,
    carrier: Some("gas"),
    mw: (5.0, 40.0),
    least: 0.5,
    conversion: Conversion::Cogeneration { heat: 0.52, power: 0.27 },
    ramp: 0.1,
    time_constant_s: 60.0,
    start_s: (180.0, 60.0, 900.0),
    start_cost_per_mw: 25.0,
    starts_per_hour: 1,
    var_om: 5.0,
    says: "Gas turbine with a heat recovery boiler. Looked up: an industrial machine of 2 MW makes 25 % power and runs in paper mills \
           and hospitals (\"PGT2\", ASME Turbo Expo 1996, 96-GT); bigger ones make more. Orders of magnitude: 52 % heat, purge of \
           turbine and boiler, warm-up of the boiler, ramp, least load, time constant.",
};

/// Industrial heat pump on a hot-water loop.
pub const HEAT_PUMP: Make = Make {
    prefix: "hp",
    kind: SourceKind::HeatPump,
    carrier: Some("power"),
    mw: (0.3, 6.0),
    least: 0.3,
    conversion: Conversion::Cop(3.2),
    ramp: 0.2,
    time_constant_s: 45.0,
    start_s: (0.0, 10.0, 110.0),
    start_cost_per_mw: 7.0,
    starts_per_hour: 4,
    var_om: 2.5,
    says: "Industrial heat pump, 35 to 85 degC: 45 % of Carnot's 7.2. Looked up: machines on the market reach 2.4 to 5.8 at lifts of 95 \
           to 40 K (Arpagaus et al., \"High temperature heat pumps: market overview\", Energy 152, 2018). Orders of magnitude: \
           start-up, ramp, least load, time constant.",
};

/// Electrode boiler on a steam header.
pub const ELECTRODE: Make = Make {
    prefix: "el",
    kind: SourceKind::ElectricBoiler,
    carrier: Some("power"),
    mw: (1.0, 20.0),
    least: 0.05,
    conversion: Conversion::Efficiency(0.99),
    ramp: 1.0,
    time_constant_s: 10.0,
    start_s: (0.0, 10.0, 290.0),
    start_cost_per_mw: 2.0,
    starts_per_hour: 6,
    var_om: 0.5,
    says: "Electrode boiler. Orders of magnitude, all: least load of 5 %, one minute for the whole range, five from cold water, losses of \
           1 %.",
};

/// Waste heat boiler behind a process: there when the process runs.
pub const WASTE_HEAT: Make = Make {
    prefix: "wh",
    kind: SourceKind::WasteHeat,
    carrier: None,
    mw: (0.3, 10.0),
    least: 0.0,
    conversion: Conversion::Free,
    ramp: 0.25,
    time_constant_s: 60.0,
    start_s: (0.0, 0.0, 0.0),
    start_cost_per_mw: 0.0,
    starts_per_hour: 0,
    var_om: 0.5,
    says: "Waste heat: runs when the process behind it runs. Ramp and time constant are orders of magnitude.",
};

/// Somebody who draws heat. `share` is of the plant's heat, before all shares are brought to one.
pub struct Need {
    pub id: &'static str,
    pub name: &'static str,
    pub medium: Medium,
    /// On the higher of two steam headers, where the plant has two.
    pub high: bool,
    pub class: Class,
    pub share: f64,
    pub swing: f64,
    pub peak_hour: f64,
    /// The share that stays when it is shed; none: it is never shed.
    pub turndown: Option<f64>,
}

const fn need(
    id: &'static str,
    name: &'static str,
    medium: Medium,
    class: Class,
    share: f64,
    swing: (f64, f64),
    turndown: Option<f64>,
) -> Need {
    Need { id, name, medium, high: false, class, share, swing: swing.0, peak_hour: swing.1, turndown }
}

impl Need {
    const fn high(self) -> Need {
        Need { high: true, ..self }
    }
}

/// A kind of plant.
pub struct Works {
    pub id: &'static str,
    pub name: &'static str,
    /// Heat of all its needs, MW.
    pub mw: (f64, f64),
    /// Has a high and a low steam header, where it has high needs.
    pub two_steam: bool,
    pub steam_makes: &'static [&'static Make],
    pub water_makes: &'static [&'static Make],
    pub needs: &'static [Need],
    pub says: &'static str,
}

use Class::{Comfort, EquipmentProtection, LifeSafety, ProductSafety, Production};
use Medium::{HotWater, Steam};

/// Shares are orders of magnitude, but for what a line says.
pub const WORKS: [Works; 6] = [
    Works {
        id: "mill",
        name: "Paper mill",
        mw: (18.0, 60.0),
        two_steam: true,
        steam_makes: &[&GAS_BOILER, &WOOD_BOILER, &TURBINE],
        water_makes: &[&GAS_BOILER, &WASTE_HEAT],
        needs: &[
            need("dryers", "Dryer cylinders", Steam, Production, 0.62, (0.05, 12.0), Some(0.0)),
            need("starch", "Starch kitchen", Steam, ProductSafety, 0.08, (0.1, 10.0), Some(0.3)),
            need("coater", "Coating dryers", Steam, Production, 0.14, (0.1, 14.0), Some(0.0)).high(),
            need("gland", "Gland steam and air preheater", Steam, EquipmentProtection, 0.05, (0.05, 4.0), Some(0.5))
                .high(),
            need("halls", "Hall heating", HotWater, Comfort, 0.11, (0.3, 6.0), Some(0.0)),
        ],
        says: "Of a paper mill's energy about half goes into drying, some 4 GJ of heat a tonne (Laurijssen et al., Energy 35, 2010).",
    },
    Works {
        id: "dairy",
        name: "Dairy",
        mw: (5.0, 20.0),
        two_steam: false,
        steam_makes: &[&GAS_BOILER, &ELECTRODE],
        water_makes: &[&GAS_BOILER, &HEAT_PUMP, &ENGINE],
        needs: &[
            need("evaporator", "Evaporator and spray dryer", Steam, Production, 0.48, (0.1, 13.0), Some(0.0)),
            need("uht", "UHT line", Steam, ProductSafety, 0.14, (0.15, 7.0), Some(0.3)),
            need("pasteurisers", "Pasteurisers", HotWater, ProductSafety, 0.14, (0.2, 6.0), Some(0.3)),
            need("cip", "Cleaning in place", HotWater, Production, 0.14, (0.3, 20.0), Some(0.0)),
            need("offices", "Offices and lockers", HotWater, Comfort, 0.1, (0.3, 7.0), Some(0.0)),
        ],
        says: "Demineralised whey powder takes 15.1 MJ/kg, fat-filled 9.1 (Schuck et al., hal-01123185): drying rules a powder dairy.",
    },
    Works {
        id: "hospital",
        name: "Hospital",
        mw: (4.0, 14.0),
        two_steam: false,
        steam_makes: &[&GAS_BOILER],
        water_makes: &[&GAS_BOILER, &ENGINE, &HEAT_PUMP],
        needs: &[
            need("sterilisation", "Sterilisation", Steam, LifeSafety, 0.1, (0.2, 9.0), None),
            need("humidifiers", "Humidifiers of the theatres", Steam, LifeSafety, 0.06, (0.1, 11.0), None),
            need("laundry", "Laundry and kitchen", Steam, Production, 0.14, (0.4, 11.0), Some(0.0)),
            need("wards", "Ward heating", HotWater, EquipmentProtection, 0.3, (0.2, 6.0), Some(0.4)),
            need("district", "District loop", HotWater, Comfort, 0.4, (0.3, 7.0), Some(0.0)),
        ],
        says: "Steam for sterilisation, humidifiers, kitchen and laundry; everything else is hot water.",
    },
    Works {
        id: "chemicals",
        name: "Chemical works",
        mw: (15.0, 70.0),
        two_steam: true,
        steam_makes: &[&GAS_BOILER, &WASTE_HEAT, &ELECTRODE, &TURBINE],
        water_makes: &[&GAS_BOILER, &WASTE_HEAT],
        needs: &[
            need("distillation", "Distillation", Steam, Production, 0.46, (0.05, 12.0), Some(0.0)).high(),
            need("reactors", "Reactor jackets", Steam, ProductSafety, 0.22, (0.1, 14.0), Some(0.3)).high(),
            need("tracing", "Pipe and tank tracing", Steam, EquipmentProtection, 0.1, (0.1, 3.0), Some(0.0)),
            need("breathing-air", "Breathing-air heaters", Steam, LifeSafety, 0.03, (0.1, 3.0), None),
            need("strippers", "Waste-water strippers", Steam, Production, 0.1, (0.1, 15.0), Some(0.0)),
            need("offices", "Laboratories and offices", HotWater, Comfort, 0.09, (0.3, 7.0), Some(0.0)),
        ],
        says: "Reboilers and jackets on the higher steam, tracing on the lower.",
    },
    Works {
        id: "brewery",
        name: "Brewery",
        mw: (4.0, 16.0),
        two_steam: false,
        steam_makes: &[&GAS_BOILER, &WOOD_BOILER],
        water_makes: &[&GAS_BOILER, &HEAT_PUMP],
        needs: &[
            need("brewhouse", "Brewhouse", Steam, Production, 0.44, (0.35, 10.0), Some(0.0)),
            need("pasteurisers", "Tunnel pasteurisers", Steam, ProductSafety, 0.2, (0.2, 14.0), Some(0.3)),
            need("washers", "Bottle washers", HotWater, Production, 0.22, (0.2, 15.0), Some(0.0)),
            need("halls", "Hall heating", HotWater, Comfort, 0.14, (0.3, 6.0), Some(0.0)),
        ],
        says: "Boiling the wort comes in batches through the day.",
    },
    Works {
        id: "dyeworks",
        name: "Dyeworks",
        mw: (6.0, 24.0),
        two_steam: false,
        steam_makes: &[&GAS_BOILER, &ELECTRODE, &WASTE_HEAT],
        water_makes: &[&GAS_BOILER, &ENGINE],
        needs: &[
            need("jets", "Dyeing machines", Steam, Production, 0.5, (0.15, 13.0), Some(0.0)),
            need("baths", "Baths that must not cool", Steam, ProductSafety, 0.14, (0.1, 12.0), Some(0.4)),
            need("tracing", "Pipe tracing", Steam, EquipmentProtection, 0.06, (0.1, 3.0), Some(0.0)),
            need("washing", "Washing lines", HotWater, Production, 0.18, (0.15, 12.0), Some(0.0)),
            need("halls", "Hall heating", HotWater, Comfort, 0.12, (0.3, 6.0), Some(0.0)),
        ],
        says: "Dyeing machines in shifts; some baths are lost when they cool.",
    },
];
