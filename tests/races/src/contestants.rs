//! Who takes part: the workers of this program, those of the peers, and any other program.

use std::env;

use grantry_races::worker::{Arguments, serve};
use grantry_races::{Contestant, Database, Fallible, Grantry, Naive};

use crate::command_line::Options;

/// What a command begins with under which this program is a worker itself; the name of the worker follows.
pub(crate) const WORKER: &str = "worker-";

/// The contestants of this program: the name, what `worker-` is followed by, and the server that the store is on. A name
/// without a program means one of these.
const OWN: [(&str, &str, Option<Database>); 4] = [
    (NAIVE, NAIVE, None),
    ("grantry-sqlite", GRANTRY, None),
    ("grantry-postgres", GRANTRY, Some(Database::Postgres)),
    ("grantry-redis", GRANTRY, Some(Database::Redis)),
];
const NAIVE: &str = "naive";
const GRANTRY: &str = "grantry";

/// The kinds of the program `race-worker` in `benches/peers`.
const PEERS: [&str; 5] =
    ["oauth2-unlocked", "oauth2-empties", "oauth2-flock", "huskarl-file", "huskarl-flock"];

/// Is a worker of this program.
pub(crate) async fn work(name: &str, words: impl Iterator<Item = String>) -> Fallible<()> {
    match name {
        NAIVE => serve::<Naive>(Arguments::parse(words)?).await,
        GRANTRY => serve::<Grantry>(Arguments::parse(words)?).await,
        _ => Err(format!("there is no worker {name} here").into()),
    }
}

/// Those that were named, in their order, and then the peers; all of this program's own if there are none.
pub(crate) fn contestants(options: &Options) -> Fallible<Vec<Contestant>> {
    let named: Fallible<Vec<Contestant>> = match (&options.contestants[..], &options.peers) {
        ([], None) => OWN.iter().map(own).collect(),
        (named, _) => named.iter().map(|text| named_by(text)).collect(),
    };
    let mut contestants = named?;
    if let Some(program) = &options.peers {
        contestants.extend(PEERS.map(|kind| peer(program, kind)));
    }
    Ok(contestants)
}

/// One of this program's own by its name, or any with its program.
pub(crate) fn named_by(text: &str) -> Fallible<Contestant> {
    match OWN.iter().find(|(name, ..)| *name == text) {
        Some(known) => own(known),
        None => Contestant::parse(text),
    }
}

fn own((name, worker, database): &(&str, &str, Option<Database>)) -> Fallible<Contestant> {
    let program = env::current_exe()?.to_string_lossy().into_owned();
    let command = vec![program, format!("{WORKER}{worker}")];
    Ok(Contestant { name: (*name).to_owned(), command, database: *database })
}

fn peer(program: &str, kind: &str) -> Contestant {
    let words = [program, "--kind", kind];
    Contestant { name: kind.to_owned(), command: words.map(str::to_owned).to_vec(), database: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_a_worker_of_this_program_and_peers_come_last() {
        let options = Options {
            contestants: vec!["naive".into(), "other=/bin/other x".into()],
            peers: Some("worker".into()),
            ..Options::default()
        };
        let contestants = contestants(&options).unwrap();
        assert_eq!(contestants.len(), 2 + PEERS.len());
        assert_eq!(contestants[0].command[1], "worker-naive");
        assert_eq!(contestants[1].command, ["/bin/other", "x"]);
        assert_eq!(contestants[2].command, ["worker", "--kind", "oauth2-unlocked"]);
    }

    #[test]
    fn without_any_name_this_programs_own_take_part() {
        assert_eq!(contestants(&Options::default()).unwrap().len(), OWN.len());
        let unknown = Options { contestants: vec!["unheard-of".into()], ..Options::default() };
        assert!(contestants(&unknown).is_err());
    }
}
