//! `check`: a case, and a result against it; or the JSON Schema of a case.

use std::path::PathBuf;

use hypocaust_optimizer::{check, schema};

use super::progress::Progress;
use super::{Failure, print_json, read_case, read_result, say};

#[derive(clap::Args)]
pub struct Arguments {
    /// A file in `heatcase/1`.
    #[arg(required_unless_present = "schema")]
    case: Option<PathBuf>,
    /// What `solve --json` printed; without it the case alone is judged.
    result: Option<PathBuf>,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of a case instead, for editors and for programs that write cases.
    #[arg(long, conflicts_with_all = ["case", "result", "json"])]
    schema: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(path) = arguments.case.as_ref().filter(|_| !arguments.schema) else {
        say!("{:#}", schema::case());
        return Ok(());
    };
    let shown = Progress::new("checking", 1);
    let case = read_case(path)?;
    let Some(result) = &arguments.result else {
        drop(shown);
        if arguments.json {
            return print_json(&serde_json::json!({"passed": true, "faults": []}));
        }
        say!(
            "the case is in order: {} plants, {} units, {} consumers, {} steps",
            case.plants.len(),
            case.units.len(),
            case.demands.len(),
            case.time.steps
        );
        return Ok(());
    };
    let verdict = check(&case, &read_result(result)?);
    drop(shown);
    if arguments.json {
        print_json(&verdict)?;
    } else if verdict.passed {
        say!("the result holds; largest residual {:.1e}", verdict.residual);
        for bound in verdict.bounds.iter().filter(|bound| bound.stage == "cost" || bound.value > 1e-6) {
            let (stage, value, percent) = (&bound.stage, bound.value, 100.0 * bound.gap());
            say!("  {stage} is {value:.6}; with other states it could be no less than");
            say!("    {:.6}, proven by the duals of the relaxation ({percent:.2} % less)", bound.proven);
            say!("    {:.6}, by the word of the solver's search", bound.said);
        }
    } else {
        say!("the result does not hold:");
        for fault in &verdict.faults {
            say!("  {fault}");
        }
    }
    if verdict.passed { Ok(()) } else { Err(Failure(1, format!("{} faults", verdict.faults.len()))) }
}
