//! The faxes of an export.

use std::collections::HashMap;
use std::sync::Arc;

use lineguard_core::auto_assign::{Resolver, Target};
use lineguard_core::change::{Change, NewFax};
use lineguard_core::id::Num;
use lineguard_core::model::reach::Direction;
use lineguard_core::model::{Model, TargetKind};
use lineguard_core::port::{FaxRow, StoreError, TenantReader, TenantRow};
use lineguard_core::row::Object;

use super::{Ended, Out, PAGE};
use crate::app::App;
use crate::models::OneModel;
use crate::names::named_faxes;
use crate::wire::faxes::NamedFax;

/// The faxes in the order in which they were registered. Where registering one would put it
/// elsewhere than it is now, a change after it puts it right.
pub(super) async fn faxes(
    app: &App,
    tenant: &TenantRow,
    model: Arc<Model>,
    out: &mut Out<'_>,
) -> Result<(), Ended> {
    let mut places = Places { app, model: OneModel(tenant.model, model), known: HashMap::new() };
    let mut after = Num(0);
    loop {
        let rows = out.reader.faxes(after, PAGE).await?;
        let named = named_faxes(&mut out.reader, &rows).await?;
        for fax in &named {
            out.fax(&new_fax(fax)).await?;
        }
        for (row, named) in rows.iter().zip(named) {
            let stamped = places.of(&mut out.reader, row, named.number.is_some()).await?;
            if stamped.assignee != row.assignee {
                let (fax, assignee) = (named.fax.clone(), named.assignee.clone());
                out.change(&Change::AssignFax { fax, assignee }).await?;
            }
            if row.faxbox.is_none() && stamped.faxbox.is_some() {
                out.change(&Change::MoveFax { fax: named.fax, faxbox: None }).await?;
            }
        }
        match rows.last() {
            Some(last) if rows.len() == PAGE => after = last.num,
            _ => return Ok(()),
        }
    }
}

fn new_fax(named: &NamedFax) -> NewFax {
    let NamedFax {
        fax,
        account,
        direction,
        number,
        faxbox,
        creator,
        assignee: _,
        state,
        labels,
        at,
        attachment_sources,
    } = named.clone();
    NewFax {
        fax,
        account,
        direction,
        number,
        faxbox,
        creator,
        state,
        labels,
        at,
        attachment_sources,
    }
}

/// Where registering puts a fax.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    assignee: Option<Num>,
    faxbox: Option<Num>,
}

/// Where registering puts the faxes of each number.
struct Places<'a> {
    app: &'a App,
    model: OneModel,
    known: HashMap<Num, Option<(Target, Option<Object>)>>,
}

impl Places<'_> {
    async fn of(
        &mut self,
        reader: &mut dyn TenantReader,
        fax: &FaxRow,
        number_known: bool,
    ) -> Result<Place, StoreError> {
        let Some(number) = fax.number.filter(|_| number_known) else { return Ok(Place::default()) };
        if fax.direction != Direction::Inbound {
            return Ok(Place::default());
        }
        if !self.known.contains_key(&number) {
            let target = self.resolve(reader, number).await?;
            self.known.insert(number, target);
        }
        let Some(Some((target, object))) = self.known.get(&number) else {
            return Ok(Place::default());
        };
        if target.kind != TargetKind::Faxbox {
            return Ok(Place { assignee: Some(target.num), faxbox: None });
        }
        let here = object.as_ref().and_then(|faxbox| faxbox.account) == Some(fax.account);
        Ok(Place { assignee: None, faxbox: here.then_some(target.num) })
    }

    async fn resolve(
        &self,
        reader: &mut dyn TenantReader,
        number: Num,
    ) -> Result<Option<(Target, Option<Object>)>, StoreError> {
        let Some(number) = reader.get(&[number]).await?.into_iter().next() else { return Ok(None) };
        let vocabulary = self.app.vocabulary;
        let mut resolver = Resolver { reader: &mut *reader, models: &self.model, vocabulary };
        let Some(target) = resolver.target_of(&number).await? else { return Ok(None) };
        Ok(Some((target, reader.get(&[target.num]).await?.into_iter().next())))
    }
}
