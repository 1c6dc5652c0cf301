//! A proxy between a vault and its server, which cuts and stalls as a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What happens to bytes from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fault {
    None,
    /// Questions reach the server; instead of the answer the connection is cut.
    CutAnswers,
    /// The connection is cut before a question reaches the server.
    CutQuestions,
    /// Questions reach the server; answers stay away.
    StallAnswers,
    /// Nothing comes of new connections, and they are not cut either.
    StallConnections,
    /// New connections are cut at once, and those that are there at their next byte.
    Down,
}

impl Fault {
    fn is(self, fault: &AtomicU8) -> bool {
        fault.load(Ordering::SeqCst) == self as u8
    }
}

pub(crate) struct Proxy {
    port: u16,
    fault: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fault = Arc::new(AtomicU8::new(Fault::None as u8));
        let shared = Arc::clone(&fault);
        tokio::spawn(async move {
            let mut stalled = Vec::new();
            while let Ok((client, _)) = listener.accept().await {
                if Fault::StallConnections.is(&shared) {
                    stalled.push(client);
                    continue;
                }
                if Fault::Down.is(&shared) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
                tokio::spawn(carry(client, server, Arc::clone(&shared)));
            }
        });
        Self { port, fault }
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }

    /// The URL with the proxy's port in the place of the server's.
    pub(crate) fn url(&self, url: &str, port: u16) -> String {
        url.replace(&format!(":{port}/"), &format!(":{}/", self.port))
    }
}

/// Both ways, until one of them ends.
async fn carry(client: TcpStream, server: TcpStream, fault: Arc<AtomicU8>) {
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = copy(from_client, to_server, &fault, &[Fault::CutQuestions, Fault::Down]) => {}
        () = copy(from_server, to_client, &fault, &[Fault::CutAnswers, Fault::Down]) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fault: &AtomicU8, cuts: &[Fault]) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        if cuts.iter().any(|cut| cut.is(fault)) {
            return;
        }
        while cuts.contains(&Fault::CutAnswers) && Fault::StallAnswers.is(fault) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
