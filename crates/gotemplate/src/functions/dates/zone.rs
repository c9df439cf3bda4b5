//! Time zones, from the database that is compiled in.

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A location as Go has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    Utc,
    /// The local time zone, which is UTC under another name.
    Local,
    Named(TimeZone),
    /// A zone of one offset in seconds; its name may be empty.
    Fixed(String, i32),
}

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

impl Zone {
    /// `time.LoadLocation`, which is strict about case.
    pub(super) fn load(name: &[u8]) -> Option<Self> {
        match name {
            b"" | b"UTC" => return Some(Self::Utc),
            b"Local" => return Some(Self::Local),
            _ => {}
        }
        let name = std::str::from_utf8(name).ok()?;
        let zone = DATABASE.get(name).ok()?;
        (zone.iana_name() == Some(name)).then_some(Self::Named(zone))
    }

    /// Abbreviation and offset in seconds at a moment.
    pub(super) fn at(&self, seconds: i64) -> (String, i64) {
        match self {
            Self::Utc | Self::Local => ("UTC".to_owned(), 0),
            Self::Fixed(name, offset) => (name.clone(), i64::from(*offset)),
            Self::Named(zone) => {
                let (least, most) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
                let seconds = seconds.clamp(least.as_second(), most.as_second());
                let moment = jiff::Timestamp::from_second(seconds).unwrap_or_default();
                let info = zone.to_offset_info(moment);
                (info.abbreviation().to_owned(), i64::from(info.offset().seconds()))
            }
        }
    }
}
