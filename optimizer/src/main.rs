//! The program around the optimizer.
fn main() {}
