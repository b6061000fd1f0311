//! What a status code says about a value (OPC UA Part 4, section 7.39, and Part 8, annex A).
//!
//! The two highest bits are the severity; a code that this list does not know is judged by them alone. Uncertain is not
//! good: no decision uses such a number, pages show it with its reason.

use crate::model::{BadReason, Quality};

// Part 6, annex A.2.
const UNCERTAIN_NO_COMMUNICATION_LAST_USABLE: u32 = 0x408F_0000;
const UNCERTAIN_LAST_USABLE: u32 = 0x4090_0000;
const UNCERTAIN_SENSOR_NOT_ACCURATE: u32 = 0x4093_0000;
const UNCERTAIN_ENGINEERING_UNITS_EXCEEDED: u32 = 0x4094_0000;
const BAD_COMMUNICATION_ERROR: u32 = 0x8005_0000;
const BAD_TIMEOUT: u32 = 0x800A_0000;
const BAD_SERVER_NOT_CONNECTED: u32 = 0x800D_0000;
const BAD_NO_COMMUNICATION: u32 = 0x8031_0000;
const BAD_WAITING_FOR_INITIAL_DATA: u32 = 0x8032_0000;
const BAD_OUT_OF_RANGE: u32 = 0x803C_0000;
const BAD_NOT_CONNECTED: u32 = 0x808A_0000;
const BAD_CONNECTION_CLOSED: u32 = 0x80AE_0000;

/// The quality of a value with this status. The lower half of a code (limits, overflow) leaves it as it is.
#[must_use]
pub fn quality(code: u32) -> Quality {
    match code >> 30 {
        0 => Quality::Good,
        1 => Quality::Uncertain(match code & 0xFFFF_0000 {
            UNCERTAIN_LAST_USABLE | UNCERTAIN_NO_COMMUNICATION_LAST_USABLE => BadReason::Stale,
            UNCERTAIN_SENSOR_NOT_ACCURATE | UNCERTAIN_ENGINEERING_UNITS_EXCEEDED => BadReason::OutOfRange,
            _ => BadReason::DeviceError,
        }),
        _ => Quality::Bad(match code & 0xFFFF_0000 {
            BAD_COMMUNICATION_ERROR
            | BAD_TIMEOUT
            | BAD_SERVER_NOT_CONNECTED
            | BAD_NO_COMMUNICATION
            | BAD_NOT_CONNECTED
            | BAD_CONNECTION_CLOSED => BadReason::NoConnection,
            BAD_WAITING_FOR_INITIAL_DATA => BadReason::NotRead,
            BAD_OUT_OF_RANGE => BadReason::OutOfRange,
            _ => BadReason::DeviceError,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_codes_have_their_reason() {
        use BadReason::*;
        let table = [
            (0x0000_0000, Quality::Good),
            (0x0096_0000, Quality::Good), // local override: a person at the device has set it
            (0x0000_0480, Quality::Good), // good, with the overflow bit of a queue
            (0x408F_0000, Quality::Uncertain(Stale)),
            (0x4090_0000, Quality::Uncertain(Stale)),
            (0x4093_0000, Quality::Uncertain(OutOfRange)),
            (0x4094_0000, Quality::Uncertain(OutOfRange)),
            (0x4092_0000, Quality::Uncertain(DeviceError)), // initial value
            (0x8000_0000, Quality::Bad(DeviceError)),
            (0x8031_0000, Quality::Bad(NoConnection)),
            (0x800A_0000, Quality::Bad(NoConnection)),
            (0x8032_0000, Quality::Bad(NotRead)),
            (0x803C_0000, Quality::Bad(OutOfRange)),
            (0x8034_0000, Quality::Bad(DeviceError)), // unknown node
        ];
        for (code, wanted) in table {
            assert_eq!(quality(code), wanted, "{code:#010x}");
        }
    }

    proptest! {
        #[test]
        fn only_severity_good_is_good(code: u32) {
            prop_assert_eq!(quality(code).is_good(), code >> 30 == 0);
        }
    }
}
