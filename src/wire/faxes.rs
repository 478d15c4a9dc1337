//! Faxes: `ListVisibleFaxes` and the messages of `FaxService`.

use lineguard_core::change::{Batch, Change, IfExists, NewFax, SourceSet, UserOrGroup};
use lineguard_core::id::{
    AccountId, ExternalId, FaxId, FaxboxId, PhoneNumber, RequestId, Revision, Subject, TenantId,
    Timestamp,
};
use lineguard_core::model::Channel;
use lineguard_core::model::reach::{Direction, FaxState};

use super::change::read_fax;
use super::consistency::{self, Consistency};
use super::field::Field;
use super::invalid::{Faults, InvalidRequest, Path};
use super::page::{self, Page, Room};
use super::status::Failure;
use super::{enums, id, pb};

/// Greatest number of faxes of a batch.
pub const MAX_FAXES: usize = 1_000;

/// A request of `ListVisibleFaxes`, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFaxesCall {
    /// The tenant.
    pub tenant: TenantId,
    /// The acting account.
    pub account: AccountId,
    /// Who wants to see them.
    pub subject: Subject,
    /// The channel the person works through, where known.
    pub channel: Option<Channel>,
    /// What narrows the list.
    pub filter: FaxFilter,
    /// Which page.
    pub page: Page,
    /// How recent the state must be; may change from page to page.
    pub consistency: Consistency,
}

/// What narrows a list of faxes; all that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FaxFilter {
    /// Only this direction.
    pub direction: Option<Direction>,
    /// Only this number.
    pub number: Option<PhoneNumber>,
    /// Only this faxbox.
    pub faxbox: Option<FaxboxId>,
    /// Only these states, sorted, without repeats; empty means any.
    pub states: Vec<FaxState>,
    /// Only faxes that are not older.
    pub not_before: Option<Timestamp>,
    /// Only faxes that are older.
    pub before: Option<Timestamp>,
}

/// Reads a request of `ListVisibleFaxes`.
pub fn list_faxes_call(
    message: pb::ListVisibleFaxesRequest,
) -> Result<ListFaxesCall, InvalidRequest> {
    Faults::collect(|faults, at| {
        let pb::ListVisibleFaxesRequest {
            tenant,
            subject,
            account,
            direction,
            number,
            faxbox,
            states,
            not_before,
            before,
            channel,
            page_size,
            page_token,
            consistency,
        } = message;
        let tenant = Field::read(faults, &at.field("tenant"), tenant);
        let subject = Field::read(faults, &at.field("subject"), subject);
        let account = Field::read(faults, &at.field("account"), account);
        let direction = enums::optional(faults, &at.field("direction"), direction);
        let number = Field::read(faults, &at.field("number"), number);
        let faxbox = Field::read(faults, &at.field("faxbox"), faxbox);
        let states = faults.each(&at.field("states"), states, enums::required);
        let not_before = id::optional_time(faults, &at.field("not_before"), not_before);
        let before = id::optional_time(faults, &at.field("before"), before);
        let channel = enums::optional(faults, &at.field("channel"), channel);
        let page = page::page(faults, at, page_size, page_token);
        let consistency = consistency::read(faults, &at.field("consistency"), consistency);

        // The same question has the same form, whatever the order in which states were named.
        let mut states: Vec<FaxState> = states?;
        states.sort_unstable();
        states.dedup();
        let filter = FaxFilter {
            direction: direction?,
            number: number?,
            faxbox: faxbox?,
            states,
            not_before: not_before?,
            before: before?,
        };
        Some(ListFaxesCall {
            tenant: tenant?,
            account: account?,
            subject: subject?,
            channel: channel?,
            filter,
            page: page?,
            consistency: consistency?,
        })
    })
}

/// A request to register faxes, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterCall {
    /// The tenant.
    pub tenant: TenantId,
    /// Who registers.
    pub actor: Subject,
    /// The caller's own name for this write, for the logs.
    pub request_id: Option<RequestId>,
    /// The faxes or their faults, in order. Field paths begin at the fax.
    pub faxes: Vec<Result<NewFax, InvalidRequest>>,
}

/// Reads a request to register one fax; a fault of the fax is a fault of the request.
pub fn register_call(message: pb::RegisterFaxRequest) -> Result<RegisterCall, InvalidRequest> {
    let pb::RegisterFaxRequest { tenant, actor, request_id, fax } = message;
    Faults::collect(|faults, at| {
        let call = read_register(faults, at, tenant, actor, request_id);
        let at = at.field("fax");
        let fax = faults.required(&at, fax)?;
        let fax = read_fax(faults, &at, fax)?;
        Some(RegisterCall { faxes: vec![Ok(fax)], ..call? })
    })
}

/// Reads a request to register a batch of faxes.
pub fn batch_register_call(
    message: pb::BatchRegisterFaxesRequest,
) -> Result<RegisterCall, InvalidRequest> {
    let pb::BatchRegisterFaxesRequest { tenant, actor, request_id, faxes } = message;
    Faults::collect(|faults, at| {
        let call = read_register(faults, at, tenant, actor, request_id);
        let at = at.field("faxes");
        if faxes.is_empty() {
            return faults.add(&at, "must not be empty");
        }
        id::bounded(faults, &at, faxes.len(), MAX_FAXES)?;
        let read = |fax| Faults::collect(|faults, at| read_fax(faults, at, fax));
        Some(RegisterCall { faxes: faxes.into_iter().map(read).collect(), ..call? })
    })
}

fn read_register(
    faults: &mut Faults,
    at: &Path<'_>,
    tenant: String,
    actor: Option<pb::Subject>,
    request_id: String,
) -> Option<RegisterCall> {
    let tenant = Field::read(faults, &at.field("tenant"), tenant);
    let actor = Field::read(faults, &at.field("actor"), actor);
    let request_id = (!request_id.is_empty()).then_some(request_id);
    let request_id = Field::read(faults, &at.field("request_id"), request_id);
    Some(RegisterCall {
        tenant: tenant?,
        actor: actor?,
        request_id: request_id?,
        faxes: Vec::new(),
    })
}

/// Requests that change one fax: each becomes a batch of one change. Their fields and the fields
/// of the change have the same names, so a fault of the change is a fault of that field.
macro_rules! fax_changes {
    ($($(#[$doc:meta])* $function:ident: $request:ident -> $change:ident { $($field:ident),+ })+) => {$(
        $(#[$doc])*
        pub fn $function(message: pb::$request) -> Result<Batch, InvalidRequest> {
            let pb::$request { tenant, actor, request_id, $($field),+ } = message;
            Faults::collect(|faults, at| {
                let tenant = Field::read(faults, &at.field("tenant"), tenant);
                let actor = Field::read(faults, &at.field("actor"), actor);
                let request_id = Field::read(faults, &at.field("request_id"), request_id);
                $(let $field = Field::read(faults, &at.field(stringify!($field)), $field);)+
                Some(Batch {
                    tenant: tenant?,
                    actor: actor?,
                    provisions: false,
                    request_id: request_id?,
                    if_exists: IfExists::Refuse,
                    changes: vec![Change::$change { $($field: $field?),+ }],
                })
            })
        }
    )+};
}

fax_changes! {
    /// Reads a request of `AssignFax`.
    assign_fax: AssignFaxRequest -> AssignFax { fax, assignee }
    /// Reads a request of `MoveFax`.
    move_fax: MoveFaxRequest -> MoveFax { fax, faxbox }
    /// Reads a request of `ChangeFaxState`.
    change_fax_state: ChangeFaxStateRequest -> SetFaxState { fax, state }
    /// Reads a request of `SetFaxLabels`.
    set_fax_labels: SetFaxLabelsRequest -> SetFaxLabels { fax, labels }
    /// Reads a request of `SetFaxAttachmentSources`.
    set_fax_attachment_sources: SetFaxAttachmentSourcesRequest
        -> SetFaxAttachmentSources { fax, attachment_sources }
    /// Reads a request of `DeleteFax`.
    delete_fax: DeleteFaxRequest -> DeleteFax { fax }
}

/// Reads a request of `GetFax`.
pub fn get_fax_call(message: pb::GetFaxRequest) -> Result<(TenantId, FaxId), InvalidRequest> {
    let pb::GetFaxRequest { tenant, fax } = message;
    Faults::collect(|faults, at| {
        let tenant = Field::read(faults, &at.field("tenant"), tenant);
        let fax = Field::read(faults, &at.field("fax"), fax);
        Some((tenant?, fax?))
    })
}

/// A registered fax with the identifiers that its numbers stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFax {
    /// Its id.
    pub fax: FaxId,
    /// The account it lies in.
    pub account: AccountId,
    /// Direction.
    pub direction: Direction,
    /// The number of ours.
    pub number: Option<PhoneNumber>,
    /// Its faxbox.
    pub faxbox: Option<FaxboxId>,
    /// Who sent it.
    pub creator: Option<Subject>,
    /// Who it is assigned to.
    pub assignee: Option<UserOrGroup>,
    /// State.
    pub state: FaxState,
    /// Labels.
    pub labels: Vec<ExternalId>,
    /// The time that orders lists.
    pub at: Timestamp,
    /// Where its attachments come from; none if that is not known.
    pub attachment_sources: Option<SourceSet>,
}

/// A fax on the wire.
pub fn fax_to_wire(fax: &NamedFax) -> pb::Fax {
    let NamedFax {
        fax,
        account,
        direction,
        number,
        faxbox,
        creator,
        assignee,
        state,
        labels,
        at,
        attachment_sources,
    } = fax;
    pb::Fax {
        fax: fax.to_wire(),
        account: account.to_wire(),
        direction: direction.to_wire(),
        number: number.to_wire().unwrap_or_default(),
        faxbox: faxbox.to_wire().unwrap_or_default(),
        creator: creator.to_wire(),
        assignee: assignee.to_wire(),
        state: state.to_wire(),
        labels: labels.to_wire(),
        at: at.to_wire(),
        attachment_sources: attachment_sources.to_wire(),
    }
}

/// The answer to `BatchRegisterFaxes`: fax and whether it was new, or why not, in order. The token
/// is empty where there is none.
pub fn batch_register_response(
    results: impl IntoIterator<Item = Result<(NamedFax, bool), Failure>>,
    revision: Revision,
    revision_token: String,
) -> pb::BatchRegisterFaxesResponse {
    use pb::register_fax_result::Result as Wire;

    let mut room = Room::WHOLE;
    let mut result = |result| match result {
        Ok((fax, created)) => {
            let fax = fax_to_wire(&fax);
            Wire::Registered(pb::RegisteredFax { fax: room.take(&fax).then_some(fax), created })
        }
        Err(failure) => Wire::Error(room.error(failure)),
    };
    let results = results
        .into_iter()
        .map(|item| pb::RegisterFaxResult { result: Some(result(item)) })
        .collect();
    pb::BatchRegisterFaxesResponse { results, revision: revision.0, revision_token }
}

#[cfg(test)]
mod tests;
