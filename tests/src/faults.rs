//! Random but repeatable misfortune: what happens to a world, from a seed.

use hypocaust_protocols::model::{Fleet, PlantId};
use hypocaust_sim::fault::Fault;
use hypocaust_sim::world::{BusWeather, Happening, SOLVE_MS, Trouble, Weather, Whom};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The last minutes of a world are quiet, so that backlogs can drain.
pub const QUIET_MS: i64 = 120_000;

pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // Apart from the streams of the physics and the network, which have the seed itself.
        Self(ChaCha8Rng::seed_from_u64(seed ^ 0x005e_ed0f_fa17))
    }
    /// 0 to `n - 1`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.next_u32() as usize % n
    }
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        least + i64::from(self.0.next_u32()) % (most - least).max(1)
    }
}

/// What happens within `length_ms`, in order. All that is broken is mended before the quiet end.
pub fn schedule(fleet: &Fleet, seed: u64, length_ms: i64) -> Vec<(i64, Happening)> {
    let mut dice = Dice::new(seed);
    let end = length_ms - QUIET_MS;
    let mut all = Vec::new();
    let plant = |dice: &mut Dice| -> PlantId { fleet.plants[dice.below(fleet.plants.len())].id.clone() };
    for _ in 0..dice.between(2, 6) {
        let at = dice.between(30_000, end - 10_000);
        let until = (at + dice.between(5_000, 120_000)).min(end);
        let hit = plant(&mut dice);
        match dice.below(11) {
            0 | 1 => {
                let own: Vec<_> = fleet.sources().filter(|(p, _)| p.id == hit).map(|(_, s)| s.id.to_string()).collect();
                let name = own[dice.below(own.len())].clone();
                all.push((at, Happening::Plant(hit.clone(), Fault::Trip { name: name.clone() })));
                all.push((until, Happening::Plant(hit, Fault::Restore { name })));
            }
            2 => {
                let main = &fleet.mains[dice.below(fleet.mains.len())];
                let hit = fleet.plant_of(main.from.as_str()).expect("a main begins in a plant").id.clone();
                let name = main.id.to_string();
                all.push((at, Happening::Plant(hit.clone(), Fault::Close { name: name.clone() })));
                all.push((until, Happening::Plant(hit, Fault::Restore { name })));
            }
            3 => {
                all.push((at, Happening::Part(hit.clone())));
                all.push((until, Happening::Heal(hit)));
            }
            4 => {
                let bad = Weather { loss: 0.05, duplicate: 0.1, delay_ms: (5, dice.between(100, 2_500)) };
                all.push((at, Happening::Weather(bad)));
                all.push((until, Happening::Weather(Weather::FAIR)));
            }
            5 => {
                let plant = fleet.plant(hit.as_str()).expect("it was drawn from the fleet");
                let name = plant.devices[dice.below(plant.devices.len())].id.to_string();
                all.push((at, Happening::Plant(hit.clone(), Fault::Silence { name: name.clone() })));
                all.push((until, Happening::Plant(hit, Fault::Restore { name })));
            }
            6 => {
                let plant = fleet.plant(hit.as_str()).expect("it was drawn from the fleet");
                let tag = &plant.tags[dice.below(plant.tags.len())];
                let (name, share) = (tag.id.to_string(), dice.between(0, 100) as f64 / 100.0);
                let fault = if dice.below(2) == 0 {
                    Fault::Stick { name: name.clone(), value: tag.min + share * (tag.max - tag.min) }
                } else {
                    Fault::Drift { name: name.clone(), per_minute: (share - 0.5) * (tag.max - tag.min) }
                };
                all.push((at, Happening::Plant(hit.clone(), fault)));
                all.push((until, Happening::Plant(hit, Fault::Restore { name })));
            }
            7 => {
                all.push((at, Happening::SolvesTake { ms: dice.between(500, 9_000) }));
                all.push((until, Happening::SolvesTake { ms: SOLVE_MS }));
            }
            8 => {
                all.push((at, Happening::StartsFail { share: dice.between(20, 80) as f64 / 100.0 }));
                all.push((until, Happening::StartsFail { share: 0.0 }));
            }
            9 => all.push((at, Happening::EdgeCrash { plant: hit, down_ms: dice.between(1_000, 20_000) })),
            _ => all.push((at, Happening::CentreCrash { down_ms: dice.between(1_000, 20_000) })),
        }
    }
    // In every fourth world an edge is dead for minutes: its controllers are on their own, its mains are shut.
    let mut dice = Dice::new(seed.rotate_left(8));
    if dice.below(4) == 0 {
        let down_ms = dice.between(120_000, 300_000);
        if down_ms + 30_000 < end {
            let at = dice.between(20_000, end - down_ms);
            all.push((at, Happening::EdgeCrash { plant: plant(&mut dice), down_ms }));
        }
    }
    // Two of one kind may overlap; the end is fair whatever was left.
    all.push((end, Happening::Weather(Weather::FAIR)));
    all.extend(fleet.plants.iter().map(|p| (end, Happening::Heal(p.id.clone()))));
    all.sort_by_key(|(at, _)| *at);
    all
}

/// The same, and besides it what befalls replicas, bus and database.
pub fn spine_schedule(fleet: &Fleet, seed: u64, length_ms: i64) -> Vec<(i64, Happening)> {
    let mut all = schedule(fleet, seed, length_ms);
    let mut dice = Dice::new(seed.rotate_left(32));
    let end = length_ms - QUIET_MS;
    for _ in 0..dice.between(2, 6) {
        let at = dice.between(20_000, end - 40_000);
        // Before the quiet end all of it is over.
        let ms = dice.between(1_000, 40_000);
        let whom = if dice.below(4) == 0 { Whom::Other } else { Whom::Leader };
        let what = match dice.below(8) {
            0 | 1 => Trouble::Crash { down_ms: ms },
            2 | 3 => Trouble::Pause { ms },
            4 => Trouble::NoDatabase { ms, answers_lost: dice.below(2) == 0 },
            5 => Trouble::NoBroker { ms },
            6 => {
                let plant = fleet.plants[dice.below(fleet.plants.len())].id.clone();
                Trouble::NoPlant { plant, ms }
            }
            _ => {
                let weather = match dice.below(3) {
                    0 => BusWeather { down: true, ..BusWeather::FAIR },
                    1 => BusWeather { delay_ms: dice.between(500, 10_000), ..BusWeather::FAIR },
                    _ => BusWeather { loss: 0.1, repeat: 0.2, ..BusWeather::FAIR },
                };
                all.push((at, Happening::Bus(weather)));
                all.push((at + ms, Happening::Bus(BusWeather::FAIR)));
                continue;
            }
        };
        all.push((at, Happening::Centre(whom, what)));
    }
    all.push((end, Happening::Bus(BusWeather::FAIR)));
    // In two of three worlds the database is slow for a while: long enough, or not, for
    // even the longest lease to run out during an append.
    let mut dice = Dice::new(seed.rotate_left(16));
    if dice.below(3) > 0 {
        let at = dice.between(20_000, end - 70_000);
        let slow = Happening::AppendsTake((100, dice.between(300, 9_000)));
        all.push((at, slow));
        all.push((at + dice.between(5_000, 60_000), Happening::AppendsTake((0, 0))));
    }
    // In every third world the cluster is lost with everything in it.
    let mut dice = Dice::new(seed.rotate_left(48));
    if dice.below(3) == 0 {
        all.push((dice.between(20_000, end - 40_000), Happening::BusLost));
    }
    all.sort_by_key(|(at, _)| *at);
    all
}
