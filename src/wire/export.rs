//! The answer to `Export`, as a client reads it.

use lineguard_core::change::Part;

use super::invalid::{Faults, InvalidRequest};
use super::{change, pb};

/// Reads one part of an export.
///
/// # Errors
///
/// If the server sent something that this program does not know.
pub fn exported_part(message: pb::ExportResponse) -> Result<Part, InvalidRequest> {
    let pb::ExportResponse { changes, faxes, revision: _ } = message;
    Faults::collect(|faults, at| {
        let changes = faults.each(&at.field("changes"), changes, change::read);
        let faxes = faults.each(&at.field("faxes"), faxes, change::read_fax);
        Some(Part { changes: changes?, faxes: faxes? })
    })
}
