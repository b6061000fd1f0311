//! The demo's folder before anything runs: the lock, a clean start, configuration, the first user.

use super::layout::{Files, Layout, broker_configuration};
use super::{Error, Options};
use hypocaust_central::journal::sqlite::Sqlite;
use hypocaust_protocols::model::{Device, Fleet, Plant};
use hypocaust_protocols::opcua::pki::{self, Pki};
use hypocaust_protocols::process::{self, Lock, Unlocked};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::ScopedJoinHandle;
use tokio::sync::oneshot;

const LOCK: &str = "demo.lock";
pub const USER: &str = "demo";

/// Takes the folder for this process, making it when it is missing.
pub fn lock(data: &Path) -> Result<Lock, Error> {
    let shown = data.display();
    std::fs::create_dir_all(data).map_err(|e| Error::io(format!("cannot make the data folder {shown}"), e))?;
    let path = data.join(LOCK);
    let empty = std::fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_none());
    if !empty && !path.exists() {
        return Err(Error::Foreign(data.to_owned()));
    }
    process::lock(&path).map_err(|error| match error {
        Unlocked::Held(holder) => Error::Locked { data: data.to_owned(), holder },
        Unlocked::Io(e) => Error::io(format!("cannot lock {}", path.display()), e),
    })
}

/// Removes everything in the locked folder but the lock. [`lock`] has refused every folder that is not a demo's.
pub fn clean(data: &Path) -> Result<(), Error> {
    let failed = |e| Error::io(format!("cannot clean {}", data.display()), e);
    for entry in std::fs::read_dir(data).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name() == LOCK {
            continue;
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            std::fs::remove_dir_all(entry.path()).map_err(failed)?;
        } else {
            std::fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Refuses a folder that holds another fleet's data, on whose journal no centre would start. A journal that cannot be read
/// is the centre's to judge: one that was killed at its first start makes it whole.
pub async fn same_fleet(files: &Files, fleet: &Fleet, options: &Options) -> Result<(), Error> {
    let journal = files.central.join("journal.db");
    if !journal.is_file() {
        return Ok(());
    }
    match Sqlite::open_read_only(&journal).await {
        Ok(store) if *store.fleet() != fleet.id => Err(Error::OtherFleet {
            data: options.data.clone(),
            found: store.fleet().to_string(),
            fleet: options.fleet.clone(),
            wanted: fleet.id.to_string(),
        }),
        _ => Ok(()),
    }
}

/// Debian puts it where ordinary users do not look.
#[must_use]
pub fn mosquitto() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join("mosquitto"))
        .find(|candidate| candidate.is_file())
}

/// Where the other programs lie: beside this one unless said otherwise. All are asked for at once.
pub fn programs(options: &Options) -> Result<PathBuf, Error> {
    let folder = match &options.bin_dir {
        Some(folder) => folder.clone(),
        None => std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)).ok_or_else(|| {
            Error::Programs("cannot tell where this program lies: name the folder with --bin-dir".into())
        })?,
    };
    let missing: Vec<&str> = ["hypocaust-sim", "hypocaust-central", "hypocaust-edge"]
        .into_iter()
        .filter(|name| !folder.join(name).is_file())
        .collect();
    if !missing.is_empty() {
        return Err(Error::Programs(format!(
            "no {} in {}: build with `cargo build --workspace`, or name the right folder with --bin-dir",
            missing.join(", "),
            folder.display()
        )));
    }
    if mosquitto().is_none() {
        return Err(Error::Programs("the broker is missing: `apt-get install mosquitto`".into()));
    }
    Ok(folder)
}

/// Writes configuration for everything that is about to start.
pub fn write(layout: &Layout, files: &Files) -> Result<(), Error> {
    let folder = |path: &Path| {
        std::fs::create_dir_all(path).map_err(|e| Error::io(format!("cannot make {}", path.display()), e))
    };
    let file = |path: &Path, text: &str| {
        std::fs::write(path, text).map_err(|e| Error::io(format!("cannot write {}", path.display()), e))
    };
    folder(&files.logs)?;
    folder(&files.central)?;
    for plant in layout.metrics.keys() {
        folder(&files.edge(plant))?;
    }
    let _ = std::fs::remove_file(&files.endpoints);
    file(&files.broker, &broker_configuration(layout))?;
    let overrides = serde_json::to_string_pretty(&layout.devices).expect("addresses have a JSON form");
    file(&files.overrides, &overrides)
}

/// What [`introduce`] answers when it is done.
pub type Introduced = oneshot::Receiver<Result<(), Error>>;

/// The work of an engineer with a memory stick: each OPC UA device and the edge of its plant trust each other's
/// certificate, by files. Keys are made at the first start, on threads of their own: whoever needs none is started meanwhile.
pub fn introduce(fleet: &Fleet, layout: &Layout, files: &Files) -> Introduced {
    let (done, introduced) = oneshot::channel();
    let (fleet, layout, files) = (fleet.clone(), layout.clone(), files.clone());
    std::thread::spawn(move || {
        // Nobody waits any more where the demo has failed at something else.
        let _ = done.send(introduce_all(&fleet, &layout, &files).map_err(Error::Certificates));
    });
    introduced
}

/// One of those that make keys has panicked.
pub fn failed_thread() -> pki::Error {
    pki::Error::Make("a thread failed".into())
}

fn introduce_all(fleet: &Fleet, layout: &Layout, files: &Files) -> Result<(), pki::Error> {
    // A thread for each key: a fleet has some dozen, and they take nothing but time.
    std::thread::scope(|scope| {
        let edge_of = |plant: &Plant| {
            let id = plant.id.clone();
            scope.spawn(move || hypocaust_edge::shell::opcua::certificates(&files.edge(id.as_str()), id.as_str()))
        };
        let server_of = |device: &Device| {
            let (id, address) = (device.id.clone(), layout.devices[device.id.as_str()]);
            scope.spawn(move || crate::plants::opcua::certificates(&files.certificates, &id, address))
        };
        let mut plants = Vec::new();
        for plant in &fleet.plants {
            let servers: Vec<_> = plant.devices.iter().filter(|d| d.opc_ua().is_some()).map(server_of).collect();
            if !servers.is_empty() {
                plants.push((edge_of(plant), servers));
            }
        }
        for (edge, servers) in plants {
            let edge = made(edge)?;
            for server in servers {
                let server = made(server)?;
                server.import(&edge.own_certificate())?;
                edge.import(&server.own_certificate())?;
            }
        }
        Ok(())
    })
}

fn made(keys: ScopedJoinHandle<'_, Result<Pki, pki::Error>>) -> Result<Pki, pki::Error> {
    keys.join().unwrap_or_else(|_| Err(failed_thread()))
}

/// A password that nobody chose, from the system's own source.
fn random_password() -> Result<String, Error> {
    let mut bytes = [0u8; 12];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|e| Error::io("cannot read /dev/urandom for the first password", e))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// The first user's password: made and handed to the centre on the first start, read from the folder afterwards.
pub fn first_user(files: &Files, programs: &Path) -> Result<String, Error> {
    if let Ok(password) = std::fs::read_to_string(&files.login) {
        return Ok(password.trim().to_owned());
    }
    let password = random_password()?;
    // Renamed only after the centre has taken it: a demo killed in between makes a new one.
    let draft = files.login.with_extension("new");
    let failed = |e| Error::io(format!("cannot write {}", draft.display()), e);
    let mut file =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft).map_err(failed)?;
    writeln!(file, "{password}").map_err(failed)?;
    let central = programs.join("hypocaust-central");
    let run = |verb: &[&str]| {
        let mut command = Command::new(&central);
        command.arg("user").args(verb).arg("--data").arg(&files.central);
        command
    };
    let mut add = run(&["add", USER, "--role", "administrator"]);
    add.arg("--password-file").arg(&draft);
    let execute =
        |command: &mut Command| command.output().map_err(|e| Error::io(format!("cannot run {}", central.display()), e));
    let mut output = execute(&mut add)?;
    if !output.status.success() {
        // Left over from a start that was killed between the two steps.
        execute(&mut run(&["remove", USER]))?;
        output = execute(&mut add)?;
    }
    if !output.status.success() {
        return Err(Error::FirstUser(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    std::fs::rename(&draft, &files.login).map_err(failed)?;
    Ok(password)
}
