//! A server on the real wtransport, to be a peer of the Go client in tests.
//!
//! It listens on a port of the kernel's choice, says which on standard output, and
//! then does with each session what the query of its CONNECT request asks for (see
//! `script`). What it saw and concluded goes to standard output, one JSON object a
//! line. It ends with its standard input.

mod frames;
mod options;
mod report;
mod script;
mod session;

use std::future::{poll_fn, Future, IntoFuture};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use wtransport::endpoint::{IncomingSession, SessionRequest};
use wtransport::error::ConnectionError;
use wtransport::{Endpoint, Identity, ServerConfig};

use crate::options::Options;
use crate::report::Event;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Error> {
    let options = Arc::new(Options::parse(std::env::args().skip(1))?);
    let identity = Identity::load_pemfiles(&options.cert, &options.key).await?;
    let config = ServerConfig::builder()
        .with_bind_address("127.0.0.1:0".parse()?)
        .with_custom_transport(identity, options.transport())
        .max_idle_timeout(Some(options.idle))?
        .keep_alive_interval(Some(options.keep_alive))
        .build();
    let endpoint = Endpoint::server(config)?;

    // Whoever started this closes the pipe, or dies: either way it is over.
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let port = u64::from(endpoint.local_addr()?.port());
    Event::new("listening").number("port", port).emit();

    let sessions = AtomicU64::new(0);
    let active = Arc::new(AtomicUsize::new(0));
    loop {
        let incoming = endpoint.accept().await;
        if options.ignore {
            incoming.ignore();
            continue;
        }
        if active.load(Ordering::SeqCst) >= options.capacity {
            Event::new("refused").emit();
            drop(incoming); // what the platform's servers do
            continue;
        }
        let id = sessions.fetch_add(1, Ordering::SeqCst);
        let occupied = Occupied::new(&active);
        let options = Arc::clone(&options);
        let serving = tokio::spawn(async move {
            let _occupied = occupied;
            serve(id, incoming, options.settings_delay).await;
        });
        tokio::spawn(async move {
            // wtransport's driver panics over some breaches, and so does who asks it.
            if serving.await.is_err_and(|e| e.is_panic()) {
                Event::new("panic").number("session", id).emit();
            }
        });
    }
}

async fn serve(id: u64, incoming: IncomingSession, settings_delay: Duration) {
    match request(incoming, settings_delay).await {
        Ok(request) => session::run(id, request).await,
        Err(error) => Event::new("failed")
            .number("session", id)
            .error("why", &error)
            .emit(),
    }
}

/// Waits for the client's CONNECT request. wtransport sends its SETTINGS when this
/// is polled after the handshake, which quinn does by itself once it was begun.
async fn request(
    incoming: IncomingSession,
    settings_delay: Duration,
) -> Result<SessionRequest, ConnectionError> {
    let mut session = incoming.into_future();
    if !settings_delay.is_zero() {
        let begun = poll_fn(|cx| Poll::Ready(Pin::new(&mut session).poll(cx))).await;
        if let Poll::Ready(result) = begun {
            return result;
        }
        tokio::time::sleep(settings_delay).await;
    }
    session.await
}

/// Counts a connection while it lives.
struct Occupied(Arc<AtomicUsize>);

impl Occupied {
    fn new(active: &Arc<AtomicUsize>) -> Self {
        active.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(active))
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
