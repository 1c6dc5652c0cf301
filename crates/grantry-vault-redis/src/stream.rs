//! The bytes' way to the server, counted.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::address::Place;

/// A stream that counts what the system took of what was written to it.
///
/// Whether a command that got no answer was sent at all is read from the count: where it has not grown and the
/// stream is gone, no byte of the command left this process.
pub(crate) struct Counted {
    way: Box<dyn Way>,
    written: Arc<AtomicU64>,
}

/// Whatever bytes go through.
trait Way: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Way for S {}

impl Counted {
    /// Opens a stream, and returns its count with it.
    pub(crate) async fn open(place: &Place) -> io::Result<(Self, Arc<AtomicU64>)> {
        let way: Box<dyn Way> = match place {
            Place::Loopback(addresses) => {
                let stream = TcpStream::connect(addresses.as_slice()).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            #[cfg(unix)]
            Place::Socket(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
            #[cfg(not(unix))]
            Place::Socket(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        let written = Arc::new(AtomicU64::new(0));
        Ok((Self { way, written: Arc::clone(&written) }, written))
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").field("written", &self.written).finish_non_exhaustive()
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.way).poll_read(context, into)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = Pin::new(&mut *self.way).poll_write(context, bytes);
        if let Poll::Ready(Ok(bytes)) = &taken {
            self.written.fetch_add(u64::try_from(*bytes).unwrap_or(u64::MAX), Ordering::AcqRel);
        }
        taken
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.way).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.way).poll_shutdown(context)
    }
}
