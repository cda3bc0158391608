//! How long a peer may keep us waiting: a stream that ends with `TimedOut` when the peer is too slow.
//!
//! One mechanism for three of the four deadlines. [`Pace`] says what the connection is doing; the stream sets it when
//! bytes arrive, the service when a request begins and when it is answered. The fourth, for a body, is an answer of
//! its own (408) and belongs to [`super::body`].
//!
//! ```text
//! idle ─first byte─▶ head ─request handed over─▶ busy ─answered─▶ (next read) idle
//! ```
//!
//! A stalled write runs beside them. The one timer is moved only when it would fire too late; on a busy connection it
//! is not touched at all.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::line_ends::LineEnds;

/// How long a peer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    /// From the first byte of a head to its last.
    pub(super) head: Duration,
    /// From one request's answer to the next one's first byte.
    pub(super) idle: Duration,
    /// For the peer to make room for another byte of an answer.
    pub(super) write_stall: Duration,
}

/// What a connection is doing. Shared by its stream and its service, which one task polls in turn; the atomics are
/// there for `Sync`, not for order.
#[derive(Debug, Default)]
pub(super) struct Pace {
    phase: AtomicU8,
    bare_line_feed: AtomicBool,
}

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;
const ANSWERED: u8 = 3;

impl Pace {
    /// A whole head has arrived. True if one of its lines ended in a bare LF.
    pub(super) fn begin(&self) -> bool {
        self.set(BUSY);
        self.bare_line_feed.swap(false, Ordering::Relaxed)
    }

    /// The answer is ready to be written; the next read waits for another request.
    pub(super) fn answered(&self) {
        self.set(ANSWERED);
    }

    fn set(&self, phase: u8) {
        self.phase.store(phase, Ordering::Relaxed);
    }

    fn phase(&self) -> u8 {
        self.phase.load(Ordering::Relaxed)
    }
}

/// A stream whose peer must keep pace.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    pace: Arc<Pace>,
    deadlines: Deadlines,
    line_ends: LineEnds,
    /// When the head, or its first byte, must have come. Counts while idle or in a head.
    read_by: Instant,
    /// When a stalled write must have moved.
    write_by: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    /// A fresh connection: idle.
    pub(super) fn new(stream: S, pace: Arc<Pace>, deadlines: Deadlines) -> Self {
        let read_by = Instant::now() + deadlines.idle;
        let alarm = Box::pin(tokio::time::sleep_until(read_by));
        Self { stream, pace, deadlines, line_ends: LineEnds::default(), read_by, write_by: None, alarm }
    }

    /// Before a read: after an answer, what comes next is another request.
    fn before_read(&mut self) {
        if self.pace.phase() == ANSWERED {
            self.pace.set(IDLE);
            self.read_by = Instant::now() + self.deadlines.idle;
            self.line_ends = LineEnds::default();
        }
    }

    /// After a read: the first byte starts a head.
    fn after_read(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.pace.phase() == IDLE {
            self.pace.set(HEAD);
            self.read_by = Instant::now() + self.deadlines.head;
        }
        if self.pace.phase() == HEAD && self.line_ends.read(bytes) {
            self.pace.bare_line_feed.store(true, Ordering::Relaxed);
        }
    }

    /// Ready when a deadline has passed; otherwise the task is woken when the next one does.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let read_by = matches!(self.pace.phase(), IDLE | HEAD).then_some(self.read_by);
        let Some(due) = read_by.into_iter().chain(self.write_by).min() else { return Poll::Pending };
        loop {
            if self.alarm.deadline() > due {
                self.alarm.as_mut().reset(due);
            }
            ready!(self.alarm.as_mut().poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            // It rang for a deadline that has moved since.
            self.alarm.as_mut().reset(due);
        }
    }

    /// After a write: any progress ends the stall.
    fn after_write<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_by = None;
            return written;
        }
        self.write_by.get_or_insert_with(|| Instant::now() + self.deadlines.write_stall);
        self.poll_overdue(cx).map(Err)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.before_read();
        let before = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                this.after_read(&buf.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => this.poll_overdue(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.after_write(written, cx)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.after_write(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Of a plain socket it never waits; TLS may have taken the bytes and not got rid of them.
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.after_write(flushed, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.after_write(shut, cx)
    }
}
