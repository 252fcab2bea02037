//! The command line.

use std::time::Duration;

use wtransport::config::QuicTransportConfig;
use wtransport::quinn::VarInt;

use crate::Error;

/// What the command line says. Without `--mh`, connections are configured as the
/// meeting controller's, with it as the media handler's.
pub struct Options {
    pub cert: String,
    pub key: String,
    pub idle: Duration,
    pub keep_alive: Duration,
    /// So many connections at once, and those beyond are refused.
    pub capacity: usize,
    /// From the end of the handshake to the SETTINGS.
    pub settings_delay: Duration,
    /// Answers nothing at all.
    pub ignore: bool,
    mh: bool,
}

impl Options {
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Error> {
        let mut options = Self {
            cert: String::new(),
            key: String::new(),
            idle: Duration::ZERO,
            keep_alive: Duration::ZERO,
            capacity: usize::MAX,
            settings_delay: Duration::ZERO,
            ignore: false,
            mh: false,
        };
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--cert" => options.cert = value()?,
                "--key" => options.key = value()?,
                "--idle-ms" => options.idle = Duration::from_millis(value()?.parse()?),
                "--capacity" => options.capacity = value()?.parse()?,
                "--settings-delay-ms" => {
                    options.settings_delay = Duration::from_millis(value()?.parse()?)
                }
                "--ignore" => options.ignore = true,
                "--mh" => options.mh = true,
                _ => return Err(format!("unknown option {name}").into()),
            }
        }
        if options.idle.is_zero() {
            options.idle = Duration::from_secs(if options.mh { 30 } else { 10 });
        }
        options.keep_alive = options.idle / 3;
        Ok(options)
    }

    /// The transport parameters of the platform's servers.
    pub fn transport(&self) -> QuicTransportConfig {
        let mut config = QuicTransportConfig::default();
        if self.mh {
            config
                .receive_window(VarInt::from_u32(262_144))
                .stream_receive_window(VarInt::from_u32(65_536))
                .max_concurrent_uni_streams(VarInt::from_u32(64))
                .datagram_receive_buffer_size(Some(2048))
                .datagram_send_buffer_size(7552);
        }
        config
    }
}
