//! Names whose addresses change, or are none that a learned URL may lead to.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;

use super::resolve::Names;
use super::*;
use crate::address_guard::table::TABLE;

const NAME: &str = "keys.example";

/// Gives another address at each look-up.
#[derive(Debug, Default)]
struct Changing {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Changing {
    fn next(&self, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.answers.lock().unwrap().push_back(addresses);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Names for Changing {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        assert_eq!(name, NAME);
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answers.lock().unwrap().pop_front().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A server for `keys.example` at 127.0.0.1, and one that counts who comes at the same port of 127.0.0.2.
struct Servers {
    port: u16,
    root: Vec<u8>,
    served: Arc<AtomicUsize>,
    elsewhere: Arc<AtomicUsize>,
}

async fn servers() -> Servers {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let root = made.cert.pem().into_bytes();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let other = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let (served, elsewhere) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&served);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut socket) = acceptor.accept(socket).await else { continue };
            let mut head = [0; 4096];
            if socket.read(&mut head).await.is_ok_and(|read| read > 0) {
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _ = socket.write_all(answer).await;
                let _ = socket.shutdown().await;
            }
        }
    });
    let counted = Arc::clone(&elsewhere);
    tokio::spawn(async move {
        while other.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    Servers { port, root, served, elsewhere }
}

fn learned(url: &str) -> Request {
    Request::new(Method::GET, Url::parse(url).unwrap()).learned()
}

#[tokio::test]
async fn req_e20_a_name_that_changes_its_address_is_looked_up_once_for_each_connection() {
    let servers = servers().await;
    let names = Arc::new(Changing::default());
    let transport = HttpTransport::builder()
        .add_root_certificate(servers.root.clone())
        .allow_private_addresses()
        .names(names.clone())
        .build()
        .unwrap();
    let url = format!("https://{NAME}:{}/keys", servers.port);
    let send = async || transport.send(learned(&url)).await.map(|answer| answer.status().as_u16());
    // Whoever looked the name up once more, to connect, would end up at 127.0.0.2.
    names.next(&["127.0.0.1"]);
    names.next(&["127.0.0.2"]);
    assert_eq!(send().await.unwrap(), 200);
    assert_eq!((names.asked(), servers.elsewhere.load(Ordering::SeqCst)), (1, 0));
    names.answers.lock().unwrap().clear();
    // A name that was good before is looked at again with the next connection.
    for bad in [&["169.254.169.254"][..], &["::ffff:169.254.169.254", "0.0.0.0"], &["fd00:ec2::254"]] {
        names.next(bad);
        let failed = send().await.unwrap_err();
        assert_eq!(
            (failed.cause(), failed.is_unsent()),
            (TransportCause::AddressNotAllowed, true),
            "{bad:?}"
        );
    }
    // Of several addresses only those that are allowed are tried.
    names.next(&["169.254.169.254", "127.0.0.1", "224.0.0.1"]);
    assert_eq!(send().await.unwrap(), 200);
    assert_eq!((names.asked(), servers.served.load(Ordering::SeqCst)), (5, 2));
    assert_eq!(servers.elsewhere.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn req_e20_no_learned_name_or_literal_leads_to_an_address_of_the_table_that_is_not_public() {
    let names = Arc::new(Changing::default());
    let build = || HttpTransport::builder().connect_timeout(Duration::from_millis(200)).names(names.clone());
    let (strict, lenient) = (build().build().unwrap(), build().allow_private_addresses().build().unwrap());
    let mut refused = 0;
    for (address, class) in TABLE {
        let transports = match class {
            AddressClass::Public => continue,
            AddressClass::Private => &[&strict][..],
            AddressClass::Forbidden => &[&strict, &lenient],
        };
        let literal = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        for transport in transports {
            names.next(&[address]);
            for host in [NAME, &literal] {
                let failed = transport.send(learned(&format!("https://{host}:1/"))).await.unwrap_err();
                assert_eq!(failed.cause(), TransportCause::AddressNotAllowed, "{address} as {host}");
                assert!(failed.is_unsent());
            }
        }
        refused += 1;
    }
    assert!(refused >= 40, "{refused}");
}
