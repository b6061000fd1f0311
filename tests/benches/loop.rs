//! The figures of the whole loop on the real programs: `make bench-loop`, with `PLANTS='4 20'` for generated fleets of these
//! sizes, with `FLEET=folder` for another one; the small fleet unless said.
//!
//! Each fleet is started, runs for a minute at rest (`SECONDS=` for longer) and half as long after the biggest source of its
//! first plant is lost. What is printed is what the programs measured of themselves (`/metrics`, each cycle by itself) and what
//! the kernel says of them (`/proc`). It judges nothing: a figure depends on the machine, so only those of one run may be
//! compared.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures elapsed time and is told by its environment what to do"
)]

use hypocaust_tests::harness::{
    Demo, Options, Process, cpu_s, program, resident_mb, root, run, small_fleet, text, wait_until,
};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A cycle comes every five seconds, so that none is missed.
const LOOK: Duration = Duration::from_secs(1);
/// A plant on OPC UA makes its keys at the first start.
const STARTS: Duration = Duration::from_secs(600);

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn named(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.trim().is_empty())
}

fn whole(text: &str, what: &str) -> u32 {
    text.trim().parse().unwrap_or_else(|_| panic!("{what} is {text:?}; write whole numbers, such as {what}='4 20'"))
}

/// Where each fleet lies and what it is called; generated ones in a folder that goes when the benchmark ends.
fn fleets(folder: &Path) -> Vec<(String, PathBuf)> {
    if let Some(fleet) = named("FLEET") {
        return vec![(fleet.clone(), root().join(fleet))];
    }
    let Some(sizes) = named("PLANTS") else { return vec![("the small fleet".to_owned(), small_fleet())] };
    let generate = |size: &str| {
        let plants = whole(size, "PLANTS").to_string();
        let out = folder.join(&plants);
        let mut command = program("hypocaust-sim");
        command.args(["generate", "--plants", &plants, "--out"]).arg(&out);
        let output = run(&mut command, Duration::from_secs(60));
        assert!(output.status.success(), "{}", text(&output));
        (text(&output).trim().to_owned(), out)
    };
    sizes.split_whitespace().map(generate).collect()
}

/// Seconds that each of the cycles took of which these are the running count and sum, where one was seen by itself.
#[derive(Default)]
struct Cycles {
    last: Option<(f64, f64)>,
    took: Vec<f64>,
    missed: f64,
}

impl Cycles {
    fn look(&mut self, demo: &Demo) {
        let of = |what: &str| demo.metric(&format!("gl_001_dispatch_cycle_seconds_{what}"), &[]);
        let (Some(count), Some(sum)) = (of("count"), of("sum")) else { return };
        // Another replica that leads counts anew.
        if let Some((before, was)) = self.last.filter(|(before, _)| *before < count) {
            if count - before == 1.0 {
                self.took.push(sum - was);
            } else {
                self.missed += count - before;
            }
        }
        self.last = Some((count, sum));
    }

    fn say(&mut self, when: &str) {
        self.took.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (share * self.took.len() as f64).ceil() as usize;
            self.took.get(rank.saturating_sub(1)).map_or("none".to_owned(), |s| format!("{:.0} ms", 1e3 * s))
        };
        say(&format!(
            "  cycle {when:<18}{} seen one by one and {} more: half within {}, 95 % within {}, the longest {}",
            self.took.len(),
            self.missed,
            at(0.5),
            at(0.95),
            at(1.0)
        ));
        self.took.clear();
    }
}

fn watch(demo: &Demo, cycles: &mut Cycles, length: Duration) -> f64 {
    let began = Instant::now();
    while began.elapsed() < length {
        std::thread::sleep(LOOK);
        cycles.look(demo);
    }
    began.elapsed().as_secs_f64()
}

/// The biggest source of the first plant: both by their names there.
fn biggest(folder: &Path) -> (String, String) {
    let fleet = hypocaust_protocols::files::load(folder).expect("a fleet that was just started");
    let plant = fleet.plants.first().expect("a fleet has a plant");
    let source = plant.sources.iter().max_by(|a, b| a.heat_max_mw.total_cmp(&b.heat_max_mw));
    let id = source.expect("a plant has a source").id.to_string();
    let local = id.split_once('.').map_or(id.as_str(), |(_, local)| local).to_owned();
    (plant.id.to_string(), local)
}

fn measure(what: &str, folder: &Path, length: Duration) {
    let options = Options { fleet: folder.to_owned(), ready_within: STARTS, ..Options::default() };
    let demo = Demo::start(options);
    say(&format!("{what}; ready {:.1} s after the start", demo.ready_after.as_secs_f64()));
    wait_until("all plants are led", Duration::from_secs(120), || {
        let fleet = demo.try_get("/api/v1/fleet")?;
        let led = fleet["plants"].as_array().is_some_and(|p| p.iter().all(|p| p["mode"] == "remote"));
        if led { Ok(()) } else { Err(fleet.to_string()) }
    });
    let stored = || demo.metric("gl_001_samples_stored_total", &[]).unwrap_or(f64::NAN);
    let processes: Vec<Process> = demo.processes();
    let before: Vec<f64> = processes.iter().map(|p| cpu_s(p.pid)).collect();
    let (mut cycles, first) = (Cycles::default(), stored());
    let took = watch(&demo, &mut cycles, length);
    say(&format!("  values stored           {:.0} a second over {took:.0} s", (stored() - first) / took));
    cycles.say("at rest");
    let used: Vec<f64> = processes.iter().zip(&before).map(|(process, before)| cpu_s(process.pid) - before).collect();
    let (plant, source) = biggest(folder);
    demo.inject(&plant, &["trip", &source]);
    watch(&demo, &mut cycles, length / 2);
    cycles.say("after a trip");
    for (process, used) in processes.iter().zip(&used) {
        let (share, memory) = (100.0 * used / took, resident_mb(process.pid));
        say(&format!("  {:<32}{share:>6.1} % of a core at rest, {memory:.0} MB resident", process.to_string()));
    }
    demo.stop();
}

fn main() {
    let seconds = named("SECONDS").map_or(60, |text| whole(&text, "SECONDS"));
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for (what, fleet) in fleets(folder.path()) {
        measure(&what, &fleet, Duration::from_secs(seconds.into()));
    }
}
