//! What registers mean: type, word order and bit, both ways, with refusal instead of rounding away.
//!
//! The four letters of a word order are the bytes of a 32-bit number from the most significant (`a`) to the least
//! (`d`), in the order in which they arrive: `abcd` is big-endian throughout, `cdab` swaps words, `badc` swaps the
//! bytes within words, `dcba` is little-endian throughout. 64-bit numbers follow the same rule over four words; a
//! single word has only its bytes to swap (`badc`, `dcba`).

pub use crate::model::{DataType, WordOrder};
use crate::model::{Register, Tag};

/// Arrived order to big-endian, and back: each of the four is its own inverse.
fn arrange(order: WordOrder, words: &mut [u16]) {
    if matches!(order, WordOrder::Cdab | WordOrder::Dcba) {
        words.reverse();
    }
    if matches!(order, WordOrder::Badc | WordOrder::Dcba) {
        for word in words {
            *word = word.swap_bytes();
        }
    }
}

/// How a number lies in its registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    pub data_type: DataType,
    pub word_order: WordOrder,
    /// For `bool` in a register: which bit, 0 the least significant. Without it any value but 0 is true, and 1 is
    /// what is written.
    pub bit: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("{data_type} takes {expected} registers, {got} came")]
    Length { data_type: DataType, expected: u16, got: usize },
    #[error("the {data_type} in the registers is {value}, not a number to work with")]
    NotFinite { data_type: DataType, value: f64 },
    #[error("{value} cannot be written as {data_type}: it holds {min} to {max}")]
    OutOfRange { value: f64, data_type: DataType, min: f64, max: f64 },
    #[error("{value} cannot be written as {data_type}: a {data_type} is too coarse there, the nearest is {nearest}")]
    Inexact { value: f64, data_type: DataType, nearest: f64 },
    #[error("bit {bit} does not exist: a register has bits 0 to 15, and only a bool has a bit")]
    Bit { bit: u8 },
    #[error(
        "a single bit of a register is not written: writing the whole register would change its neighbours; give the flag a coil or a register of its own"
    )]
    BitWrite,
}

impl Layout {
    /// A layout in order `abcd` without a bit.
    #[must_use]
    pub fn new(data_type: DataType) -> Self {
        Self { data_type, word_order: WordOrder::Abcd, bit: None }
    }

    /// How this tag lies in these registers of its.
    #[must_use]
    pub fn of(tag: &Tag, register: &Register) -> Self {
        Self { data_type: tag.data_type, word_order: register.word_order, bit: register.bit }
    }

    /// Refuses a bit that does not exist.
    pub fn check(self) -> Result<(), Error> {
        match self.bit {
            Some(bit) if bit > 15 || self.data_type != DataType::Bool => Err(Error::Bit { bit }),
            _ => Ok(()),
        }
    }

    /// Registers as they arrived to a number. Integers of 64 bits beyond 2^53 lose their last digits, as any f64 does.
    pub fn decode(self, registers: &[u16]) -> Result<f64, Error> {
        self.check()?;
        let Self { data_type, word_order, bit } = self;
        if registers.len() != usize::from(data_type.registers()) {
            return Err(Error::Length { data_type, expected: data_type.registers(), got: registers.len() });
        }
        let mut words = registers.to_vec();
        arrange(word_order, &mut words);
        let raw = words.iter().fold(0u64, |raw, word| (raw << 16) | u64::from(*word));
        let value = match data_type {
            DataType::Bool => match bit {
                Some(bit) => f64::from((raw >> bit) as u8 & 1),
                None => f64::from(u8::from(raw != 0)),
            },
            DataType::U16 | DataType::U32 | DataType::U64 => raw as f64,
            DataType::I16 => f64::from(raw as u16 as i16),
            DataType::I32 => f64::from(raw as u32 as i32),
            DataType::I64 => raw as i64 as f64,
            DataType::F32 => f64::from(f32::from_bits(raw as u32)),
            DataType::F64 => f64::from_bits(raw),
        };
        if value.is_finite() { Ok(value) } else { Err(Error::NotFinite { data_type, value }) }
    }

    /// A number to registers as they are to be sent. Refused: NaN, infinities, what is out of range. An integer takes
    /// the nearest whole number, which is the resolution that its scale was chosen for; where an f64 cannot tell whole
    /// numbers apart any more (beyond 2^53) it is refused, because "nearest" would mean nothing.
    pub fn encode(self, value: f64) -> Result<Vec<u16>, Error> {
        self.check()?;
        let raw = self.raw(value)?;
        let count = self.data_type.registers();
        let mut words: Vec<u16> = (0..count).rev().map(|i| (raw >> (16 * u32::from(i))) as u16).collect();
        arrange(self.word_order, &mut words);
        Ok(words)
    }

    /// The number that is left of `value` where only this type holds it; refused like [`Layout::encode`].
    pub fn nearest(self, value: f64) -> Result<f64, Error> {
        self.decode(&self.encode(value)?)
    }

    fn raw(self, value: f64) -> Result<u64, Error> {
        let data_type = self.data_type;
        let range = |min: f64, max: f64| {
            let rounded = value.round();
            if rounded >= min && rounded <= max {
                Ok(rounded)
            } else {
                Err(Error::OutOfRange { value, data_type, min, max })
            }
        };
        // Beyond this an f64 steps over whole numbers.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        Ok(match data_type {
            DataType::Bool => {
                if self.bit.is_some() {
                    return Err(Error::BitWrite);
                }
                if value != 0.0 && value != 1.0 {
                    return Err(Error::OutOfRange { value, data_type, min: 0.0, max: 1.0 });
                }
                value as u64
            }
            DataType::U16 => range(0.0, f64::from(u16::MAX))? as u64,
            DataType::U32 => range(0.0, f64::from(u32::MAX))? as u64,
            DataType::U64 => range(0.0, EXACT)? as u64,
            DataType::I16 => u64::from(range(f64::from(i16::MIN), f64::from(i16::MAX))? as i16 as u16),
            DataType::I32 => u64::from(range(f64::from(i32::MIN), f64::from(i32::MAX))? as i32 as u32),
            DataType::I64 => range(-EXACT, EXACT)? as i64 as u64,
            DataType::F32 => u64::from(f32_bits(value)?),
            DataType::F64 if value.is_finite() => value.to_bits(),
            DataType::F64 => {
                return Err(Error::OutOfRange { value, data_type, min: f64::MIN, max: f64::MAX });
            }
        })
    }
}

fn f32_bits(value: f64) -> Result<u32, Error> {
    let nearest = value as f32;
    let (min, max) = (f64::from(f32::MIN), f64::from(f32::MAX));
    if !nearest.is_finite() {
        return Err(Error::OutOfRange { value, data_type: DataType::F32, min, max });
    }
    // Within half a step of f32 is all that a float promises; a number so small that it vanishes is not kept at all.
    if value != 0.0 && nearest == 0.0 {
        return Err(Error::Inexact { value, data_type: DataType::F32, nearest: 0.0 });
    }
    Ok(nearest.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(data_type: DataType, word_order: WordOrder) -> Layout {
        Layout { data_type, word_order, bit: None }
    }

    #[test]
    fn the_four_orders_of_a_known_number() {
        // 123456.0 as f32 is 0x47F12000.
        for (order, words) in [
            (WordOrder::Abcd, [0x47F1, 0x2000]),
            (WordOrder::Cdab, [0x2000, 0x47F1]),
            (WordOrder::Badc, [0xF147, 0x0020]),
            (WordOrder::Dcba, [0x0020, 0xF147]),
        ] {
            assert_eq!(layout(DataType::F32, order).decode(&words), Ok(123_456.0), "{order}");
            assert_eq!(layout(DataType::F32, order).encode(123_456.0).unwrap(), words, "{order}");
        }
        let big = layout(DataType::U64, WordOrder::Dcba);
        assert_eq!(big.encode(f64::from(0x0102_0304_u32)).unwrap(), [0x0403, 0x0201, 0, 0]);
    }

    #[test]
    fn signs_bits_and_flags() {
        let word = |kind| Layout::new(kind);
        assert_eq!(word(DataType::I16).decode(&[0xFFFF]), Ok(-1.0));
        assert_eq!(word(DataType::I32).decode(&[0xFFFF, 0xFFFE]), Ok(-2.0));
        assert_eq!(word(DataType::I64).decode(&[0xFFFF; 4]), Ok(-1.0));
        assert_eq!(word(DataType::Bool).decode(&[4]), Ok(1.0));
        let bit = |bit| Layout { bit: Some(bit), ..word(DataType::Bool) };
        assert_eq!((bit(2).decode(&[4]), bit(3).decode(&[4])), (Ok(1.0), Ok(0.0)));
        assert_eq!(bit(15).decode(&[0x8000]), Ok(1.0));
        assert_eq!(bit(16).decode(&[4]), Err(Error::Bit { bit: 16 }));
        assert_eq!(bit(2).encode(1.0), Err(Error::BitWrite));
        assert_eq!(Layout { bit: Some(0), ..word(DataType::U16) }.check(), Err(Error::Bit { bit: 0 }));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for kind in DataType::ALL {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                assert!(Layout::new(kind).encode(bad).is_err(), "{kind} {bad}");
            }
            assert!(matches!(Layout::new(kind).decode(&[0; 3]), Err(Error::Length { got: 3, .. })));
        }
        for (kind, low, high) in [
            (DataType::U16, -0.6, 65_535.5),
            (DataType::I16, -32_768.6, 32_767.5),
            (DataType::U32, -1.0, 4_294_967_296.0),
            (DataType::I32, -2_147_483_649.0, 2_147_483_648.0),
            (DataType::U64, -1.0, 1.0e16),
            (DataType::I64, -1.0e16, 1.0e16),
            (DataType::F32, -1.0e39, 1.0e39),
            (DataType::Bool, -1.0, 0.5),
        ] {
            assert!(Layout::new(kind).encode(low).is_err(), "{kind} {low}");
            assert!(Layout::new(kind).encode(high).is_err(), "{kind} {high}");
        }
        assert!(matches!(Layout::new(DataType::F32).encode(1.0e-300), Err(Error::Inexact { .. })));
        assert!(matches!(Layout::new(DataType::F32).decode(&[0x7FC0, 0]), Err(Error::NotFinite { .. })));
    }

    proptest! {
        #[test]
        fn integers_come_back_within_half_a_step(
            value in -70_000.0f64..70_000.0, kind in 1usize..9, order in 0usize..4,
        ) {
            let kind = DataType::ALL[kind];
            let layout = layout(kind, WordOrder::ALL[order]);
            if let Ok(words) = layout.encode(value) {
                prop_assert_eq!(words.len(), usize::from(kind.registers()));
                let step = if kind == DataType::F32 { 0.01 } else { 1.0 };
                prop_assert!((layout.decode(&words).unwrap() - value).abs() <= step / 2.0);
            } else {
                prop_assert!(matches!(kind, DataType::U16 | DataType::I16 | DataType::U32 | DataType::U64));
            }
        }

        #[test]
        fn registers_come_back_bit_for_bit(words: [u16; 2], order in 0usize..4, signed: bool) {
            let layout = layout(if signed { DataType::I32 } else { DataType::U32 }, WordOrder::ALL[order]);
            prop_assert_eq!(layout.encode(layout.decode(&words).unwrap()).unwrap(), words);
        }
    }
}
