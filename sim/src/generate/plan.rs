//! Draws a fleet: which plants, how big, with what, joined how. Numbers are rounded as an engineer would write them.

use super::kinds::{GAS_BOILER, Make, Need, WORKS, Works};
use hypocaust_protocols::model::{Medium, SourceKind};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

pub struct Plan {
    pub seed: u64,
    /// One plant in so many, the first among them, has a device on OPC UA; 0 for none.
    pub opcua_every: u32,
    pub plants: Vec<Plant>,
    pub mains: Vec<Main>,
}

impl Plan {
    /// Does the second device of this plant speak OPC UA? Key pairs take their time, so not every plant has them.
    pub fn opc_ua(&self, plant: usize) -> bool {
        plant.checked_rem(self.opcua_every as usize) == Some(0)
    }
}

pub struct Plant {
    pub id: String,
    pub name: String,
    pub works: &'static Works,
    pub headers: Vec<Header>,
    pub sources: Vec<Source>,
    pub consumers: Vec<Consumer>,
    pub store: Option<Store>,
    /// Letdowns and exchangers between its own headers.
    pub mains: Vec<Main>,
}

pub struct Header {
    pub id: &'static str,
    pub medium: Medium,
    /// bar or degC.
    pub band: (f64, f64, f64),
    pub capacity_mwh: f64,
    pub reserve_mw: f64,
    /// Demand at the day's peak and low, MW.
    pub peak: f64,
    pub low: f64,
}

pub struct Source {
    pub id: String,
    pub make: &'static Make,
    pub header: usize,
    pub mw: f64,
    pub on: bool,
}

impl Source {
    pub fn least(&self) -> f64 {
        rounded(self.make.least * self.mw)
    }
}

pub struct Consumer {
    pub need: &'static Need,
    pub header: usize,
    pub mw: f64,
}

pub struct Store {
    pub header: usize,
    pub mwh: f64,
    pub mw: f64,
}

/// Between two headers, each a plant's index and a header's.
pub struct Main {
    pub id: String,
    pub from: (usize, usize),
    pub to: (usize, usize),
    pub mw: f64,
    pub both_ways: bool,
}

/// What dispatch may ask of a unit (`unit_load_max` of the limits), and what is kept above the day's peak.
pub const USABLE: f64 = 0.9;
pub const RESERVE: f64 = 1.15;
/// The least load of what runs is at most this share of the day's low.
pub const TURNED_DOWN: f64 = 0.7;

struct Dice(ChaCha8Rng);

impl Dice {
    /// Evenly spread.
    fn within(&mut self, (low, high): (f64, f64)) -> f64 {
        low + (high - low) * f64::from(self.0.next_u32()) / f64::from(u32::MAX)
    }
    fn below(&mut self, n: usize) -> usize {
        self.0.next_u32() as usize % n
    }
    fn chance(&mut self, share: f64) -> bool {
        self.within((0.0, 1.0)) < share
    }
}

/// Two figures below 10, halves above.
fn rounded(mw: f64) -> f64 {
    match mw {
        small if small < 1.0 => (small * 100.0).round() / 100.0,
        middle if middle < 10.0 => (middle * 10.0).round() / 10.0,
        large => (large * 2.0).round() / 2.0,
    }
}

pub fn draw(plants: u32, seed: u64, opcua_every: u32) -> Plan {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    // Every kind comes before one comes twice.
    let mut kinds: Vec<&'static Works> = Vec::new();
    let mut made: Vec<Plant> = Vec::new();
    for i in 0..plants {
        if kinds.is_empty() {
            kinds = WORKS.iter().collect();
        }
        let works = kinds.swap_remove(dice.below(kinds.len()));
        made.push(plant(works, i + 1, &mut dice));
    }
    let mains = joined(&made, &mut dice);
    Plan { seed, opcua_every, plants: made, mains }
}

fn plant(works: &'static Works, number: u32, dice: &mut Dice) -> Plant {
    let mw = dice.within(works.mw);
    let mut headers = Vec::new();
    if works.two_steam {
        headers.push(header("hp", Medium::Steam, (21.0, 25.0, 30.0)));
        headers.push(header("lp", Medium::Steam, (3.2, 4.0, 6.0)));
    } else {
        headers.push(header("steam", Medium::Steam, (8.5, 10.0, 13.0)));
    }
    headers.push(header("water", Medium::HotWater, (75.0, 85.0, 105.0)));
    let water = headers.len() - 1;
    let whole: f64 = works.needs.iter().map(|n| n.share).sum();
    let consumers: Vec<Consumer> = works
        .needs
        .iter()
        .map(|need| {
            let header = match need.medium {
                Medium::HotWater => water,
                Medium::Steam if works.two_steam && !need.high => 1,
                Medium::Steam => 0,
            };
            let share = need.share / whole * dice.within((0.85, 1.15));
            Consumer { need, header, mw: rounded((mw * share).max(0.1)) }
        })
        .collect();
    let mut sources = Vec::new();
    for (i, header) in headers.iter_mut().enumerate() {
        let own = || consumers.iter().filter(|c| c.header == i);
        header.peak = own().map(|c| c.mw * (1.0 + c.need.swing)).sum();
        header.low = own().map(|c| c.mw * (1.0 - c.need.swing)).sum();
        let makes = if header.medium == Medium::Steam { works.steam_makes } else { works.water_makes };
        equip(i, header, makes, &mut sources, dice);
    }
    let mut mains = vec![Main {
        id: "x1".into(),
        from: (0, water - 1),
        to: (0, water),
        mw: rounded(0.4 * headers[water].peak),
        both_ways: false,
    }];
    if works.two_steam {
        let mw = rounded(0.4 * headers[1].peak);
        mains.push(Main { id: "letdown".into(), from: (0, 0), to: (0, 1), mw, both_ways: false });
    }
    let store = dice.chance(0.6).then(|| {
        let mw = rounded(0.3 * headers[water].peak);
        Store { header: water, mw, mwh: rounded(mw * dice.within((2.5, 5.0))) }
    });
    Plant {
        id: format!("{}-{number}", works.id),
        name: format!("{} {number}", works.name),
        works,
        headers,
        sources,
        consumers,
        store,
        mains,
    }
}

fn header(id: &'static str, medium: Medium, band: (f64, f64, f64)) -> Header {
    Header { id, medium, band, capacity_mwh: 0.0, reserve_mw: 0.0, peak: 0.0, low: 0.0 }
}

/// Puts sources on a header: a gas boiler that holds it, others for the base, more gas boilers until the peak is covered
/// with one to spare.
fn equip(at: usize, header: &mut Header, makes: &[&'static Make], sources: &mut Vec<Source>, dice: &mut Dice) {
    let first = sources.len();
    let others: Vec<&'static Make> = makes.iter().copied().filter(|m| m.prefix != GAS_BOILER.prefix).collect();
    let add = |make: &'static Make, mw: f64, on: bool, sources: &mut Vec<Source>| {
        let number = sources.iter().filter(|s| s.make.prefix == make.prefix).count() + 1;
        let mw = rounded(mw.clamp(make.mw.0, make.mw.1));
        sources.push(Source { id: format!("{}{number}", make.prefix), make, header: at, mw, on });
    };
    add(&GAS_BOILER, header.peak * dice.within((0.6, 0.8)), true, sources);
    for make in others {
        let mw = header.peak * dice.within((0.2, 0.35));
        if dice.chance(0.6) && mw >= make.mw.0 {
            add(make, mw, false, sources);
        }
    }
    // What is cheap or must run is on first; whatever would not leave room to turn down stays off.
    let least = |sources: &[Source]| sources[first..].iter().filter(|s| s.on).map(Source::least).sum::<f64>();
    let able = |sources: &[Source]| sources[first..].iter().filter(|s| s.on).map(|s| s.mw).sum::<f64>() * USABLE;
    for i in first..sources.len() {
        let fits = least(sources) + sources[i].least() <= TURNED_DOWN * header.low;
        // Waste heat is there whether anybody wants it or not.
        sources[i].on |= sources[i].make.kind == SourceKind::WasteHeat || fits && able(sources) < 1.4 * header.peak;
    }
    while able(sources) < RESERVE * header.peak {
        add(&GAS_BOILER, header.peak * 0.4, true, sources);
    }
    // One more stands ready.
    add(&GAS_BOILER, header.peak * dice.within((0.3, 0.5)), false, sources);
    header.reserve_mw = rounded(0.1 * header.peak);
    let installed: f64 = sources[first..].iter().map(|s| s.mw).sum();
    header.capacity_mwh = match header.medium {
        // Some 2 m3 of boiler water for each MW, and the heat that a bar is worth in it.
        Medium::Steam => 2.0 * installed * mwh_per_m3_and_bar(header.band.1),
        // Some 35 m3 of water in the loop for each MW of demand; 4.19 kJ/(kg K) are 1.16 kWh per m3 and K.
        Medium::HotWater => 35.0 * header.peak * 1.16e-3,
    };
}

/// Heat of a cubic metre of water at saturation for each bar, MWh, around this gauge pressure: h' after IAPWS-IF97, at 900
/// kg/m3. 4.0 bar: 640 kJ/kg and 23 more a bar; 10 bar: 18; 25 bar: 9.
fn mwh_per_m3_and_bar(bar: f64) -> f64 {
    let kj_per_kg = match bar {
        low if low < 7.0 => 23.0,
        middle if middle < 18.0 => 18.0,
        _ => 9.0,
    };
    kj_per_kg * 900.0 / 3.6e6
}

/// Joins most plants to an earlier one near by, steam to steam: trees, never circles.
fn joined(plants: &[Plant], dice: &mut Dice) -> Vec<Main> {
    let mut mains = Vec::new();
    for i in 1..plants.len() {
        if !dice.chance(0.7) {
            continue;
        }
        let near = i.min(4);
        let j = i - 1 - dice.below(near);
        let steam = |p: &Plant| p.headers.iter().rposition(|h| h.medium == Medium::Steam).unwrap_or(0);
        let (from, to) = ((j, steam(&plants[j])), (i, steam(&plants[i])));
        let peak = |(plant, header): (usize, usize)| plants[plant].headers[header].peak;
        let mw = rounded(0.3 * peak(from).min(peak(to)));
        let id = format!("{}-to-{}", plants[j].id, plants[i].id);
        mains.push(Main { id, from, to, mw, both_ways: dice.chance(0.7) });
    }
    mains
}
