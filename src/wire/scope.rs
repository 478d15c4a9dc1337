//! What each request is about, as far as callers may be limited. Every request stands here, taken
//! fully apart, so that a new field is a compile error until somebody says whether it counts.

use lineguard_core::vocabulary::Product;

use super::pb;
use crate::access::caller::{Scoped, Touches};

/// A field that counts.
trait Part {
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool;
}

/// Texts that count are ids of tenants.
impl Part for String {
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool {
        see(Touches::Tenant(self))
    }
}

impl Part for Option<pb::Subject> {
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool {
        // One that is missing is a mistake that is told later, and names nobody.
        self.as_ref()
            .is_none_or(|pb::Subject { r#type, id }| see(Touches::Subject { kind: r#type, id }))
    }
}

impl Part for Option<pb::Action> {
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool {
        self.as_ref().is_none_or(|pb::Action { name }| see(Touches::Action(name)))
    }
}

/// `REQUEST [what it always touches] { fields that count; fields that do not }`
macro_rules! scoped {
    ($($request:ident [$($always:expr)?] { $($part:ident)*; $($rest:ident)* })+) => {$(
        impl Scoped for pb::$request {
            fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool {
                let Self { $($part,)* $($rest: _,)* } = self;
                // Not all of them touch anything.
                let _ = &see;
                true $(&& see($always))? $(&& $part.touches(see))*
            }
        }
    )+};
}

const FAX: Touches<'static> = Touches::Product(Product::Fax);

scoped! {
    CheckRequest [] { tenant subject action; account resource target context consistency }
    ListVisibleFaxesRequest [FAX] {
        tenant subject;
        account direction number faxbox states channel not_before before page_size page_token
        consistency
    }
    GetVisibilityRequest [] { tenant subject action; account channel consistency }
    ResolveAutoAssignRequest [FAX] { tenant; number consistency }
    ListPermissionsRequest [] { tenant subject; account consistency page_size page_token }
    ListAccountsRequest [Touches::EveryTenant] { subject; page_size page_token }

    RegisterFaxRequest [FAX] { tenant actor; request_id fax }
    BatchRegisterFaxesRequest [FAX] { tenant actor; request_id faxes }
    AssignFaxRequest [FAX] { tenant actor; request_id fax assignee }
    MoveFaxRequest [FAX] { tenant actor; request_id fax faxbox }
    ChangeFaxStateRequest [FAX] { tenant actor; request_id fax state }
    SetFaxLabelsRequest [FAX] { tenant actor; request_id fax labels }
    SetFaxAttachmentSourcesRequest [FAX] {
        tenant actor; request_id fax attachment_sources
    }
    DeleteFaxRequest [FAX] { tenant actor; request_id fax }
    GetFaxRequest [FAX] { tenant; fax }

    ApplyRequest [] { tenant actor; request_id changes if_exists }
    GetRequest [] { tenant; key }
    ListRequest [] { tenant; kind account page_size page_token }
    ListRelatedRequest [] { tenant; key relation page_size page_token }
    ListTenantsRequest [Touches::EveryTenant] { ; page_size page_token }
    ListModelsRequest [] { ; page_size page_token }
    GetModelRequest [] { ; digest }
    PutModelRequest [Touches::EveryTenant] { actor; text }

    GetStatusRequest [] { ; }
}

impl Scoped for pb::BatchCheckRequest {
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool {
        let Self { checks, consistency: _ } = self;
        checks.iter().all(|check| check.touches(see))
    }
}

impl Scoped for pb::ImportRequest {
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool {
        let Self { tenant, actor, faxes, request_id: _, changes: _ } = self;
        (faxes.is_empty() || see(FAX)) && tenant.touches(see) && actor.touches(see)
    }
}

impl Scoped for pb::ExportRequest {
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool {
        let Self { tenant, include_faxes } = self;
        (!include_faxes || see(FAX)) && tenant.touches(see)
    }
}

impl Scoped for pb::ResolveCallerIdRequest {
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool {
        let Self { tenant, subject, used_for, .. } = self;
        let product = match pb::SendChannel::try_from(*used_for) {
            Ok(pb::SendChannel::Fax) => Some(Product::Fax),
            Ok(pb::SendChannel::Message) => Some(Product::Messaging),
            Ok(pb::SendChannel::Call) => Some(Product::Voice),
            // A mistake that is told later.
            Ok(pb::SendChannel::Unspecified) | Err(_) => None,
        };
        product.is_none_or(|product| see(Touches::Product(product)))
            && tenant.touches(see)
            && subject.touches(see)
    }
}
