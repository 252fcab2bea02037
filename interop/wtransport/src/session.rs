//! Does with one session what its script says, and reports how it ended.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use wtransport::endpoint::SessionRequest;
use wtransport::error::{ConnectionError, StreamReadError, StreamWriteError};
use wtransport::{Connection, RecvStream, SendStream, VarInt};

use crate::frames::{self, Reader};
use crate::report::Event;
use crate::script::{self, Step};

/// Who ends a session first.
enum By {
    Client,
    Drop,
    Close,
}

pub async fn run(id: u64, request: SessionRequest) {
    Event::new("request")
        .number("session", id)
        .text("authority", request.authority())
        .text("path", request.path())
        .text("user_agent", request.user_agent().unwrap_or_default())
        .emit();
    let Some(steps) = script::parse(request.path()) else {
        Event::new("no script").number("session", id).emit();
        return request.not_found().await;
    };
    let mut steps = steps.into_iter();
    let Some(connection) = answer(id, request, &mut steps).await else {
        return;
    };
    let mut session = Session {
        id,
        connection,
        send: None,
        receive: None,
    };
    let mut by = By::Client;
    for step in steps {
        match session.step(step).await {
            Ok(None) => {}
            Ok(Some(end)) => by = end,
            Err(Over) => break,
        }
    }
    match by {
        // Dropping the last handle is the close.
        By::Drop => Event::new("end")
            .number("session", id)
            .text("by", "drop")
            .emit(),
        By::Close => session.report_end("close").await,
        By::Client => session.report_end("client").await,
    }
}

/// The steps up to the acceptance; None when there is none.
async fn answer(
    id: u64,
    request: SessionRequest,
    steps: &mut impl Iterator<Item = Step>,
) -> Option<Connection> {
    for step in steps {
        match step {
            Step::Wait(ms) => sleep(Duration::from_millis(ms)).await,
            Step::Status(403) => {
                request.forbidden().await;
                return None;
            }
            Step::Status(429) => {
                request.too_many_requests().await;
                return None;
            }
            Step::Status(_) => {
                request.not_found().await;
                return None;
            }
            Step::Accept => match request.accept().await {
                Ok(connection) => return Some(connection),
                Err(error) => {
                    Event::new("failed")
                        .number("session", id)
                        .error("why", &error)
                        .emit();
                    return None;
                }
            },
            _ => return None,
        }
    }
    None
}

/// The session, or the stream that a step needs, has ended.
struct Over;

impl From<ConnectionError> for Over {
    fn from(_: ConnectionError) -> Self {
        Over
    }
}

impl From<StreamWriteError> for Over {
    fn from(_: StreamWriteError) -> Self {
        Over
    }
}

struct Session {
    id: u64,
    connection: Connection,
    send: Option<SendStream>,
    receive: Option<Reader>,
}

impl Session {
    fn event(&self, name: &str) -> Event {
        Event::new(name).number("session", self.id)
    }

    fn send(&mut self) -> Result<&mut SendStream, Over> {
        self.send.as_mut().ok_or(Over)
    }

    async fn step(&mut self, step: Step) -> Result<Option<By>, Over> {
        match step {
            Step::Wait(ms) => sleep(Duration::from_millis(ms)).await,
            Step::Bidi => {
                let (send, receive) = self.connection.accept_bi().await?;
                (self.send, self.receive) = (Some(send), Some(Reader::new(receive)));
                self.event("bidi").emit();
            }
            Step::Message => {
                self.message().await?;
            }
            Step::Echo => {
                while let Ok(body) = self.message().await {
                    self.send()?.write_all(&frames::framed(&body)).await?;
                }
            }
            Step::Answer(body) => self.send()?.write_all(&frames::framed(&body)).await?,
            Step::Finish => self.send()?.finish().await?,
            Step::Rest => {
                let mut reader = self.receive.take().ok_or(Over)?;
                rest(self.event("stream"), &mut reader.stream).await;
            }
            Step::Reset(code) => {
                let _ = self.send()?.reset(VarInt::from_u32(code));
            }
            Step::Stop(code) => {
                let reader = self.receive.take().ok_or(Over)?;
                reader.stream.stop(VarInt::from_u32(code));
            }
            Step::Stopped => {
                let error = self.send()?.stopped().await;
                let event = self.event("stopped");
                match error {
                    StreamWriteError::Stopped(code) => event.number("code", code.into_inner()),
                    other => event.text("end", &other.to_string()),
                }
                .emit();
            }
            Step::Controller => self.controller().await?,
            Step::Uni => {
                let mut stream = self.connection.accept_uni().await?;
                rest(self.event("uni"), &mut stream).await;
            }
            Step::OpenUni(content) => {
                let mut stream = self.connection.open_uni().await?.await.map_err(|_| Over)?;
                stream.write_all(&content).await?;
                stream.finish().await?;
            }
            Step::OpenBidi(content) => {
                let opening = self.connection.open_bi().await?;
                let (mut send, mut receive) = opening.await.map_err(|_| Over)?;
                send.write_all(&content).await?;
                send.finish().await?;
                rest(self.event("answer"), &mut receive).await;
            }
            Step::Datagrams(count) => {
                for _ in 0..count {
                    let datagram = self.connection.receive_datagram().await?;
                    self.event("datagram").bytes("content", &datagram).emit();
                }
            }
            Step::EchoDatagrams => loop {
                let datagram = self.connection.receive_datagram().await?;
                let _ = self.connection.send_datagram(&*datagram);
            },
            Step::Relay(slot) => self.relay(slot).await?,
            Step::Linger(ms) => {
                let wait = timeout(Duration::from_millis(ms), self.connection.closed());
                let how = if wait.await.is_ok() {
                    "closed"
                } else {
                    "waited"
                };
                self.event("linger").text("end", how).emit();
            }
            Step::Close(code, reason) => {
                self.connection
                    .close(VarInt::from_u32(code), reason.as_bytes());
                return Ok(Some(By::Close));
            }
            Step::Drop => return Ok(Some(By::Drop)),
            Step::Accept | Step::Status(_) | Step::Abandon => return Err(Over),
        }
        Ok(None)
    }

    /// Reads one message and reports it, or how the stream ended instead.
    async fn message(&mut self) -> Result<Vec<u8>, Over> {
        let result = self.receive.as_mut().ok_or(Over)?.message().await;
        match result {
            Ok(message) => {
                self.event("message")
                    .number("length", message.body.len() as u64)
                    .bytes("content", &message.body[..message.body.len().min(1024)])
                    .numbers("pieces", &message.pieces)
                    .emit();
                Ok(message.body)
            }
            Err(end) => {
                stream_end(self.event("stream"), &end).emit();
                Err(Over)
            }
        }
    }

    async fn controller(&mut self) -> Result<(), Over> {
        let (send, reader) = (
            self.send.as_mut().ok_or(Over)?,
            self.receive.as_mut().ok_or(Over)?,
        );
        loop {
            tokio::select! {
                result = frames::forgetful(&mut reader.stream) => {
                    let event = Event::new("message").number("session", self.id);
                    match result {
                        Ok(body) => event.number("length", body.len() as u64).bytes("content", &body).emit(),
                        Err(end) => {
                            stream_end(Event::new("stream").number("session", self.id), &end).emit();
                            return Err(Over);
                        }
                    }
                }
                datagram = self.connection.receive_datagram() => {
                    send.write_all(&frames::framed(&datagram?)).await?;
                }
            }
        }
    }

    async fn relay(&self, slot: u16) -> Result<(), Over> {
        let mut hop = 0;
        loop {
            let mut frame = self.connection.receive_datagram().await?.to_vec();
            if !frames::relay(&mut frame, slot, hop) {
                self.event("no frame").bytes("content", &frame).emit();
                continue;
            }
            hop += 1;
            let _ = self.connection.send_datagram(&frame);
        }
    }

    /// Waits for the end, and reports it as each part of wtransport tells it.
    async fn report_end(self, by: &str) {
        let closed = self.connection.closed().await;
        let event = self.event("end").text("by", by).error("closed", &closed);
        let accept = loop {
            if let Err(error) = self.connection.accept_bi().await {
                break error;
            }
        };
        let datagram = loop {
            if let Err(error) = self.connection.receive_datagram().await {
                break error;
            }
        };
        event
            .error("accept", &accept)
            .error("datagram", &datagram)
            .emit();
    }
}

/// Reads a stream to its end and reports what came.
async fn rest(event: Event, stream: &mut RecvStream) {
    let mut content = Vec::new();
    let mut piece = [0; 4096];
    let end = loop {
        match stream.read(&mut piece).await {
            Ok(Some(n)) => content.extend_from_slice(&piece[..n]),
            Ok(None) => break frames::End::Fin,
            Err(error) => break frames::End::Failed(error),
        }
    };
    let event = event
        .number("length", content.len() as u64)
        .bytes("content", &content[..content.len().min(1024)]);
    stream_end(event, &end).emit();
}

fn stream_end(event: Event, end: &frames::End) -> Event {
    match end {
        frames::End::Fin => event.text("end", "fin"),
        frames::End::Cut => event.text("end", "cut"),
        frames::End::Failed(StreamReadError::Reset(code)) => {
            event.text("end", "reset").number("code", code.into_inner())
        }
        frames::End::Failed(StreamReadError::NotConnected) => event.text("end", "not connected"),
        frames::End::Failed(StreamReadError::QuicProto) => event.text("end", "protocol"),
    }
}
