//! The sample fleet is right.
use std::path::Path;

#[test]
fn the_small_fleet_passes_its_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/fleets/small");
    match hypocaust_protocols::files::load(&folder) {
        Ok(fleet) => {
            assert_eq!(fleet.plants.len(), 2);
            let classes: std::collections::BTreeSet<_> = fleet.consumers().map(|(_, c)| c.class).collect();
            assert_eq!(classes.len(), 5, "consumers of all five classes");
        }
        Err(error) => panic!("{error}"),
    }
}
