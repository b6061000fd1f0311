//! The machine's clock and randomness: the shell hands them to what decides.

use hypocaust_protocols::model::Millis;

/// Now, by the wall clock.
#[expect(clippy::disallowed_methods, reason = "this is the shell module that reads the clock")]
pub fn now() -> Millis {
    Millis(jiff::Timestamp::now().as_millisecond())
}

/// For durations; never jumps.
#[expect(clippy::disallowed_methods, reason = "this is the shell module that reads the clock")]
pub fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

/// Unpredictable bytes, for salts and session tokens.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "this is the shell module that reads randomness")]
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
