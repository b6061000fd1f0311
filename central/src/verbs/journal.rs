//! `journal`: is it the one that was written, and what does it say?

use super::{Failure, say, untried};
use clap::Subcommand;
use clap::builder::RangedU64ValueParser;
use hypocaust_central::api::EntryView;
use hypocaust_central::journal::sqlite::Sqlite;
use hypocaust_central::journal::{Broken, Entry, Head, Store};
use hypocaust_central::shell::replay::{self, replay};
use serde_json::json;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How many entries are held in memory at a time.
const PAGE: usize = 1000;
/// Of a journal that is not the one that was written; see docs/error-codes.md.
const CHAIN_BROKEN: &str = "GL-E-AUDIT-CHAIN-BROKEN";

#[derive(Subcommand)]
pub enum Verb {
    /// Verifies the chain and folds it into the state, as a centre does when it starts.
    Verify {
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        /// A head that was kept elsewhere, SEQ:HASH, as `hypocaust-edge status` shows the one that an edge keeps. Without
        /// any, an end that was cut off or a journal that was written anew does not show. May be given several times;
        /// the one in DATA/anchor counts too, if there is that file.
        #[arg(long)]
        anchor: Vec<Head>,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints entries, one a line.
    Show {
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
        /// The first entry's number.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
        from: u64,
        /// How many at most.
        #[arg(long, default_value_t = 100, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
        limit: usize,
        /// Print the answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints the whole journal as JSON lines.
    Export {
        /// The centre's folder of data.
        #[arg(long, env = "HYPOCAUST_DATA")]
        data: PathBuf,
    },
}

pub async fn run(verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Verify { data, anchor, json } => verify(&data, anchor, json).await,
        Verb::Show { data, from, limit, json } => show(&data, from, limit, json).await,
        Verb::Export { data } => show(&data, 1, usize::MAX, true).await,
    }
}

async fn open(data: &Path) -> Result<Sqlite, Failure> {
    let path = data.join("journal.db");
    if !path.exists() {
        let (path, data) = (path.display(), data.display());
        return Err(untried(format!(
            "there is no journal at {path}: --data takes the folder of a centre; a demo on {data} has it in {data}/central"
        )));
    }
    Sqlite::open_read_only(&path).await.map_err(untried)
}

/// The head in DATA/anchor.
fn kept(data: &Path) -> Result<Option<Head>, Failure> {
    let path = data.join("anchor");
    let shown = path.display();
    match std::fs::read_to_string(&path) {
        Ok(text) => text.parse().map(Some).map_err(|why| untried(format!("{shown}: {why}"))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(untried(format!("cannot read {shown}: {error}"))),
    }
}

async fn verify(data: &Path, mut anchors: Vec<Head>, json: bool) -> Result<(), Failure> {
    let store = open(data).await?;
    anchors.extend(kept(data)?);
    let led = replay(&store, store.fleet(), anchors.iter().copied()).await;
    match led {
        Ok(replayed) => {
            let (head, state) = (replayed.verifier.head(), replayed.state.fingerprint());
            if json {
                let anchors = anchors.len();
                return say(json!({ "ok": true, "head": head, "anchors": anchors, "state": state }));
            }
            say(format_args!(
                "the journal is whole up to {head}, {}",
                match anchors.len() {
                    0 => "but no anchor was given: an end that was cut off would not show".to_owned(),
                    1 => "as its anchor says".to_owned(),
                    n => format!("as {n} anchors say"),
                }
            ))?;
            say(format_args!("it leads to the state {state}"))
        }
        Err(replay::Error::Broken(Broken { seq, what })) => {
            if json {
                say(json!({ "ok": false, "seq": seq, "what": what, "code": CHAIN_BROKEN }))?;
            }
            Err(Failure::No(format!("{} ({CHAIN_BROKEN})", Broken { seq, what })))
        }
        Err(replay::Error::Unread(error)) => {
            if json {
                say(json!({ "ok": false, "seq": error.seq(), "what": error.to_string() }))?;
            }
            Err(Failure::No(format!("the chain is whole so far, but no state follows from it: {error}")))
        }
        Err(error @ replay::Error::Store(_)) => Err(untried(error)),
    }
}

fn line(entry: &Entry, json: bool) -> String {
    if json {
        return json!(EntryView::from(entry)).to_string();
    }
    let Entry { seq, epoch, kind, body, .. } = entry;
    format!("{seq} {} epoch {epoch} {kind} {body}", entry.time.rfc3339())
}

async fn show(data: &Path, mut from: u64, limit: usize, json: bool) -> Result<(), Failure> {
    let store = open(data).await?;
    let mut left = limit;
    while left > 0 {
        let page = store.read(from, left.min(PAGE)).await.map_err(untried)?;
        let Some(last) = page.last() else { break };
        from = last.seq + 1;
        left -= page.len();
        page.iter().try_for_each(|entry| say(line(entry, json)))?;
    }
    Ok(())
}
