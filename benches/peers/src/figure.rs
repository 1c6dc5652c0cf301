//! The results: one figure each, as JSON and as a table.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::peer::{Peer, locked_version};
use crate::token_endpoint::TOKEN_BYTES;

/// One measured number.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) peer: &'static str,
    pub(crate) metric: &'static str,
    /// `None` where it could not be measured; the note says why.
    pub(crate) value: Option<f64>,
    pub(crate) unit: &'static str,
    pub(crate) note: String,
}

impl Figure {
    pub(crate) fn new<P: Peer>(
        metric: &'static str,
        value: f64,
        unit: &'static str,
        note: impl Into<String>,
    ) -> Self {
        Self { peer: P::NAME, metric, value: Some(value), unit, note: note.into() }
    }

    pub(crate) fn missing<P: Peer>(metric: &'static str, why: String) -> Self {
        Self { peer: P::NAME, metric, value: None, unit: "", note: why }
    }

    fn to_json(&self) -> Value {
        json!({
            "peer": self.peer,
            "version": locked_version(self.peer),
            "metric": self.metric,
            // Three decimals say more than the measurement can.
            "value": self.value.map(|value| (value * 1000.0).round() / 1000.0),
            "unit": self.unit,
            "note": self.note,
        })
    }
}

/// The whole report; the load average tells whether the machine was busy with other things.
pub(crate) fn to_json(figures: &[Figure], quick: bool, load_average: Option<&str>) -> Value {
    json!({
        "token_bytes": TOKEN_BYTES,
        "quick": quick,
        "load_average_at_start": load_average,
        "figures": figures.iter().map(Figure::to_json).collect::<Vec<_>>(),
    })
}

/// A row for each peer, a column for each metric, in the order in which they were measured.
pub(crate) fn to_table(figures: &[Figure]) -> String {
    let mut peers: Vec<&str> = Vec::new();
    let mut metrics: Vec<&str> = Vec::new();
    for figure in figures {
        if !peers.contains(&figure.peer) {
            peers.push(figure.peer);
        }
        if !metrics.contains(&figure.metric) {
            metrics.push(figure.metric);
        }
    }
    let mut rows = vec![vec!["metric".to_owned()]];
    rows[0].extend(peers.iter().map(|peer| format!("{peer} {}", locked_version(peer))));
    for metric in metrics {
        let mut row = vec![metric.to_owned()];
        for peer in &peers {
            let found = figures.iter().find(|figure| figure.peer == *peer && figure.metric == metric);
            row.push(found.map_or_else(String::new, cell));
        }
        rows.push(row);
    }
    let widths: Vec<usize> =
        (0..=peers.len()).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let mut table = String::new();
    for row in rows {
        for (text, width) in row.iter().zip(&widths) {
            let _ = write!(table, "{text:<width$}  ");
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    table
}

fn cell(figure: &Figure) -> String {
    match figure.value {
        None => "-".to_owned(),
        Some(value) if value.fract() == 0.0 => format!("{value:.0} {}", figure.unit),
        Some(value) if value >= 100.0 => format!("{value:.0} {}", figure.unit),
        Some(value) => format!("{value:.2} {}", figure.unit),
    }
}
