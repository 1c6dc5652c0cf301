//! A configuration of 10,000 services, from its text to what they are.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use grantry_config::{Config, FixedSurroundings, Source};

use crate::figure::Report;

const SERVICES: usize = 10_000;
/// Of so many loads the median counts.
const LOADS: usize = 9;

pub(crate) fn run(report: &mut Report) {
    let text = text();
    let load = || {
        let source = Source::text("grantry.json", text.clone());
        let loaded = Config::load([source], &FixedSurroundings::new()).unwrap();
        assert_eq!(loaded.config.services().count(), SERVICES);
        black_box(loaded);
    };
    // What any program does with such a text: it reads JSON into values.
    let read = || drop(black_box(serde_json::from_str::<serde_json::Value>(&text).unwrap()));
    let (mut ours, mut limit) = (Vec::new(), Vec::new());
    for _ in 0..LOADS {
        ours.push(millis(load));
        limit.push(millis(read));
    }
    let (ours, limit) = (median(ours), median(limit));
    let what = "configuration: 10,000 services, beside JSON alone";
    report.add(what, ours, "ms", Some(limit), "< 200 ms", ours < 200.0);
}

/// Services as people write them: a third by presets, the others with their own URLs, each with what is its own.
fn text() -> String {
    let mut text = String::from("{\n  \"services\": {\n");
    for nth in 0..SERVICES {
        let end = if nth + 1 == SERVICES { "" } else { "," };
        let server = match nth % 3 {
            0 => r#""provider": "google", "scopes": ["https://www.googleapis.com/auth/calendar.readonly"]"#
                .to_owned(),
            1 => format!(
                r#""flow": "client_credentials", "tokenUrl": "https://as{nth}.example.com/token", "scopes": ["read", "write"]"#
            ),
            _ => format!(
                r#""flow": "authorization_code", "tokenUrl": "https://as{nth}.example.com/token",
      "authorizationUrl": "https://as{nth}.example.com/authorize", "redirectUri": "https://app.example.com/callback", "pkce": true"#
            ),
        };
        let redirect =
            if nth % 3 == 0 { r#", "redirectUri": "https://app.example.com/callback""# } else { "" };
        let written = writeln!(
            text,
            "    \"service-{nth}\": {{\n      \"clientId\": \"client-{nth}\", \"clientSecret\": \"secret-of-{nth}\",\n      \
             {server}{redirect},\n      \"refreshToken\": {{ \"bufferTime\": 300, \"maxRetries\": 3 }}\n    }}{end}"
        );
        written.unwrap();
    }
    text.push_str("  }\n}\n");
    text
}

fn millis(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1_000.0
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
