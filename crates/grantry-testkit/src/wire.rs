//! A socket on whose way out an answer can suffer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::fault::Wire;

/// What comes in place of an answer that is garbage: no HTTP version begins like this.
pub(crate) const GARBAGE: &[u8] = b"\x00\xff\x16\x03 this is no HTTP at all \r\n\x7f\xfe\r\n\r\n";

/// Sets what happens to the answer that is written next.
#[derive(Clone, Default)]
pub(crate) struct WireControl(Arc<Mutex<Option<Wire>>>);

impl WireControl {
    pub(crate) fn set(&self, wire: Wire) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(wire);
    }

    fn take(&self) -> Option<Wire> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A stream that hyper writes whole answers to, and that passes on what the fault lets through.
pub(crate) struct FaultyStream {
    inner: TcpStream,
    control: WireControl,
    wire: Wire,
    /// Bytes of this answer that have left.
    written: usize,
    /// Until when a slow answer waits.
    pause: Option<Pin<Box<Sleep>>>,
}

impl FaultyStream {
    pub(crate) fn new(inner: TcpStream, control: WireControl) -> Self {
        Self { inner, control, wire: Wire::Whole, written: 0, pause: None }
    }

    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.written += n;
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for FaultyStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(wire) = self.control.take() {
            (self.wire, self.written, self.pause) = (wire, 0, None);
        }
        let this = &mut *self;
        match this.wire {
            Wire::Whole => this.write(cx, bytes),
            Wire::Cut { at, reset } => {
                let left = at.saturating_sub(this.written).min(bytes.len());
                if left == 0 && !bytes.is_empty() {
                    if reset {
                        this.inner.set_zero_linger()?;
                    }
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
                this.write(cx, &bytes[..left])
            }
            Wire::Slow { bytes: step, every } => {
                if let Some(pause) = &mut this.pause {
                    ready!(pause.as_mut().poll(cx));
                    this.pause = None;
                }
                let n = ready!(this.write(cx, &bytes[..bytes.len().min(step)]))?;
                this.pause = Some(Box::pin(sleep(every)));
                Poll::Ready(Ok(n))
            }
            Wire::Garbage => {
                while this.written < GARBAGE.len() {
                    ready!(this.write(cx, &GARBAGE[this.written..]))?;
                }
                Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl AsyncRead for FaultyStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}
