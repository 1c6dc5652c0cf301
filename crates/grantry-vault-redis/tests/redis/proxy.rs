//! A proxy on loopback that loses what it should.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to what comes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All of it is handed on.
    HandOn,
    /// The next bytes of a client are handed on to the server, and their answer is thrown away with the connection.
    LoseTheAnswer,
    /// The next bytes of a client are handed on, and their answer never comes.
    KeepTheAnswer,
    /// All connections end, and new ones end at once.
    Refuse,
}

/// A running proxy; it ends with its runtime.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    /// How many bundles of a client's bytes were handed on while answers were lost.
    handed_on: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, modes) = watch::channel(Mode::HandOn);
        let handed_on = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&handed_on);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(
                    client,
                    (Ipv4Addr::LOCALHOST, server).into(),
                    modes.clone(),
                    count.clone(),
                ));
            }
        });
        Self { port, mode, handed_on }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub(crate) fn handed_on(&self) -> usize {
        self.handed_on.load(Ordering::Acquire)
    }
}

async fn carry(
    mut client: TcpStream,
    server: SocketAddr,
    mut modes: watch::Receiver<Mode>,
    handed_on: Arc<AtomicUsize>,
) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
    loop {
        let mode = *modes.borrow_and_update();
        if mode == Mode::Refuse {
            return;
        }
        tokio::select! {
            _ = modes.changed() => {}
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                // What it was set to since then counts.
                let mode = *modes.borrow();
                if mode == Mode::Refuse {
                    return;
                }
                server.write_all(&asked[..length]).await.unwrap();
                if mode != Mode::HandOn {
                    // The server has done it when it answers.
                    let _ = server.read(&mut answered).await;
                    handed_on.fetch_add(1, Ordering::AcqRel);
                    if mode == Mode::LoseTheAnswer {
                        return;
                    }
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
