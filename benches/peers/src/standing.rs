//! Where one stands among all, read off the figures.

use std::fmt::Write as _;

use crate::figure::Figure;

/// Of these more is better; of everything else less is.
const MORE_IS_BETTER: [&str; 2] = ["hit_two_threads_ratio", "outage_served"];

/// A line for each metric: whether `name` is ahead of everybody else, level with the best of them, or behind.
pub(crate) fn standing(figures: &[Figure], name: &str) -> String {
    let mut text = String::new();
    // As it stands in the table: what is beyond is noise.
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    for own in figures.iter().filter(|figure| figure.peer == name) {
        let sign = if MORE_IS_BETTER.contains(&own.metric) { -1.0 } else { 1.0 };
        let others = figures.iter().filter(|other| other.peer != name && other.metric == own.metric);
        let best = others
            .filter_map(|other| other.value.map(|value| (rounded(value) * sign, other.peer)))
            .min_by(|one, other| one.0.total_cmp(&other.0));
        let (Some(value), Some((best, peer))) = (own.value.map(|value| rounded(value) * sign), best) else {
            continue;
        };
        let word = match value.total_cmp(&best) {
            std::cmp::Ordering::Less => "ahead of all, the next is",
            std::cmp::Ordering::Equal => "level with",
            std::cmp::Ordering::Greater => "BEHIND",
        };
        let _ = writeln!(text, "{:<26} {word} {peer} ({} beside {})", own.metric, value.abs(), best.abs());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_is_better_but_where_more_is() {
        let figure = |peer, metric, value| Figure { peer, metric, value, unit: "", note: String::new() };
        let figures = [
            figure("we", "hit_one_thread", Some(40.0)),
            figure("we", "outage_served", Some(100.0)),
            figure("we", "outage_requests", Some(4.0)),
            figure("we", "renewal_max", None),
            figure("a", "hit_one_thread", Some(57.0)),
            figure("a", "outage_served", Some(100.0)),
            figure("a", "outage_requests", Some(2.0)),
            figure("b", "hit_one_thread", Some(300.0)),
            figure("b", "outage_served", None),
            figure("we", "hit_allocations", Some(0.0014)),
            figure("b", "hit_allocations", Some(0.0)),
        ];
        let text = standing(&figures, "we");
        let words: Vec<&str> = text.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(words, ["ahead", "level", "BEHIND", "level"], "{text}");
        assert!(text.contains("is a (40 beside 57)") && text.contains("(100 beside 100)"), "{text}");
    }
}
