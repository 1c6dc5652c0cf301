//! Whatever a broken or hostile token endpoint answers, over real sockets: nothing hangs or panics, the reading
//! is bounded, every error has its kind, and no refresh token is lost.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ask;
mod bound;
mod cuts;
mod matrix;
mod redirects;
mod rows;
mod short_lives;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use rows::{Row, Way};

/// How many rows are asked at once.
const AT_ONCE: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_the_list_comes_to_what_it_should() {
    let rows = rows::all();
    let mut names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "two rows have one name: {names:?}");

    // The rows that wait for a timeout come on top of the others.
    let (room, waiting) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(64)));
    let mut asked = JoinSet::new();
    for row in rows {
        let ways = [Way::ClientCredentials, Way::RefreshToken].into_iter();
        for way in ways.filter(|way| row.only_of.is_none_or(|only| only == *way)) {
            let (row, room) = (row.clone(), if row.impatient { waiting.clone() } else { room.clone() });
            asked.spawn(async move {
                let _permit = room.acquire_owned().await.unwrap();
                check(&row, way).await
            });
        }
    }
    let mut wrong: Vec<String> = asked.join_all().await.into_iter().flatten().collect();
    wrong.sort();
    assert!(wrong.is_empty(), "{} rows came to something else:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong with what came of a row, if anything is.
async fn check(row: &Row, way: Way) -> Option<String> {
    let came = ask::once(row, way).await;
    let mut wrong = came.complaints;
    if came.outcome != row.expected {
        wrong.push(format!("expected {:?}\n      came     {:?}", row.expected, came.outcome));
    }
    (!wrong.is_empty()).then(|| format!("  {} ({way:?}): {}", row.name, wrong.join("\n      ")))
}
