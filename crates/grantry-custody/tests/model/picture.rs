//! The manual's picture of the protocol shows what the search finds.

use std::collections::BTreeSet;

const PICTURE: &str = include_str!("../../../grantry/src/manual/refresh_protocol.svg");

/// From one state to another.
type Change = (String, String);

/// The states from which a grant can be withdrawn: the picture calls them any.
const ANY: [&str; 4] = ["active", "renewing", "in doubt", "person needed"];

/// The arrows of the picture.
fn shown() -> BTreeSet<Change> {
    let value = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let arrows =
        PICTURE.lines().filter_map(|line| Some((value(line, "data-from")?, value(line, "data-to")?)));
    let arrows = arrows.flat_map(|(from, to)| {
        let from = if from == "any" { ANY.map(str::to_owned).to_vec() } else { vec![from] };
        from.into_iter().map(move |from| (from, to.clone()))
    });
    arrows.collect()
}

#[test]
fn the_picture_of_the_manual_has_an_arrow_for_each_change_that_can_happen_and_no_other() {
    let changes = crate::searched().iter().flat_map(|(_, found)| &found.changes);
    let found: BTreeSet<Change> = changes.map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    assert_eq!(found, shown());
}
