//! The raw server: exactly the bytes that were asked for, and an account of what left.

use std::time::Duration;

use grantry_testkit::{RawAnswer, RawServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::send;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn exactly_the_bytes_leave_and_the_request_is_kept() {
    let all: Vec<u8> = (0..=255).collect();
    let server = RawServer::start(RawAnswer::bytes(all.clone()).then("end")).await.unwrap();
    let came = send("POST", &server.url("/token?x"), &[("X-Y", "canary")], "client_secret=canary").await;
    assert_eq!(came.bytes, [&all[..], b"end"].concat());
    assert!(server.wait_for(1, LONG).await);
    let exchange = &server.exchanges()[0];
    assert_eq!(exchange.written, 259);
    assert!(exchange.expose_request().starts_with(b"POST /token?x HTTP/1.1\r\n"));
    assert!(exchange.expose_request().ends_with(b"\r\n\r\nclient_secret=canary"));
    assert!(!format!("{server:?} {:?}", server.exchanges()).contains("canary"));
}

#[tokio::test]
async fn answers_come_in_sequence_and_the_last_is_repeated() {
    let json = RawAnswer::json("{}");
    let page = RawAnswer::with_length("503 Busy\r\nContent-Type: text/html", "<p>");
    let server = RawServer::start_sequence([json, page]).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let came = send("GET", &server.url("/"), &[], "").await;
        seen.push((came.status(), came.header("content-length"), came.body()));
    }
    let (two, three) = (Some("2".to_owned()), Some("3".to_owned()));
    let page = (503, three, "<p>".to_owned());
    assert_eq!(seen, [(200, two, "{}".to_owned()), page.clone(), page]);
    let none = RawServer::start_sequence([]).await.unwrap();
    assert!(send("GET", &none.url("/"), &[], "").await.bytes.is_empty());
}

#[tokio::test]
async fn pauses_and_slow_bytes_come_whole() {
    let answer = RawAnswer::bytes("abc").slowly(1, Duration::from_millis(1));
    let answer = answer.pause(Duration::from_millis(1)).repeat("x", 4);
    let server = RawServer::start(answer).await.unwrap();
    assert_eq!(send("GET", &server.url("/"), &[], "").await.bytes, b"abcxxxx");
}

#[tokio::test]
async fn a_reset_follows_the_bytes() {
    let server = RawServer::start(RawAnswer::bytes("HTTP/1.1 200 OK\r\n").reset()).await.unwrap();
    let came = send("GET", &server.url("/"), &[], "").await;
    assert_eq!(came.ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_answer_can_come_before_the_request_and_a_connection_can_stay_open() {
    let server = RawServer::start(RawAnswer::bytes("hello").at_once().hold()).await.unwrap();
    let address = server.origin().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
    assert!(!server.exchanges()[0].over);
    stream.shutdown().await.unwrap();
    assert!(server.wait_for(1, LONG).await);
}

#[tokio::test]
async fn an_endless_answer_ends_with_its_reader() {
    let endless = RawAnswer::default().repeat("A".repeat(65_536), u64::MAX);
    let server = RawServer::start(endless).await.unwrap();
    let address = server.origin().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut some = vec![0; 256 << 10];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    assert!(server.wait_for(1, LONG).await);
    let written = server.exchanges()[0].written;
    assert!((256 << 10..64 << 20).contains(&written), "{written}");
}

#[tokio::test]
async fn shutdown_ends_what_is_held_open() {
    let server = RawServer::start(RawAnswer::default().hold()).await.unwrap();
    let url = server.url("/");
    let asked = tokio::spawn(async move { send("GET", &url, &[], "").await });
    let came = async {
        while server.exchanges().first().is_none_or(|e| e.expose_request().is_empty()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG, came).await.unwrap();
    assert!(!server.wait_for(1, Duration::from_millis(1)).await);
    server.shutdown().await;
    assert!(asked.await.unwrap().bytes.is_empty());
}
