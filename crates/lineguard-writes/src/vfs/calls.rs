//! The functions that SQLite calls.
//!
//! The file system is SQLite's own (`unix`), with the calls that matter wrapped: a file is opened by
//! the real one, which writes its table of functions into the handle, and that pointer is replaced
//! by one to a copy of the table with ours in it. Handles keep their size and everything else.

#![expect(unsafe_code, reason = "a file system of SQLite is a table of C functions")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicPtr, Ordering};

use libsqlite3_sys as ffi;
use libsqlite3_sys::{sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

use super::{Call, Done, State, decide, state};
use crate::failure::{Failure, Result};

static REAL: AtomicPtr<sqlite3_vfs> = AtomicPtr::new(ptr::null_mut());
static OURS: AtomicPtr<sqlite3_vfs> = AtomicPtr::new(ptr::null_mut());

/// The real tables of functions, and the copies with ours in them. There are two of each: a database
/// is opened with locks, its log without.
static TABLES: [(AtomicPtr<sqlite3_io_methods>, AtomicPtr<sqlite3_io_methods>); 2] =
    [const { (AtomicPtr::new(ptr::null_mut()), AtomicPtr::new(ptr::null_mut())) }; 2];

/// Its name.
pub const FAULTY: &str = "lineguard-faults";
const ORDINARY: &CStr = c"unix";
const NAME: &CStr = c"lineguard-faults";

/// Makes the file system known. Files are opened by the ordinary one until [`use_faulty`].
///
/// # Errors
///
/// If SQLite has no file system of the ordinary name.
pub fn install() -> Result<()> {
    // SAFETY: the name is a C string; what is found lives as long as the process.
    let real = unsafe { ffi::sqlite3_vfs_find(ORDINARY.as_ptr()) };
    // SAFETY: it is either null or such a live object.
    let Some(found) = (unsafe { real.as_ref() }) else {
        return Err(Failure("SQLite has no file system `unix`".into()));
    };
    let mut ours = Box::new(*found);
    (ours.zName, ours.pNext) = (NAME.as_ptr(), ptr::null_mut());
    ours.xOpen = Some(open);
    REAL.store(real, Ordering::Release);
    // Never freed: SQLite keeps the pointer.
    OURS.store(Box::into_raw(ours), Ordering::Release);
    register(OURS.load(Ordering::Acquire), false)
}

/// Files that are opened from now on may fail.
///
/// # Errors
///
/// If SQLite says no.
pub fn use_faulty() -> Result<()> {
    register(OURS.load(Ordering::Acquire), true)
}

/// Files that are opened from now on are SQLite's own business.
///
/// # Errors
///
/// If SQLite says no.
pub fn use_ordinary() -> Result<()> {
    register(REAL.load(Ordering::Acquire), true)
}

fn register(vfs: *mut sqlite3_vfs, default: bool) -> Result<()> {
    // SAFETY: both file systems live as long as the process; SQLite locks its own list.
    match unsafe { ffi::sqlite3_vfs_register(vfs, c_int::from(default)) } {
        ffi::SQLITE_OK => Ok(()),
        code => Err(Failure(format!("SQLite takes no file system: {code}"))),
    }
}

/// The copy of a table with our functions in it. Opening is one at a time: `state` is locked.
fn wrapped(
    real: *const sqlite3_io_methods,
    _: &MutexGuard<'_, State>,
) -> *const sqlite3_io_methods {
    for (place, (known, copy)) in TABLES.iter().enumerate() {
        let before = known.load(Ordering::Acquire);
        if ptr::eq(before, real) {
            return copy.load(Ordering::Acquire);
        }
        if before.is_null() {
            // SAFETY: SQLite has just put it there, and its tables are constants.
            let table = unsafe { *real };
            let table = if place == 0 { with_ours::<0>(table) } else { with_ours::<1>(table) };
            // Never freed: handles keep the pointer.
            copy.store(Box::into_raw(Box::new(table)), Ordering::Release);
            known.store(real.cast_mut(), Ordering::Release);
            return copy.load(Ordering::Acquire);
        }
    }
    // A third kind of file, which there is not: left alone.
    real
}

fn with_ours<const T: usize>(mut table: sqlite3_io_methods) -> sqlite3_io_methods {
    table.xClose = Some(close::<T>);
    table.xRead = Some(read::<T>);
    table.xWrite = Some(write::<T>);
    table.xSync = Some(sync::<T>);
    table.xTruncate = Some(truncate::<T>);
    table.xFileSize = Some(size::<T>);
    table.xLock = Some(lock::<T>);
    table.xShmMap = table.xShmMap.and(Some(shm_map::<T>));
    table.xShmLock = table.xShmLock.and(Some(shm_lock::<T>));
    table
}

/// The real table behind our copy of this position.
fn real<const T: usize>() -> Option<&'static sqlite3_io_methods> {
    let (real, _) = TABLES.get(T)?;
    // SAFETY: null or a constant of SQLite's.
    unsafe { real.load(Ordering::Acquire).as_ref() }
}

/// Does what a call is for, unless it fails.
macro_rules! pass {
    ($call:expr, $table:ident, $name:ident, $($argument:expr),+) => {{
        let verdict = decide($call);
        if let Some((code, Done::Nothing | Done::Half)) = verdict {
            return code;
        }
        let answer = match real::<$table>().and_then(|methods| methods.$name) {
            // SAFETY: the arguments are those that SQLite gave for this very function.
            Some(function) => unsafe { function($($argument),+) },
            None => ffi::SQLITE_IOERR,
        };
        match verdict {
            Some((code, _)) if answer == ffi::SQLITE_OK => code,
            _ => answer,
        }
    }};
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let vfs = REAL.load(Ordering::Acquire);
    // SAFETY: SQLite gives a handle of the size that the real file system asked for, and `install`
    // has set `REAL` before anybody could call this.
    unsafe {
        (*file).pMethods = ptr::null();
        if let Some((code, _)) = decide(Call::Open) {
            return code;
        }
        let Some(function) = (*vfs).xOpen else { return ffi::SQLITE_CANTOPEN };
        let answer = function(vfs, name, file, flags, out);
        if answer == ffi::SQLITE_OK && !(*file).pMethods.is_null() {
            let mut state = state();
            (*file).pMethods = wrapped((*file).pMethods, &state);
            if !name.is_null() {
                let path = CStr::from_ptr(name.cast::<c_char>()).to_string_lossy().into_owned();
                state.paths.insert(file as usize, path);
            }
        }
        answer
    }
}

unsafe extern "C" fn close<const T: usize>(file: *mut sqlite3_file) -> c_int {
    state().paths.remove(&(file as usize));
    match real::<T>().and_then(|methods| methods.xClose) {
        // SAFETY: as SQLite calls it.
        Some(function) => unsafe { function(file) },
        None => ffi::SQLITE_IOERR_CLOSE,
    }
}

unsafe extern "C" fn read<const T: usize>(
    file: *mut sqlite3_file,
    to: *mut c_void,
    amount: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    pass!(Call::Read, T, xRead, file, to, amount, at)
}

unsafe extern "C" fn write<const T: usize>(
    file: *mut sqlite3_file,
    from: *const c_void,
    amount: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    let verdict = decide(Call::Write);
    let Some(function) = real::<T>().and_then(|methods| methods.xWrite) else {
        return ffi::SQLITE_IOERR_WRITE;
    };
    match verdict {
        // SAFETY: as SQLite calls it.
        None => unsafe { function(file, from, amount, at) },
        Some((code, Done::Nothing)) => code,
        Some((code, done)) => {
            let part = if done == Done::Half { amount / 2 } else { amount };
            // SAFETY: as SQLite calls it, or fewer of the same bytes.
            let answer = unsafe { function(file, from, part, at) };
            if answer == ffi::SQLITE_OK { code } else { answer }
        }
    }
}

unsafe extern "C" fn sync<const T: usize>(file: *mut sqlite3_file, flags: c_int) -> c_int {
    let answer = pass!(Call::Sync, T, xSync, file, flags);
    if answer == ffi::SQLITE_OK {
        let mut state = state();
        let path = state.paths.get(&(file as usize)).filter(|_| state.remembers).cloned();
        if let Some(path) = path {
            // What cannot be read is not remembered, and will be missed.
            let content = std::fs::read(&path).unwrap_or_default();
            state.durable.insert(path, content);
        }
    }
    answer
}

unsafe extern "C" fn truncate<const T: usize>(
    file: *mut sqlite3_file,
    to: ffi::sqlite3_int64,
) -> c_int {
    pass!(Call::Truncate, T, xTruncate, file, to)
}

unsafe extern "C" fn size<const T: usize>(
    file: *mut sqlite3_file,
    out: *mut ffi::sqlite3_int64,
) -> c_int {
    pass!(Call::Size, T, xFileSize, file, out)
}

unsafe extern "C" fn lock<const T: usize>(file: *mut sqlite3_file, level: c_int) -> c_int {
    pass!(Call::Lock, T, xLock, file, level)
}

unsafe extern "C" fn shm_map<const T: usize>(
    file: *mut sqlite3_file,
    region: c_int,
    region_size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    pass!(Call::ShmMap, T, xShmMap, file, region, region_size, extend, out)
}

unsafe extern "C" fn shm_lock<const T: usize>(
    file: *mut sqlite3_file,
    offset: c_int,
    many: c_int,
    flags: c_int,
) -> c_int {
    // To let go never fails.
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        return match real::<T>().and_then(|methods| methods.xShmLock) {
            // SAFETY: as SQLite calls it.
            Some(function) => unsafe { function(file, offset, many, flags) },
            None => ffi::SQLITE_IOERR_SHMLOCK,
        };
    }
    pass!(Call::ShmLock, T, xShmLock, file, offset, many, flags)
}
