//! The writes of a history, in the orders in which answers are compared with them.

use super::{Rule, Violation};
use crate::clock::Nanos;
use crate::history::{History, RegisterAt, TenantAt, Write};

/// Writes of registers and tenants.
pub(super) struct Writes<'h> {
    /// Of each register, in the order of their calls, which is the order in which they happened.
    registers: Vec<Vec<&'h Write>>,
    tenants: Vec<Tenant<'h>>,
}

/// The writes of a tenant.
#[derive(Default)]
struct Tenant<'h> {
    /// By acknowledgement; each with the write of the highest revision up to there.
    acknowledged: Vec<(Nanos, &'h Write)>,
    /// By revision; each with the write that was called last up to there.
    revisions: Vec<(u64, &'h Write)>,
    /// The call of the earliest write that was never acknowledged.
    open: Option<Nanos>,
}

impl<'h> Writes<'h> {
    /// Sorts the writes, and tells of those that cannot be in any order.
    pub(super) fn of(history: &'h History, found: &mut Vec<Violation>) -> Self {
        let mut registers = vec![Vec::new(); history.registers.len()];
        let tenants = history.registers.iter().map(|register| usize::from(register.tenant) + 1);
        let mut of_tenant = vec![Vec::new(); tenants.max().unwrap_or(0)];
        for write in &history.writes {
            let tenant = usize::from(history.tenant(write.register));
            if let Some(of_tenant) = of_tenant.get_mut(tenant) {
                of_tenant.push(write);
            }
            let register = usize::try_from(write.register).ok();
            if let Some(register) = register.and_then(|at| registers.get_mut(at)) {
                register.push(write);
            }
        }
        for of_register in &mut registers {
            of_register.sort_by_key(|write| write.call);
            one_after_the_other(of_register, found);
        }
        let tenants = of_tenant.into_iter().map(|writes| Tenant::of(writes, found)).collect();
        Self { registers, tenants }
    }

    /// The writes of a register, in order.
    pub(super) fn of_register(&self, register: RegisterAt) -> &[&'h Write] {
        let writes = usize::try_from(register).ok().and_then(|at| self.registers.get(at));
        writes.map_or(&[], Vec::as_slice)
    }

    /// Of the tenant's writes that were acknowledged before `moment`, the one of the highest
    /// revision.
    pub(super) fn acknowledged(&self, tenant: TenantAt, moment: Nanos) -> Option<&'h Write> {
        let all = &self.tenants.get(usize::from(tenant))?.acknowledged;
        let before = all.partition_point(|(ack, _)| *ack < moment);
        all.get(before.checked_sub(1)?).map(|(_, write)| *write)
    }

    /// Of the tenant's writes up to this revision, the one that was called last.
    pub(super) fn called_last(&self, tenant: TenantAt, revision: u64) -> Option<&'h Write> {
        let all = &self.tenants.get(usize::from(tenant))?.revisions;
        let up_to = all.partition_point(|(made, _)| *made <= revision);
        all.get(up_to.checked_sub(1)?).map(|(_, write)| *write)
    }

    /// Whether a write can have made this revision before `moment`.
    pub(super) fn can_exist(&self, tenant: TenantAt, revision: u64, moment: Nanos) -> bool {
        let Some(tenant) = self.tenants.get(usize::from(tenant)) else { return false };
        tenant.revisions.last().is_some_and(|(highest, _)| revision <= *highest)
            || tenant.open.is_some_and(|call| call <= moment)
    }
}

impl<'h> Tenant<'h> {
    fn of(writes: Vec<&'h Write>, found: &mut Vec<Violation>) -> Self {
        let open = writes.iter().filter(|write| write.ack.is_none()).map(|write| write.call).min();
        let mut by_ack: Vec<(Nanos, &Write)> =
            writes.iter().filter_map(|write| Some((write.ack?, *write))).collect();
        let mut by_revision: Vec<(u64, &Write)> =
            by_ack.iter().map(|(_, write)| (write.revision, *write)).collect();
        by_revision.sort_by_key(|(revision, _)| *revision);
        different(&by_revision, found);
        by_ack.sort_by_key(|(ack, _)| *ack);
        carry(&mut by_ack, |write| write.revision);
        carry(&mut by_revision, |write| write.call);
        let tenant = Self { acknowledged: by_ack, revisions: by_revision, open };
        tenant.in_the_order_of_time(&writes, found);
        tenant
    }

    /// A write called after the acknowledgement of another has the higher revision.
    fn in_the_order_of_time(&self, writes: &[&Write], found: &mut Vec<Violation>) {
        for write in writes {
            let acknowledged = self.acknowledged.partition_point(|(ack, _)| *ack < write.call);
            let highest = acknowledged.checked_sub(1).and_then(|at| self.acknowledged.get(at));
            if let Some((_, highest)) = highest
                && write.ack.is_some()
                && highest.revision > write.revision
            {
                found.push(order(highest, write));
            }
        }
    }
}

/// Makes each entry carry the greatest write up to there.
fn carry(writes: &mut [(u64, &Write)], key: impl Fn(&Write) -> u64) {
    let mut greatest: Option<&Write> = None;
    for (_, write) in writes {
        if let Some(greatest) = greatest
            && key(greatest) > key(write)
        {
            *write = greatest;
        }
        greatest = Some(write);
    }
}

fn different(by_revision: &[(u64, &Write)], found: &mut Vec<Violation>) {
    for pair in by_revision.windows(2) {
        if let [(one, first), (other, second)] = pair
            && one == other
        {
            let events = format!("two writes have one revision\n    {first}\n    {second}");
            found.push(Violation { rule: Rule::Order, at: second.call, events });
        }
    }
}

fn order(earlier: &Write, later: &Write) -> Violation {
    let events = format!(
        "a write called after an acknowledgement has a lower revision\n    {earlier}\n    {later}"
    );
    Violation { rule: Rule::Order, at: later.call, events }
}

fn one_after_the_other(writes: &[&Write], found: &mut Vec<Violation>) {
    for pair in writes.windows(2) {
        if let [first, second] = pair
            && first.ack.is_none_or(|ack| ack > second.call)
        {
            let events = format!("a register was written twice at once\n    {first}\n    {second}");
            found.push(Violation { rule: Rule::Order, at: second.call, events });
        }
    }
}
