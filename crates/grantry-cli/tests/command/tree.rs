//! Every command there is, as its own help names them.

use crate::fixture::Home;

/// All commands that do something, such as `auth set`. Each is asked for its help, so that none can be forgotten here.
pub(crate) async fn commands(home: &Home) -> Vec<String> {
    every(home).await.into_iter().filter(|(_, is_group, _)| !is_group).map(|(name, ..)| name).collect()
}

/// The help of the program, of each group and of each command.
pub(crate) async fn helps(home: &Home) -> Vec<(String, String)> {
    every(home).await.into_iter().map(|(name, _, help)| (name, help)).collect()
}

/// Name, whether it only holds others, and help.
async fn every(home: &Home) -> Vec<(String, bool, String)> {
    let (mut all, mut waiting) = (Vec::new(), vec![String::new()]);
    while let Some(name) = waiting.pop() {
        let arguments: Vec<&str> = name.split_whitespace().chain(["--help"]).collect();
        let help = home.run(&arguments).await.ends(0).stdout;
        let below = below(&help);
        waiting.extend(below.iter().map(|below| format!("{name} {below}").trim().to_owned()));
        all.push((name, !below.is_empty(), help));
    }
    all.sort();
    all
}

/// What the section `Commands:` of a help names.
fn below(help: &str) -> Vec<String> {
    let section =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What goes on from the line before stands further in.
    let names = section.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_that_are_found_are_those_of_the_manual_pages() {
    let home = Home::new();
    let folder = home.folder.path().join("man");
    std::fs::create_dir(&folder).unwrap();
    home.run(&["man", "man"]).await.ends(0);
    // These come from the same tree by another way.
    let mut pages: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let mut found: Vec<String> = every(&home)
        .await
        .iter()
        .map(|(name, ..)| format!("grantry {name}").trim().replace(' ', "-") + ".1")
        .collect();
    found.sort();
    assert_eq!(found, pages);
}
