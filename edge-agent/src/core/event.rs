//! What an edge tells people: the log, the console, the answer to "what happened at 03:12".

use super::contingency::Origin;
use super::modes::Mode;
use hypocaust_protocols::model::{AlarmId, DeviceId, HeaderId, MainId, SetpointId, TagId, TripId};
use hypocaust_protocols::wire::{Move, Refusal};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    TripLatched {
        trip: TripId,
    },
    TripReset {
        trip: TripId,
    },
    /// A tag of a trip is bad; its last verdict holds.
    TripBlind {
        trip: TripId,
        tag: TagId,
    },
    TripSeeing {
        trip: TripId,
        tag: TagId,
    },
    AlarmRaised {
        alarm: AlarmId,
    },
    AlarmCleared {
        alarm: AlarmId,
    },
    MainClosed {
        main: MainId,
    },
    MainOpened {
        main: MainId,
    },
    /// What was done about a loss.
    Acted {
        lost: String,
        origin: Origin,
        moves: Vec<Move>,
    },
    /// What local priority rules did about a header.
    Balanced {
        header: HeaderId,
        deficit_mw: f64,
        moves: Vec<Move>,
    },
    GivenBack {
        header: HeaderId,
        to: Move,
    },
    /// A move of the table or of the local rules that the gate did not let through.
    MoveRefused {
        setpoint: SetpointId,
        refusal: Refusal,
    },
    Released {
        hold: String,
    },
    Mode {
        from: Mode,
        to: Mode,
    },
    DeviceLost {
        device: DeviceId,
        reason: String,
    },
    DeviceBack {
        device: DeviceId,
    },
    Refused {
        id: String,
        refusal: Refusal,
    },
    /// A beat or a table that was not let in.
    NotAdmitted {
        what: &'static str,
        refusal: Refusal,
    },
    WriteFailed {
        setpoint: SetpointId,
        refusal: Refusal,
    },
}

impl Event {
    /// Does it ask for a person's eyes (a warning in the log)?
    pub fn is_trouble(&self) -> bool {
        !matches!(
            self,
            Event::TripReset { .. }
                | Event::TripSeeing { .. }
                | Event::AlarmCleared { .. }
                | Event::MainOpened { .. }
                | Event::GivenBack { .. }
                | Event::Released { .. }
                | Event::DeviceBack { .. }
                | Event::Mode { to: Mode::Remote, .. }
        )
    }
}
