//! Extensions and call queues.

use super::door::{Done, Door, IN_TENANT};
use crate::id::{AccountId, ExtensionId, QueueId};
use crate::row::{LinkKind, ObjectKind};

/// The body of an object that is only a name in an account.
#[derive(serde::Serialize)]
struct Bare {}

impl Door<'_> {
    pub(super) async fn add_extension(
        &mut self,
        account: &AccountId,
        extension: &ExtensionId,
    ) -> Done {
        self.add_bare(account, ObjectKind::Extension, "extension", extension.as_str()).await
    }

    pub(super) async fn remove_extension(&mut self, extension: &ExtensionId) -> Done {
        let lists = [LinkKind::HeldExtension, LinkKind::GrantedExtension];
        self.remove_bare(ObjectKind::Extension, "extension", extension.as_str(), &lists).await
    }

    pub(super) async fn add_queue(&mut self, account: &AccountId, queue: &QueueId) -> Done {
        self.add_bare(account, ObjectKind::Queue, "queue", queue.as_str()).await
    }

    pub(super) async fn remove_queue(&mut self, queue: &QueueId) -> Done {
        let lists = [LinkKind::GrantedQueue];
        self.remove_bare(ObjectKind::Queue, "queue", queue.as_str(), &lists).await
    }

    async fn add_bare(
        &mut self,
        account: &AccountId,
        kind: ObjectKind,
        field: &'static str,
        id: &str,
    ) -> Done {
        let account = self.account("account", account).await?.num;
        match self.find(kind, IN_TENANT, id).await? {
            Some(existing) if existing.account == Some(account) => Ok(false),
            Some(_) => Err(self.exists(field, format!("the {field} exists in another account"))),
            None => {
                self.insert(kind, IN_TENANT, id, Some(account), &Bare {}).await?;
                Ok(true)
            }
        }
    }

    async fn remove_bare(
        &mut self,
        kind: ObjectKind,
        field: &'static str,
        id: &str,
        lists: &[LinkKind],
    ) -> Done {
        let Some(object) = self.find(kind, IN_TENANT, id).await? else {
            return Ok(false);
        };
        for list in lists {
            if !self.tx.links_to(*list, object.num).await?.is_empty() {
                return Err(self.refused(field, format!("a list names the {field}")));
            }
        }
        self.tx.remove_object(object.num).await?;
        Ok(true)
    }
}
