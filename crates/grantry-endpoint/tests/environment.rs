//! The transport takes no proxy from the environment.
#![cfg(feature = "rustls")]
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use grantry_endpoint::{HttpTransport, Request, Transport};

/// Tells the process that a test starts where its server is.
const SERVER: &str = "GRANTRY_TEST_SERVER";

/// A server that answers whoever asks with this status, and how often it was asked.
fn server(status: u16) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let _ = connection.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            let _ = connection.write_all(head.as_bytes());
        }
    });
    (origin, asked)
}

/// The environment is that of a whole process, so the test starts itself once more with another one.
#[test]
fn req_a01_a_proxy_of_the_environment_is_not_asked_for_what_is_on_this_machine() {
    if let Ok(origin) = std::env::var(SERVER) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(async {
            let url = format!("{origin}/metadata").parse().unwrap();
            HttpTransport::new().unwrap().send(Request::new(http::Method::GET, url)).await
        });
        assert_eq!(answer.unwrap().status(), 204);
        return;
    }
    let ((origin, asked), (proxy, proxied)) = (server(204), server(203));
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "req_a01_a_proxy_of_the_environment_is_not_asked_for_what_is_on_this_machine"]);
    again.env(SERVER, origin);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, &proxy);
    }
    for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        again.env_remove(name);
    }
    let ended = again.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    assert_eq!((asked.load(Ordering::SeqCst), proxied.load(Ordering::SeqCst)), (1, 0));
}
