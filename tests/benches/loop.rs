//! The figures of the whole loop on the real programs: `make bench-loop`.
//!
//! Starts the small fleet, lets it run for a minute at rest and half a minute after a trip, and prints what the programs
//! measured of themselves (`/metrics`) and what the kernel says of them (`/proc`). It judges nothing: a figure depends on
//! the machine, so only those of one run may be compared.

use hypocaust_tests::harness::{Demo, Options, Process, histogram_quantile, wait_until};
use std::io::Write;
use std::time::{Duration, Instant};

const AT_REST: Duration = Duration::from_secs(60);

/// Clock ticks a second in `/proc/PID/stat`; 100 on every Linux that Debian builds.
const TICKS_PER_S: f64 = 100.0;

struct Usage {
    cpu_s: f64,
    resident_mb: f64,
}

fn usage(pid: u32) -> Usage {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name in brackets: state is field 0, user time 11, system time 12.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(f64::NAN);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or(f64::NAN);
    Usage { cpu_s: (ticks(11) + ticks(12)) / TICKS_PER_S, resident_mb: kilobytes / 1024.0 }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn stored(demo: &Demo) -> f64 {
    demo.metric("gl_001_samples_stored_total", &[]).unwrap_or(f64::NAN)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures elapsed time")]
fn main() {
    let demo = Demo::start(Options::default());
    wait_until("both plants are led", Duration::from_secs(60), || {
        let fleet = demo.try_get("/api/v1/fleet")?;
        let led = fleet["plants"].as_array().is_some_and(|p| p.iter().all(|p| p["mode"] == "remote"));
        if led { Ok(()) } else { Err(fleet.to_string()) }
    });
    let processes: Vec<Process> = demo.processes();
    let before: Vec<Usage> = processes.iter().map(|p| usage(p.pid)).collect();
    let (began, first) = (Instant::now(), stored(&demo));
    std::thread::sleep(AT_REST);
    let (took, last) = (began.elapsed().as_secs_f64(), stored(&demo));
    say(&format!("small fleet at rest, {took:.0} s; ready {:.1} s after the start", demo.ready_after.as_secs_f64()));
    say(&format!("  values stored           {:.0} a second", (last - first) / took));
    for (process, before) in processes.iter().zip(&before) {
        let now = usage(process.pid);
        let share = 100.0 * (now.cpu_s - before.cpu_s) / took;
        say(&format!("  {:<24}{share:>5.1} % of a core, {:.0} MB resident", process.to_string(), now.resident_mb));
    }
    demo.inject("north", &["trip", "b1"]);
    std::thread::sleep(Duration::from_secs(30));
    let text = demo.metrics_text();
    for (name, what) in [("gl_001_dispatch_cycle_seconds", "dispatch cycle"), ("gl_001_solve_seconds", "solve")] {
        let of =
            |share| histogram_quantile(&text, name, share).map_or("none".to_owned(), |s| format!("{:.0} ms", s * 1e3));
        say(&format!("  {what:<24}half within {}, 95 % within {}", of(0.5), of(0.95)));
    }
    demo.stop();
}
