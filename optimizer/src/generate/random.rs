//! Figures that look random and are the same for the same seed.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): one word of state, the same
/// stream on every machine and in every version.
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// The stream of a seed and a part of the case, so that a plant draws the same figures whatever is drawn for others.
    #[must_use]
    pub fn new(seed: u64, part: u64) -> Self {
        let mut stream = Self(seed);
        let mixed = stream.next() ^ part.wrapping_mul(0xa076_1d64_78bd_642f);
        Self(mixed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number from `least` to below `most`.
    pub fn between(&mut self, least: f64, most: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        least + share * (most - least)
    }

    /// True in this share of all draws.
    pub fn chance(&mut self, share: f64) -> bool {
        self.between(0.0, 1.0) < share
    }
}

#[cfg(test)]
mod tests {
    use super::SplitMix;

    /// The reference implementation's first words for the seed 1234567 (Vigna, `splitmix64.c`).
    #[test]
    fn the_stream_is_the_published_one() {
        let mut stream = SplitMix(1_234_567);
        let words: [u64; 3] = std::array::from_fn(|_| stream.next());
        assert_eq!(words, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn parts_of_one_seed_differ_and_stay_in_range() {
        let (mut one, mut two) = (SplitMix::new(7, 1), SplitMix::new(7, 2));
        let same = (0..1000).filter(|_| one.between(0.0, 1.0).to_bits() == two.between(0.0, 1.0).to_bits()).count();
        assert_eq!(same, 0);
        assert!((0..1000).map(|_| one.between(-2.0, 3.0)).all(|x| (-2.0..3.0).contains(&x)));
    }
}
