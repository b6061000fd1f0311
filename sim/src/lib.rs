//! Simulated plants: physics behind PLCs behind real Modbus servers.
//!
//! * [`demo`]: a whole fleet on one machine, as supervised processes.
//! * [`drill`]: a runbook's drill, run in the world and judged.
//! * [`fault`]: what can be done to them.
//! * [`generate`]: fleets of any size.
//! * [`physics`]: the heat of all plants, pure, seeded and repeatable.
//! * [`signal`]: which physical thing a tag shows or moves.
//! * [`plc`]: registers, watchdog and protection in front of the physics, pure.
//! * [`plants`]: the shell that serves them over Modbus TCP, with a control socket and a log of writes.
//! * [`steam`]: enthalpies of water and steam.
//! * [`subagents`]: three reference sub-agents.
//! * [`world`]: the real cores, the physics and a faulty network in one thread, from a seed.

pub mod demo;
pub mod drill;
pub mod fault;
pub mod generate;
pub mod physics;
pub mod plants;
pub mod plc;
pub mod signal;
pub mod steam;
pub mod subagents;
pub mod world;

use hypocaust_protocols::answer::{say, tell, unless_unread};
use std::process::ExitCode;

/// An error with all its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// The whole answer, and how the program ends: with the verdict, unless the answer could not be written.
pub fn answered(text: impl std::fmt::Display, verdict: ExitCode) -> ExitCode {
    match unless_unread(say(text)) {
        Ok(()) => verdict,
        Err(unsaid) => {
            tell(format_args!("error: {unsaid}"));
            ExitCode::from(3)
        }
    }
}

/// How much faster than real time physics may run, from the word of a command line.
pub fn speed(word: &str) -> Result<f64, String> {
    let fits = word.parse().ok().filter(|speed| (1.0..=1000.0).contains(speed));
    fits.ok_or_else(|| "write a number from 1 to 1000".to_owned())
}
