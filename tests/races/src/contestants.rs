//! Who takes part: the workers of this program, those of the peers, and any other program.

use std::env;

use grantry_races::worker::{Arguments, serve};
use grantry_races::{Contestant, Fallible, Naive};

use crate::command_line::Options;

/// What a command begins with under which this program is a worker itself; the name of the worker follows.
pub(crate) const WORKER: &str = "worker-";

/// The workers of this program, by what `worker-` is followed by. A name without a program means one of these.
const OWN: [&str; 1] = [NAIVE];
const NAIVE: &str = "naive";

/// The kinds of the program `race-worker` in `benches/peers`.
const PEERS: [&str; 5] =
    ["oauth2-unlocked", "oauth2-empties", "oauth2-flock", "huskarl-file", "huskarl-flock"];

/// Is a worker of this program.
pub(crate) async fn work(name: &str, words: impl Iterator<Item = String>) -> Fallible<()> {
    match name {
        NAIVE => serve::<Naive>(Arguments::parse(words)?).await,
        _ => Err(format!("there is no worker {name} here").into()),
    }
}

/// Those that were named, in their order, and then the peers; all of this program's own if there are none.
pub(crate) fn contestants(options: &Options) -> Fallible<Vec<Contestant>> {
    let named: Fallible<Vec<Contestant>> = match (&options.contestants[..], &options.peers) {
        ([], None) => OWN.into_iter().map(own).collect(),
        (named, _) => named.iter().map(|text| named_by(text)).collect(),
    };
    let mut contestants = named?;
    if let Some(program) = &options.peers {
        contestants.extend(PEERS.map(|kind| peer(program, kind)));
    }
    Ok(contestants)
}

fn named_by(text: &str) -> Fallible<Contestant> {
    match OWN.into_iter().find(|name| *name == text) {
        Some(name) => own(name),
        None => Contestant::parse(text),
    }
}

fn own(name: &str) -> Fallible<Contestant> {
    let program = env::current_exe()?.to_string_lossy().into_owned();
    Ok(Contestant { name: name.to_owned(), command: vec![program, format!("{WORKER}{name}")] })
}

fn peer(program: &str, kind: &str) -> Contestant {
    let words = [program, "--kind", kind];
    Contestant { name: kind.to_owned(), command: words.map(str::to_owned).to_vec() }
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
