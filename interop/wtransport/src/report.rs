//! What the tests read: one JSON object a line.

use std::fmt::Write;

use wtransport::error::ConnectionError;

/// One line to be. It goes out with `emit`.
pub struct Event(String);

impl Event {
    pub fn new(name: &str) -> Self {
        Self(String::from("{")).text("event", name)
    }

    pub fn text(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        self.string(value);
        self
    }

    pub fn number(mut self, key: &str, value: u64) -> Self {
        self.key(key);
        let _ = write!(self.0, "{value}");
        self
    }

    pub fn numbers(mut self, key: &str, values: &[usize]) -> Self {
        self.key(key);
        let _ = write!(self.0, "{values:?}");
        self
    }

    pub fn bytes(self, key: &str, value: &[u8]) -> Self {
        let hex = value.iter().fold(String::new(), |mut hex, b| {
            let _ = write!(hex, "{b:02x}");
            hex
        });
        self.text(key, &hex)
    }

    /// An object of the error's kind, and what belongs to it.
    pub fn error(mut self, key: &str, error: &ConnectionError) -> Self {
        self.key(key);
        let details = Self(String::from("{"));
        let details = match error {
            ConnectionError::ApplicationClosed(close) => details
                .text("kind", "ApplicationClosed")
                .number("code", close.code().into_inner())
                .text("reason", &String::from_utf8_lossy(close.reason())),
            ConnectionError::ConnectionClosed(close) => details
                .text("kind", "ConnectionClosed")
                .text("reason", &close.to_string()),
            ConnectionError::LocallyClosed => details.text("kind", "LocallyClosed"),
            ConnectionError::LocalH3Error(error) => details
                .text("kind", "LocalH3Error")
                .text("reason", &error.to_string()),
            ConnectionError::TimedOut => details.text("kind", "TimedOut"),
            ConnectionError::QuicProto(error) => details
                .text("kind", "QuicProto")
                .text("reason", &error.to_string()),
            ConnectionError::CidsExhausted => details.text("kind", "CidsExhausted"),
        };
        self.0.push_str(&details.0);
        self.0.push('}');
        self
    }

    pub fn emit(mut self) {
        self.0.push('}');
        println!("{}", self.0);
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.string(key);
        self.0.push(':');
    }

    fn string(&mut self, value: &str) {
        self.0.push('"');
        for c in value.chars() {
            match c {
                '"' | '\\' => self.0.extend(['\\', c]),
                c if (c as u32) < 0x20 => {
                    let _ = write!(self.0, "\\u{:04x}", c as u32);
                }
                c => self.0.push(c),
            }
        }
        self.0.push('"');
    }
}
