//! Numbers in OPC UA: a variable's value as a reading of a tag, and a setpoint as what is written.
//!
//! The type must be the one that the fleet's file names, on both ways. A server that has changed a `Float` into an
//! `Int32` has been changed by somebody, and its number may mean something else now.

use crate::modbus::codec::{self, Layout};
use crate::model::{BadReason, DataType, Millis, Quality, Reading, Tag};
use crate::opcua::status;
use opcua::types::{DataValue, Variant};

/// Does this scalar have the type of the file? Its number, if so.
#[must_use]
pub fn number(variant: &Variant, data_type: DataType) -> Option<f64> {
    Some(match (data_type, variant) {
        (DataType::Bool, Variant::Boolean(x)) => f64::from(u8::from(*x)),
        (DataType::U16, Variant::UInt16(x)) => f64::from(*x),
        (DataType::I16, Variant::Int16(x)) => f64::from(*x),
        (DataType::U32, Variant::UInt32(x)) => f64::from(*x),
        (DataType::I32, Variant::Int32(x)) => f64::from(*x),
        (DataType::F32, Variant::Float(x)) => f64::from(*x),
        // Beyond 2^53 the last digits are lost, as in any f64.
        (DataType::U64, Variant::UInt64(x)) => *x as f64,
        (DataType::I64, Variant::Int64(x)) => *x as f64,
        (DataType::F64, Variant::Double(x)) => *x,
        _ => return None,
    })
}

/// A raw number as a scalar of this type; refused where the type cannot hold it, integers take the nearest whole number.
pub fn variant(data_type: DataType, raw: f64) -> Result<Variant, codec::Error> {
    let held = Layout::new(data_type).nearest(raw)?;
    Ok(match data_type {
        DataType::Bool => Variant::Boolean(held != 0.0),
        DataType::U16 => Variant::UInt16(held as u16),
        DataType::I16 => Variant::Int16(held as i16),
        DataType::U32 => Variant::UInt32(held as u32),
        DataType::I32 => Variant::Int32(held as i32),
        DataType::F32 => Variant::Float(held as f32),
        DataType::U64 => Variant::UInt64(held as u64),
        DataType::I64 => Variant::Int64(held as i64),
        DataType::F64 => Variant::Double(held),
    })
}

/// The type as OPC UA calls it.
#[must_use]
pub fn type_name(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Bool => "Boolean",
        DataType::U16 => "UInt16",
        DataType::I16 => "Int16",
        DataType::U32 => "UInt32",
        DataType::I32 => "Int32",
        DataType::F32 => "Float",
        DataType::U64 => "UInt64",
        DataType::I64 => "Int64",
        DataType::F64 => "Double",
    }
}

/// What a server said of a tag, in the tag's unit, and in words what is wrong with it.
#[must_use]
pub fn reading(tag: &Tag, data: &DataValue) -> (Reading, Option<String>) {
    let source =
        data.source_timestamp.as_ref().filter(|t| !t.is_null()).map(|t| Millis(t.as_chrono().timestamp_millis()));
    // No status means good (Part 4, section 7.11).
    let code = data.status.map_or(0, |s| s.bits());
    let quality = status::quality(code);
    let bad = |reason, why: String| (Reading { value: None, quality: Quality::Bad(reason), source }, Some(why));
    if let Quality::Bad(reason) = &quality {
        return bad(reason.clone(), format!("the server says {}", data.status()));
    }
    let Some(variant) = data.value.as_ref().filter(|v| !v.is_empty()) else {
        return bad(BadReason::DeviceError, "the server gives no value".into());
    };
    match number(variant, tag.data_type) {
        Some(raw) => {
            let why = (!quality.is_good()).then(|| format!("the server says {}", data.status()));
            (Reading { value: Some(raw * tag.scale + tag.shift), quality, source }, why)
        }
        None => bad(
            BadReason::DeviceError,
            format!("the server has {}, the file says {}", kind(variant), type_name(tag.data_type)),
        ),
    }
}

/// The type of a variant in words.
pub(super) fn kind(variant: &Variant) -> String {
    match variant.scalar_type_id() {
        Some(scalar) if variant.is_array() => format!("an array of {scalar:?}"),
        Some(scalar) => format!("{scalar:?}"),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Unit};
    use opcua::types::{DateTime, StatusCode};
    use proptest::prelude::*;

    fn tag(data_type: DataType, scale: f64, shift: f64) -> Tag {
        Tag {
            id: "p.t".parse().unwrap(),
            device: "p.d".parse().unwrap(),
            address: Address::Node("t".into()),
            data_type,
            scale,
            shift,
            unit: Unit::Megawatt,
            min: -1e9,
            max: 1e9,
            deadband: 0.0,
            max_silence_s: 5.0,
            scan: 0,
            measures: None,
            writable: true,
        }
    }

    #[test]
    fn a_value_keeps_its_time_and_its_status() {
        let mut data = DataValue::value_only(12_345i32);
        data.status = Some(StatusCode::Good);
        data.source_timestamp = Some(DateTime::ymd_hms(2026, 1, 2, 3, 4, 5));
        let (read, why) = reading(&tag(DataType::I32, 0.001, 1.0), &data);
        assert_eq!((read.value, read.quality, why), (Some(13.345), Quality::Good, None));
        assert_eq!(read.source, Some(Millis(1_767_323_045_000)));
        data.status = Some(StatusCode::UncertainLastUsableValue);
        let (read, why) = reading(&tag(DataType::I32, 0.001, 1.0), &data);
        assert_eq!((read.value, read.quality), (Some(13.345), Quality::Uncertain(BadReason::Stale)));
        assert!(why.unwrap().contains("UncertainLastUsableValue"));
        data.status = Some(StatusCode::BadSensorFailure);
        let (read, _) = reading(&tag(DataType::I32, 0.001, 1.0), &data);
        assert_eq!((read.value, read.quality), (None, Quality::Bad(BadReason::DeviceError)), "its number is nobody's");
    }

    #[test]
    fn another_type_than_the_files_is_no_number() {
        let wrong = [
            Variant::from(1.5f64),
            Variant::from(1i16),
            Variant::from("1.5"),
            Variant::from(vec![1.5f32]),
            Variant::Empty,
        ];
        for variant in wrong {
            let data = DataValue { value: Some(variant.clone()), ..Default::default() };
            let (read, why) = reading(&tag(DataType::F32, 1.0, 0.0), &data);
            assert_eq!((read.value, read.quality), (None, Quality::Bad(BadReason::DeviceError)), "{variant:?}");
            assert!(why.is_some());
        }
        let (read, _) = reading(&tag(DataType::F32, 1.0, 0.0), &DataValue::null());
        assert_eq!(read.value, None);
    }

    #[test]
    fn the_codes_of_the_list_are_the_standards() {
        for (code, reason) in [
            (StatusCode::BadNoCommunication, BadReason::NoConnection),
            (StatusCode::BadCommunicationError, BadReason::NoConnection),
            (StatusCode::BadTimeout, BadReason::NoConnection),
            (StatusCode::BadServerNotConnected, BadReason::NoConnection),
            (StatusCode::BadNotConnected, BadReason::NoConnection),
            (StatusCode::BadConnectionClosed, BadReason::NoConnection),
            (StatusCode::BadWaitingForInitialData, BadReason::NotRead),
            (StatusCode::BadOutOfRange, BadReason::OutOfRange),
            (StatusCode::BadNodeIdUnknown, BadReason::DeviceError),
        ] {
            assert_eq!(status::quality(code.bits()), Quality::Bad(reason), "{code}");
        }
        for (code, reason) in [
            (StatusCode::UncertainLastUsableValue, BadReason::Stale),
            (StatusCode::UncertainNoCommunicationLastUsableValue, BadReason::Stale),
            (StatusCode::UncertainSensorNotAccurate, BadReason::OutOfRange),
            (StatusCode::UncertainEngineeringUnitsExceeded, BadReason::OutOfRange),
            (StatusCode::UncertainInitialValue, BadReason::DeviceError),
        ] {
            assert_eq!(status::quality(code.bits()), Quality::Uncertain(reason), "{code}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_the_nearest_that_the_type_holds(kind in 0usize..9, raw in -1e6f64..1e6) {
            let data_type = DataType::ALL[kind];
            let Ok(variant) = variant(data_type, raw) else {
                prop_assert!(!matches!(data_type, DataType::F64 | DataType::I32 | DataType::I64));
                return Ok(());
            };
            let back = number(&variant, data_type).unwrap();
            prop_assert_eq!(back, Layout::new(data_type).nearest(raw).unwrap());
            for other in DataType::ALL.into_iter().filter(|t| *t != data_type) {
                prop_assert_eq!(number(&variant, other), None);
            }
        }
    }
}
