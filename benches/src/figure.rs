//! Figures, their aims, and the table and file that hold them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

/// One measured figure.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
    /// What the same machine could do at best, in the same unit.
    limit: Option<f64>,
    /// The aim, in words.
    aim: &'static str,
    met: bool,
}

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    figures: Vec<Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peers: Option<serde_json::Value>,
}

impl Report {
    /// Adds a figure that has an aim.
    pub(crate) fn add(
        &mut self,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: Option<f64>,
        aim: &'static str,
        met: bool,
    ) {
        let figure = Figure { what: what.into(), value, unit, limit, aim, met };
        println!("  {}", line(&figure));
        self.figures.push(figure);
    }

    /// Prints the table and writes the file, with the peers' figures where there are some. Says how many aims were missed.
    pub(crate) fn finish(mut self, out: &str, peers: Option<&str>) -> usize {
        self.peers = peers
            .and_then(|path| std::fs::read(path).ok())
            .and_then(|text| serde_json::from_slice(&text).ok());
        println!("\n{:<58} {:>12} {:>12} {:>7}  {:<4} aim", "what", "measured", "limit", "ratio", "met");
        for figure in &self.figures {
            println!("{}", line(figure));
        }
        if let Some(peers) = &self.peers {
            print_peers(peers);
        }
        if let Some(parent) = Path::new(out).parent() {
            std::fs::create_dir_all(parent).unwrap();
        }
        std::fs::write(out, serde_json::to_vec_pretty(&self).unwrap()).unwrap();
        println!("\nwritten to {out}");
        let missed: Vec<&Figure> = self.figures.iter().filter(|figure| !figure.met).collect();
        println!("{} of {} aims missed", missed.len(), self.figures.len());
        missed.iter().for_each(|figure| println!("  missed: {}", line(figure)));
        missed.len()
    }
}

/// The peers' figures, a line for each thing measured.
fn print_peers(peers: &serde_json::Value) {
    let text = |figure: &serde_json::Value, name: &str| figure[name].as_str().unwrap_or_default().to_owned();
    let mut by_metric: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for figure in peers["figures"].as_array().into_iter().flatten() {
        let value = figure["value"].as_f64().map_or(String::from("-"), |value| format!("{value:.2}"));
        let line = format!("{} {value} {}", text(figure, "peer"), text(figure, "unit"));
        by_metric.entry(text(figure, "metric")).or_default().push(line);
    }
    println!("\npeers, measured before:");
    for (metric, lines) in by_metric {
        println!("  {metric:<26} {}", lines.join(", "));
    }
}

fn line(f: &Figure) -> String {
    let limit = f.limit.map_or(String::from("-"), |l| format!("{l:.1} {}", f.unit));
    let ratio = f.limit.map_or(String::from("-"), |l| format!("{:.2}", f.value / l));
    let value = format!("{:.1} {}", f.value, f.unit);
    format!(
        "{:<58} {value:>12} {limit:>12} {ratio:>7}  {:<4} {}",
        f.what,
        if f.met { "yes" } else { "NO" },
        f.aim
    )
}
