use std::fmt;
use std::io;
use std::path::PathBuf;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug)]
pub enum Error {
    /// The operating system said no.
    Io(io::Error),
    /// What is on disk is not what was written.
    Corrupt { segment: u32, offset: u64, reason: &'static str },
    /// Keys are at most 65,535 bytes and not empty.
    BadKey { length: usize },
    /// Values are at most 4 GiB minus one byte.
    ValueTooLong { length: usize },
    /// Another process has the folder open.
    InUse(PathBuf),
}

impl Error {
    /// Damage is worth an alarm; a full disk or a bad argument is not.
    pub fn is_damage(&self) -> bool {
        matches!(self, Error::Corrupt { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(error) => write!(f, "input/output error: {error}"),
            Error::Corrupt { segment, offset, reason } => {
                write!(f, "segment {segment:06} is damaged at byte {offset}: {reason}")
            }
            Error::BadKey { length } => write!(f, "a key has 1 to 65535 bytes, this one has {length}"),
            Error::ValueTooLong { length } => write!(f, "a value of {length} bytes does not fit"),
            Error::InUse(path) => write!(f, "{} is open in another process", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}
