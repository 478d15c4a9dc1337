//! What one caller may ask for.

use std::collections::HashSet;

use lineguard_core::id::{Subject, TenantId};
use lineguard_core::vocabulary::{Product, Vocabulary};

/// A workload that calls, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What operators call it; for logs.
    pub name: String,
    /// The paths of the methods it may call.
    pub(super) methods: Allowed<String>,
    /// The tenants it may ask about.
    pub(super) tenants: Allowed<String>,
    /// The products it may ask about, besides what several share.
    pub(super) products: Allowed<Product>,
    /// Whom it may speak for.
    pub(super) speaks_for: SpeaksFor,
    /// Whether it may provision: activate numbers, when it writes as a service (rulings R39).
    pub provisions: bool,
}

/// Some of a kind, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Allowed<T: std::hash::Hash + Eq> {
    /// All there are and will be.
    All,
    /// These.
    These(HashSet<T>),
}

impl<T: std::hash::Hash + Eq> Allowed<T> {
    fn has<Q: std::hash::Hash + Eq + ?Sized>(&self, one: &Q) -> bool
    where
        T: std::borrow::Borrow<Q>,
    {
        match self {
            Self::All => true,
            Self::These(these) => these.contains(one),
        }
    }
}

/// Whom a caller may name as the one who asks or acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SpeaksFor {
    /// Anyone: it has seen to it that they are who they say.
    Anyone,
    /// Itself only.
    Itself(Subject),
    /// Nobody; it may ask what names nobody.
    Nobody,
}

/// What a request is about, as far as a caller may be limited. Read before the request is checked:
/// whoever may not ask learns nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touches<'m> {
    /// A tenant.
    Tenant(&'m str),
    /// All tenants there are.
    EveryTenant,
    /// Somebody who asks or acts.
    Subject {
        /// The kind, as the message says it.
        kind: &'m str,
        /// The id.
        id: &'m str,
    },
    /// An action.
    Action(&'m str),
    /// A product.
    Product(Product),
    /// Rows as they are stored, of everybody and of all products.
    Rows,
}

/// A request that tells what it is about.
pub trait Scoped {
    /// Tells everything to `see`, which says whether it may be asked; stops at the first that may
    /// not.
    fn touches<'m>(&'m self, see: &mut dyn FnMut(Touches<'m>) -> bool) -> bool;
}

impl Caller {
    /// Whoever can reach a server that asks nobody who they are.
    pub fn anybody() -> Self {
        Self {
            name: "anybody".to_owned(),
            methods: Allowed::All,
            tenants: Allowed::All,
            products: Allowed::All,
            speaks_for: SpeaksFor::Anyone,
            provisions: true,
        }
    }

    /// Whether it may be told what spans tenants.
    pub fn may_ask_about_every_tenant(&self) -> bool {
        self.tenants == Allowed::All
    }

    /// Whether it may ask whatever the methods that it may call take.
    fn is_limited_by_methods_alone(&self) -> bool {
        self.tenants == Allowed::All
            && self.products == Allowed::All
            && self.speaks_for == SpeaksFor::Anyone
    }

    /// Whether it may read rows, among which nothing can be kept from it.
    pub(super) fn may_read_rows(&self) -> bool {
        self.products == Allowed::All && self.speaks_for == SpeaksFor::Anyone
    }

    /// Whether its methods name one that gives rows; those that may call any name none.
    pub(super) fn names_rows(&self) -> bool {
        let of_sidecars = |path: &String| path.starts_with("/lineguard.v1.SidecarService/");
        matches!(&self.methods, Allowed::These(paths) if paths.iter().any(of_sidecars))
    }

    /// Whether it may ask about this tenant.
    pub fn may_ask_of(&self, tenant: &TenantId) -> bool {
        self.tenants.has(tenant.as_str())
    }

    /// Whether a call that is not read may be passed on for it to the method with this path. What
    /// it is then held against are the rights of whoever passes it on.
    pub fn may_be_passed_on(&self, path: &str) -> bool {
        let provisions = ["/lineguard.v1.AdminService/Apply", "/lineguard.v1.AdminService/Import"];
        self.is_limited_by_methods_alone() && (self.provisions || !provisions.contains(&path))
    }

    /// Whether it may call the method with this path.
    pub fn may_call(&self, path: &str) -> bool {
        self.methods.has(path)
    }

    /// Whether it may ask this.
    pub fn may_ask(&self, request: &impl Scoped, vocabulary: &Vocabulary) -> bool {
        request.touches(&mut |touched| self.may_touch(touched, vocabulary))
    }

    fn may_touch(&self, touched: Touches<'_>, vocabulary: &Vocabulary) -> bool {
        match touched {
            Touches::Tenant(tenant) => self.tenants.has(tenant),
            Touches::EveryTenant => self.may_ask_about_every_tenant(),
            Touches::Subject { kind, id } => match &self.speaks_for {
                SpeaksFor::Anyone => true,
                SpeaksFor::Nobody => false,
                SpeaksFor::Itself(subject) => subject.kind.as_str() == kind && subject.id() == id,
            },
            Touches::Action(name) => self.may_ask_about(name, vocabulary),
            Touches::Product(product) => self.products.has(&product),
            Touches::Rows => self.may_read_rows(),
        }
    }

    /// An action that does not exist is refused later, by name.
    fn may_ask_about(&self, action: &str, vocabulary: &Vocabulary) -> bool {
        if self.products == Allowed::All {
            return true;
        }
        let product = vocabulary.action(action).and_then(|action| vocabulary.product(action));
        product.is_none_or(|product| self.products.has(&product))
    }
}
