//! The front on a loopback socket: HTTP/1.1, parsed and written by hyper.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use url::Url;

use crate::ReceivedRequest;
use crate::fault::Wire;
use crate::stage::{Reaction, Stage, Stop};
use crate::wire::{FaultyStream, WireControl};

/// The largest body that is read; a larger one is answered 413.
const BODY_MAX: usize = 1 << 20;

/// A socket of this machine that is not served yet.
pub(crate) struct Bound {
    listener: TcpListener,
    base: Url,
}

impl Bound {
    /// Binds an ephemeral port of 127.0.0.1.
    pub(crate) async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address: SocketAddr = listener.local_addr()?;
        let base = Url::parse(&format!("http://{address}/")).map_err(io::Error::other)?;
        Ok(Self { listener, base })
    }

    /// Scheme, address and port, without a slash at the end.
    pub(crate) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// Starts to serve.
    pub(crate) fn serve(self, stage: Arc<Stage>) -> Front {
        let (running, stop) = watch::channel(());
        let task = tokio::spawn(accept(self.listener, self.base, stage, stop));
        Front { task, running: Some(running) }
    }
}

/// A socket being served. Dropping it closes the socket and every connection.
pub(crate) struct Front {
    task: JoinHandle<()>,
    running: Option<watch::Sender<()>>,
}

impl Front {
    /// Closes the socket and every connection, and waits until they are.
    pub(crate) async fn shutdown(mut self) {
        self.running = None;
        self.task.abort();
        // It was cancelled: there is nothing else to be told.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, base: Url, stage: Arc<Stage>, stop: Stop) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Without a connection (out of descriptors, gone already) there is nobody to answer.
                let Ok((stream, _)) = accepted else {
                    sleep(Duration::from_millis(10)).await;
                    continue;
                };
                connections.spawn(connection(stream, base.clone(), stage.clone(), stop.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, base: Url, stage: Arc<Stage>, stop: Stop) {
    // Small answers leave at once; without it they only leave later.
    let _ = stream.set_nodelay(true);
    let control = WireControl::default();
    let io = TokioIo::new(FaultyStream::new(stream, control.clone()));
    let service = service_fn(|request| answer(request, &base, &stage, &stop, &control));
    // The answers carry the date of the server's own clock. A cut connection is what was asked for.
    let _ = http1::Builder::new().auto_date_header(false).serve_connection(io, service).await;
}

/// Ends a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
struct Closed;

async fn answer(
    request: hyper::Request<Incoming>,
    base: &Url,
    stage: &Arc<Stage>,
    stop: &Stop,
    control: &WireControl,
) -> Result<Response<Full<Bytes>>, Closed> {
    control.set(Wire::Whole);
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
        let mut refusal = Response::new(Full::default());
        *refusal.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(refusal);
    };
    let mut url = base.clone();
    url.set_path(parts.uri.path());
    url.set_query(parts.uri.query());
    let received = ReceivedRequest::new(parts.method, url, parts.headers, body.to_bytes());
    match stage.serve(received, Some(stop.clone())).await {
        Reaction::Drop | Reaction::Refuse => Err(Closed),
        Reaction::Answer(answer, wire) => {
            control.set(wire);
            let body = Bytes::copy_from_slice(answer.expose_body());
            let mut response = Response::new(Full::<Bytes>::new(body));
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            Ok(response)
        }
    }
}
