//! A new bundle of the console is embedded by the next build.

fn main() {
    println!("cargo::rerun-if-changed=console/dist");
}
