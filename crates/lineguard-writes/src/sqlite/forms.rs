//! What can go wrong with a file.

use libsqlite3_sys as ffi;

use crate::points::Side;
use crate::vfs::{Call, Done, Fault};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A call to the file system.
    Calls(Calls),
    /// From one side of a statement on, everything does.
    Statement(Side, Everything),
    /// The process may not write beyond a size, which the system itself enforces.
    Size,
}

/// Calls that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calls {
    name: &'static str,
    /// Which.
    pub calls: &'static [Call],
    code: i32,
    done: Done,
}

/// Everything that fails at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Everything {
    /// There is no room.
    Full,
    /// The disk is gone.
    Gone,
}

const fn calls(name: &'static str, calls: &'static [Call], code: i32, done: Done) -> Form {
    Form::Calls(Calls { name, calls, code, done })
}

/// Sizes that are tried, from the present one up.
pub const SIZE_STEPS: u64 = 12;

/// Bytes between two of them: less than a page, so that some limits lie within one.
pub const SIZE_STEP: u64 = 1_700;

const SHORT: i32 = ffi::SQLITE_IOERR_WRITE;

/// All of it.
pub const FORMS: [Form; 17] = [
    calls("write: disk full", &[Call::Write], ffi::SQLITE_FULL, Done::Nothing),
    calls("write: disk full half way", &[Call::Write], ffi::SQLITE_FULL, Done::Half),
    calls("write: I/O error", &[Call::Write], SHORT, Done::Nothing),
    calls("write: I/O error afterwards", &[Call::Write], SHORT, Done::All),
    calls("sync: I/O error", &[Call::Sync], ffi::SQLITE_IOERR_FSYNC, Done::Nothing),
    calls("sync: I/O error afterwards", &[Call::Sync], ffi::SQLITE_IOERR_FSYNC, Done::All),
    calls("read: I/O error", &[Call::Read], ffi::SQLITE_IOERR_READ, Done::Nothing),
    calls("truncate: I/O error", &[Call::Truncate], ffi::SQLITE_IOERR_TRUNCATE, Done::Nothing),
    calls("size: I/O error", &[Call::Size], ffi::SQLITE_IOERR_FSTAT, Done::Nothing),
    calls("lock: I/O error", &[Call::Lock], ffi::SQLITE_IOERR_LOCK, Done::Nothing),
    calls("shared memory: I/O error", &[Call::ShmMap], ffi::SQLITE_IOERR_SHMMAP, Done::Nothing),
    calls("shared lock: I/O error", &[Call::ShmLock], ffi::SQLITE_IOERR_SHMLOCK, Done::Nothing),
    Form::Statement(Side::Before, Everything::Full),
    Form::Statement(Side::After, Everything::Full),
    Form::Statement(Side::Before, Everything::Gone),
    Form::Statement(Side::After, Everything::Gone),
    Form::Size,
];

impl Form {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls(calls) => calls.name,
            Self::Statement(Side::Before, Everything::Full) => "disk full before a statement",
            Self::Statement(Side::After, Everything::Full) => "disk full after a statement",
            Self::Statement(Side::Before, Everything::Gone) => "disk gone before a statement",
            Self::Statement(Side::After, Everything::Gone) => "disk gone after a statement",
            Self::Size => "size limit of the system",
        }
    }
}

impl Calls {
    /// The failure of the call of this position.
    pub const fn fault(self, at: u64, once: bool) -> Fault {
        Fault { calls: self.calls, code: self.code, done: self.done, at, once }
    }
}

impl Everything {
    /// The failure of everything from now on.
    pub const fn fault(self) -> Fault {
        let (calls, code): (&'static [Call], _) = match self {
            Self::Full => (&[Call::Write], ffi::SQLITE_FULL),
            Self::Gone => (
                &[Call::Open, Call::Read, Call::Write, Call::Sync, Call::Truncate, Call::Size],
                ffi::SQLITE_IOERR,
            ),
        };
        Fault { calls, code, done: Done::Nothing, at: 0, once: false }
    }
}
