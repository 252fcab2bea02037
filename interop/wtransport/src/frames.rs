//! The two framings of the platform: messages on a stream and media in datagrams.

use wtransport::error::{StreamReadError, StreamReadExactError};
use wtransport::RecvStream;

/// The longest body of a message.
const MAX: usize = 65_536;

/// One message, and the pieces it came in.
pub struct Message {
    pub body: Vec<u8>,
    pub pieces: Vec<usize>,
}

/// How a stream ended instead of giving a message.
pub enum End {
    Fin,
    /// Within a message.
    Cut,
    Failed(StreamReadError),
}

/// Reads messages, and keeps what came beyond the last one.
pub struct Reader {
    pub stream: RecvStream,
    rest: Vec<u8>,
}

impl Reader {
    pub fn new(stream: RecvStream) -> Self {
        let rest = Vec::new();
        Self { stream, rest }
    }

    /// Reads one message: four bytes of length, big-endian, and as many of body.
    pub async fn message(&mut self) -> Result<Message, End> {
        let mut pieces = Vec::new();
        if !self.rest.is_empty() {
            pieces.push(self.rest.len());
        }
        loop {
            if let Some(head) = self.rest.first_chunk::<4>() {
                let length = u32::from_be_bytes(*head) as usize;
                if length == 0 || length > MAX {
                    return Err(End::Cut);
                }
                if self.rest.len() >= 4 + length {
                    let mut body = std::mem::take(&mut self.rest);
                    self.rest = body.split_off(4 + length);
                    body.drain(..4);
                    return Ok(Message { body, pieces });
                }
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece).await {
                Ok(Some(n)) => {
                    self.rest.extend_from_slice(&piece[..n]);
                    pieces.push(n);
                }
                Ok(None) if self.rest.is_empty() => return Err(End::Fin),
                Ok(None) => return Err(End::Cut),
                Err(error) => return Err(End::Failed(error)),
            }
        }
    }
}

/// Reads one message as the meeting controller does: what was read of it is lost when
/// this is dropped half-way.
pub async fn forgetful(stream: &mut RecvStream) -> Result<Vec<u8>, End> {
    let mut head = [0; 4];
    exactly(stream, &mut head).await?;
    let length = u32::from_be_bytes(head) as usize;
    if length == 0 || length > MAX {
        return Err(End::Cut);
    }
    let mut body = vec![0; length];
    exactly(stream, &mut body).await?;
    Ok(body)
}

async fn exactly(stream: &mut RecvStream, into: &mut [u8]) -> Result<(), End> {
    stream.read_exact(into).await.map_err(|error| match error {
        StreamReadExactError::FinishedEarly(0) => End::Fin,
        StreamReadExactError::FinishedEarly(_) => End::Cut,
        StreamReadExactError::Read(error) => End::Failed(error),
    })
}

/// One message with its length in front.
pub fn framed(body: &[u8]) -> Vec<u8> {
    let mut message = (body.len() as u32).to_be_bytes().to_vec();
    message.extend_from_slice(body);
    message
}

/// Writes the relay region of a media frame (header version 2), as a media handler
/// does: slot and count, right behind the publisher's region. False: no frame.
pub fn relay(frame: &mut [u8], slot: u16, hop: u32) -> bool {
    const KEY_BEARING: u8 = 0x04;
    const SIGNATURE: usize = 64;
    if frame.len() < 10 || frame[0] != 2 {
        return false;
    }
    let extensions = if frame[1] & KEY_BEARING != 0 { 60 } else { 10 };
    let payload = u32::from_be_bytes([frame[2], frame[3], frame[4], frame[5]]) as usize;
    let Some(length) = frame.get(extensions..extensions + 2) else {
        return false;
    };
    let region = extensions + 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    if frame.len() != region + 6 + payload + SIGNATURE {
        return false;
    }
    frame[region..region + 2].copy_from_slice(&slot.to_be_bytes());
    frame[region + 2..region + 6].copy_from_slice(&hop.to_be_bytes());
    true
}
