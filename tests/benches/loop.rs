//! The figures of the whole loop on the real programs: `make bench-loop`.
//!
//! Starts the default fleet once for the time of its first start. Then starts the small fleet, lets it run for a minute at
//! rest and half a minute after a trip, and prints what the programs measured of themselves (`/metrics`) and what the kernel
//! says of them (`/proc`). It judges nothing: a figure depends on the machine, so only those of one run may be compared.

use hypocaust_tests::harness::{Demo, Options, Process, cpu_s, histogram_quantile, resident_mb, root, wait_until};
use std::io::Write;
use std::time::{Duration, Instant};

const AT_REST: Duration = Duration::from_secs(60);

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn stored(demo: &Demo) -> f64 {
    demo.metric("gl_001_samples_stored_total", &[]).unwrap_or(f64::NAN)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures elapsed time")]
fn main() {
    let first = Demo::start(Options { fleet: root().join("deploy/fleets/four"), ..Options::default() });
    say(&format!("default fleet ready {:.1} s after its first start", first.ready_after.as_secs_f64()));
    first.stop();
    drop(first);
    let demo = Demo::start(Options::default());
    wait_until("both plants are led", Duration::from_secs(60), || {
        let fleet = demo.try_get("/api/v1/fleet")?;
        let led = fleet["plants"].as_array().is_some_and(|p| p.iter().all(|p| p["mode"] == "remote"));
        if led { Ok(()) } else { Err(fleet.to_string()) }
    });
    let processes: Vec<Process> = demo.processes();
    let before: Vec<f64> = processes.iter().map(|p| cpu_s(p.pid)).collect();
    let (began, first) = (Instant::now(), stored(&demo));
    std::thread::sleep(AT_REST);
    let (took, last) = (began.elapsed().as_secs_f64(), stored(&demo));
    say(&format!("small fleet at rest, {took:.0} s; ready {:.1} s after the start", demo.ready_after.as_secs_f64()));
    say(&format!("  values stored           {:.0} a second", (last - first) / took));
    for (process, before) in processes.iter().zip(&before) {
        let share = 100.0 * (cpu_s(process.pid) - before) / took;
        let memory = resident_mb(process.pid);
        say(&format!("  {:<24}{share:>5.1} % of a core, {memory:.0} MB resident", process.to_string()));
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
