//! Makes facts of rows.

use crate::facts::{MemberFacts, ResourceFacts};
use crate::id::Num;
use crate::port::{FaxRow, MemberRows, StoreError, TenantRow};
use crate::row::{Link, Object};

/// All rows of a tenant, as one snapshot reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// The tenant.
    pub tenant: TenantRow,
    /// Objects, by number.
    pub objects: Vec<Object>,
    /// Links, in their order.
    pub links: Vec<Link>,
    /// Faxes that were not deleted, by number.
    pub faxes: Vec<FaxRow>,
}

/// The facts about a subject at an acting account; none if the account does not exist.
pub fn member_facts(rows: &MemberRows) -> Result<Option<MemberFacts>, StoreError> {
    let _ = rows;
    Ok(None)
}

/// The facts of a registered fax.
pub fn fax_facts(fax: &FaxRow) -> ResourceFacts {
    let _ = fax;
    ResourceFacts::nowhere()
}

/// The facts of an object of a stored type. `faxbox` is the far end of a number's
/// [`crate::row::LinkKind::NumberFaxbox`] link and `subject` the number of a member's subject;
/// both are ignored for other kinds.
pub fn object_facts(object: &Object, faxbox: Option<Num>, subject: Option<Num>) -> ResourceFacts {
    let _ = (object, faxbox, subject);
    ResourceFacts::nowhere()
}
