//! What a client asks for: `/any/path?do=STEP,STEP,...`, each step a word and its
//! arguments behind colons. Bytes are in hexadecimal.

/// One thing to do. The stream is the one that `Bidi` accepted.
pub enum Step {
    // Before the session is accepted.
    Wait(u64),
    Accept,
    /// Refuses with an HTTP status.
    Status(u16),
    /// Drops the request unanswered.
    Abandon,

    // On the stream.
    Bidi,
    /// Reads one message.
    Message,
    /// Answers every message with itself until the stream ends.
    Echo,
    /// Writes one message.
    Answer(Vec<u8>),
    Finish,
    /// Reads the stream to its end.
    Rest,
    Reset(u32),
    Stop(u32),
    /// Waits until the client wants nothing more.
    Stopped,
    /// The meeting controller's loop: a datagram stands for a message that is due.
    Controller,

    // On other streams.
    /// Accepts one unidirectional stream and reads it to its end.
    Uni,
    /// Opens a stream, writes and finishes it.
    OpenUni(Vec<u8>),
    /// The same, and reads the answer to its end.
    OpenBidi(Vec<u8>),

    // Datagrams.
    Datagrams(usize),
    EchoDatagrams,
    /// Sends media frames back, with this slot and a count in their relay region.
    Relay(u16),

    // The end.
    /// Waits so many milliseconds for the session's end.
    Linger(u64),
    Close(u32, String),
    Drop,
}

pub fn parse(path: &str) -> Option<Vec<Step>> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let steps = query.split('&').find_map(|pair| pair.strip_prefix("do="))?;
    steps.split(',').map(step).collect()
}

fn step(text: &str) -> Option<Step> {
    let mut words = text.split(':');
    let name = words.next()?;
    let mut next = || words.next();
    Some(match name {
        "wait" => Step::Wait(next()?.parse().ok()?),
        "accept" => Step::Accept,
        "status" => Step::Status(next()?.parse().ok()?),
        "abandon" => Step::Abandon,
        "bidi" => Step::Bidi,
        "message" => Step::Message,
        "echo" => Step::Echo,
        "answer" => Step::Answer(hex(next()?)?),
        "finish" => Step::Finish,
        "rest" => Step::Rest,
        "reset" => Step::Reset(next()?.parse().ok()?),
        "stop" => Step::Stop(next()?.parse().ok()?),
        "stopped" => Step::Stopped,
        "controller" => Step::Controller,
        "uni" => Step::Uni,
        "open-uni" => Step::OpenUni(hex(next()?)?),
        "open-bidi" => Step::OpenBidi(hex(next()?)?),
        "datagrams" => Step::Datagrams(next()?.parse().ok()?),
        "echo-datagrams" => Step::EchoDatagrams,
        "relay" => Step::Relay(next()?.parse().ok()?),
        "linger" => Step::Linger(next()?.parse().ok()?),
        "close" => Step::Close(next()?.parse().ok()?, next()?.to_owned()),
        "drop" => Step::Drop,
        _ => return None,
    })
}

fn hex(text: &str) -> Option<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok())
        .collect()
}
