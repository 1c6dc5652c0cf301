//! The rules of the house, on the house itself.

#[test]
fn the_house_is_tidy() {
    let report = xtask::tidy::check(&xtask::root()).unwrap();
    let lines: Vec<String> = report.offences.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} offences\n{}", lines.len(), lines.join("\n"));
}
