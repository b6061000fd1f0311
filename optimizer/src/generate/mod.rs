//! Cases of any size for tests, benchmarks and trials: the same recipe gives the same case to the last digit.
//!
//! A plant has a steam header and a hot-water header with a let-down between them, boilers, and, as drawn, combined heat
//! and power, an electric boiler, a heat pump and waste heat; a tank, sometimes a steam accumulator; consumers of all
//! five classes. Neighbours are joined by hot-water mains in a ring and by some steam mains. [`plant`] draws what stands
//! there, [`weather`] what varies in time.
//!
//! Promises
//! * An ordinary case serves everybody and needs no physical slack.
//! * A case with `conflict` is a conflict of priorities at full size: in the middle half of the horizon gas is curtailed
//!   everywhere, and every second plant has electricity alone, too little of it, a higher class on its steam and the next
//!   lower one on its heat pump's water. Weights per MWh shed the higher class there (a heat pump buys almost four units
//!   of the lower one with the power of one unit of the higher), strict priority does not.

mod plant;
pub(crate) mod random;
mod weather;

use crate::case::{Carrier, Case, Header, Link, Plant, SCHEMA, Time};
use plant::Site;
pub(crate) use random::SplitMix;
use weather::Weather;

/// The classes of the design, highest first.
pub const CLASSES: [&str; 5] = ["life-safety", "product-safety", "equipment-protection", "production", "comfort"];

/// Most plants of a case.
pub const MOST_PLANTS: usize = 1000;

/// Most steps of a case.
pub const MOST_STEPS: usize = 1000;

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// From 1 to `MOST_PLANTS`.
    pub plants: usize,
    /// From 1 to `MOST_STEPS`, a quarter of an hour each.
    pub steps: usize,
    /// The same seed gives the same case; a plant is the same one in a larger fleet.
    pub seed: u64,
    /// A summer day, on which minimum loads bind, instead of a winter day.
    pub summer: bool,
    /// With a conflict of priorities.
    pub conflict: bool,
}

impl Recipe {
    /// An ordinary winter day.
    #[must_use]
    pub fn new(plants: usize, steps: usize, seed: u64) -> Self {
        Self { plants, steps, seed, summer: false, conflict: false }
    }
}

/// Why there is no case.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too many or none.
    #[error("{0} plants cannot be generated: write a number from 1 to {MOST_PLANTS}")]
    Plants(usize),
    /// Too many or none.
    #[error("{0} steps cannot be generated: write a number from 1 to {MOST_STEPS}")]
    Steps(usize),
}

/// The case of a recipe.
///
/// # Errors
/// `Error` where the recipe's size is out of range.
pub fn generate(recipe: Recipe) -> Result<Case, Error> {
    if !(1..=MOST_PLANTS).contains(&recipe.plants) {
        return Err(Error::Plants(recipe.plants));
    }
    if !(1..=MOST_STEPS).contains(&recipe.steps) {
        return Err(Error::Steps(recipe.steps));
    }
    let weather = Weather::new(recipe);
    let mut case = frame(recipe, &weather);
    let sites: Vec<Site> = (0..recipe.plants).map(|i| Site::draw(recipe, i)).collect();
    for site in &sites {
        site.build(&weather, &mut case);
    }
    mains(recipe, &sites, &mut case);
    Ok(case)
}

fn frame(recipe: Recipe, weather: &Weather) -> Case {
    let Recipe { plants, steps, seed, summer, conflict } = recipe;
    let season = if summer { "summer" } else { "winter" };
    let carrier = |id: &str, price: f64, co2_t_per_mwh: f64| Carrier {
        id: id.to_owned(),
        price: Some(price.into()),
        co2_t_per_mwh,
        ..Carrier::default()
    };
    let (buy, sell) = weather.power_prices();
    Case {
        schema: SCHEMA.to_owned(),
        name: format!("{season}{}-p{plants}-t{steps}-s{seed}", if conflict { "-conflict" } else { "" }),
        source: Some("hypocaust-optimizer generate".to_owned()),
        time: Time { start: weather.start().to_owned(), step_minutes: weather::STEP_MINUTES.into(), steps },
        classes: CLASSES.map(str::to_owned).to_vec(),
        co2_price: 78.0.into(),
        carriers: vec![
            carrier("gas", 38.0, 0.202),
            carrier("biomass", 31.0, 0.0),
            Carrier { id: "power".to_owned(), buy: Some(buy), sell: Some(sell), ..Carrier::default() },
        ],
        plants: (0..plants).map(|i| Plant { id: format!("p{i}") }).collect(),
        headers: (0..plants)
            .flat_map(|i| {
                [("s", "steam"), ("w", "hot-water")].map(|(short, medium)| Header {
                    id: format!("p{i}.{short}"),
                    plant: format!("p{i}"),
                    medium: medium.to_owned(),
                    reserve: None,
                })
            })
            .collect(),
        connections: Vec::new(),
        units: Vec::new(),
        storages: Vec::new(),
        links: Vec::new(),
        demands: Vec::new(),
        previous: None,
        expect: None,
    }
}

/// A ring of hot-water mains, and steam mains between some neighbours.
fn mains(recipe: Recipe, sites: &[Site], case: &mut Case) {
    let count = sites.len();
    // Two plants need one main, one plant none.
    let pairs = if count > 2 { count } else { count - 1 };
    for i in 0..pairs {
        let (from, to) = (&sites[i], &sites[(i + 1) % count]);
        let mut draw = SplitMix::new(recipe.seed, 1_000_000 + i as u64);
        let smaller = from.size_mw.min(to.size_mw);
        let mut main = |medium: &str, share: f64| {
            let cap = round(smaller * share);
            Link {
                id: format!("{medium}.{}-{}", from.number, to.number),
                from: format!("p{}.{medium}", from.number),
                to: format!("p{}.{medium}", to.number),
                cap: cap.into(),
                cap_reverse: cap.into(),
                loss_frac: round(draw.between(0.01, 0.05)),
                fixed_loss: round(0.015 * cap).into(),
                ..Link::default()
            }
        };
        let water = main("w", 0.12);
        let steam = main("s", 0.08);
        case.links.push(water);
        // A plant that is short of power is to be short of steam.
        if draw.chance(0.4) && from.pair.is_none() && to.pair.is_none() {
            case.links.push(steam);
        }
    }
}

/// Four decimals are what a meter's maker promises, and keep the files readable.
fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
