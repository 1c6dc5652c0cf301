//! Measures other crates that keep OAuth 2.0 tokens, each against a token endpoint on a loopback port of this process.
//!
//! See README.md for what is measured and how to read it.

#![deny(unsafe_code)]

mod allocations;
mod figure;
mod measure;
mod peer;
mod peers;
mod standing;
mod token_endpoint;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::figure::Figure;
use crate::measure::Effort;
use crate::peer::Peer;
use crate::peers::{
    AliriTokens, AwsSmithyRuntime, AzureIdentity, GoogleCloudAuth, Grantry, Huskarl, Middle, YupOauth2,
};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

const USAGE: &str = "usage: grantry-bench-peers [--out PATH] [--only NAME] [--quick]";

/// A peer's name and the measurement of it.
type Entry = (&'static str, fn(Effort) -> Vec<Figure>);

const PEERS: [Entry; 8] = [
    entry::<Grantry>(),
    entry::<Huskarl>(),
    entry::<GoogleCloudAuth>(),
    entry::<AzureIdentity>(),
    entry::<AwsSmithyRuntime>(),
    entry::<YupOauth2>(),
    entry::<Middle>(),
    entry::<AliriTokens>(),
];

const fn entry<P: Peer>() -> Entry {
    (P::NAME, measure::all::<P>)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::from_arguments(std::env::args().skip(1))?;
    refuse_proxies()?;
    raise_descriptor_limit()?;
    let chosen: Vec<Entry> =
        PEERS.into_iter().filter(|(name, _)| options.only.as_ref().is_none_or(|only| only == name)).collect();
    if chosen.is_empty() {
        let names = PEERS.map(|(name, _)| name).join(", ");
        return Err(format!("no such peer; there are {names}").into());
    }
    let load = load_average();
    let effort = Effort { quick: options.quick };
    let figures: Vec<Figure> = chosen.iter().flat_map(|(_, measure)| measure(effort)).collect();
    let report = figure::to_json(&figures, options.quick, load.as_deref());
    if let Some(folder) = options.out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&options.out, serde_json::to_string_pretty(&report)? + "\n")?;
    print!("{}", figure::to_table(&figures));
    print!("\n{}", standing::standing(&figures, Grantry::NAME));
    eprintln!("written to {}", options.out.display());
    Ok(())
}

/// Of the last minute, where the system tells.
fn load_average() -> Option<String> {
    let loads = std::fs::read_to_string("/proc/loadavg").ok()?;
    loads.split(' ').next().map(str::to_owned)
}

struct Options {
    out: PathBuf,
    only: Option<String>,
    quick: bool,
}

impl Options {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Self, &'static str> {
        let mut options = Self { out: PathBuf::from("target/bench-peers.json"), only: None, quick: false };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--out" => options.out = arguments.next().ok_or(USAGE)?.into(),
                "--only" => options.only = Some(arguments.next().ok_or(USAGE)?),
                "--quick" => options.quick = true,
                _ => return Err(USAGE),
            }
        }
        Ok(options)
    }
}

/// Some peers build their own HTTP client, which would send loopback requests to a proxy of the environment.
fn refuse_proxies() -> Result<(), String> {
    let variables = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    match variables.iter().find(|name| std::env::var_os(name).is_some()) {
        Some(name) => Err(format!("unset {name}: nothing here may leave the loopback interface")),
        None => Ok(()),
    }
}

/// A thousand tasks may mean a thousand connections, with both ends in this process.
fn raise_descriptor_limit() -> Result<(), rustix::io::Errno> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)
}
