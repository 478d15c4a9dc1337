//! How much one statement may hold. A statement that holds more is not sent: a server would cut the
//! connection, which looks like an outage, and whoever tries again would try for ever.

use lineguard_core::port::StoreError;
use sea_orm::{ConnectionTrait, DbBackend};

use crate::rows::Row;
use crate::sql::Sql;

/// The least `max_allowed_packet` of a MariaDB server: four parts of the audit trail. Whatever is
/// written in many rows is written in statements that are smaller.
pub(crate) const LEAST_PACKET: u64 = 1 << 20;

/// What is enough for every change that a request can hold, and what MariaDB has by default.
const AMPLE_PACKET: u64 = 16 << 20;

/// Bytes of a statement beside its text and its values, for each value.
const PER_VALUE: usize = 16;

/// What a statement may have at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    values: usize,
}

impl Limits {
    /// The limits of a database, as they are now.
    pub(crate) async fn read(db: &impl ConnectionTrait) -> Result<Self, StoreError> {
        match db.get_database_backend() {
            DbBackend::MySql => {
                let packet = packet(db).await?;
                if packet < AMPLE_PACKET {
                    tracing::warn!(
                        max_allowed_packet = packet,
                        enough = AMPLE_PACKET,
                        "very long changes will be refused: the database takes no longer statements"
                    );
                }
                Ok(Self { bytes: usize::try_from(packet).unwrap_or(usize::MAX), values: 65_535 })
            }
            DbBackend::Postgres => Ok(Self { bytes: 1_000 << 20, values: 65_535 }),
            // Those that it is built with.
            _ => Ok(Self { bytes: 900 << 20, values: 32_766 }),
        }
    }

    /// Refuses a statement that is too large.
    pub(crate) fn check(&self, sql: &Sql) -> Result<(), StoreError> {
        let (bytes, values) = sql.size();
        let bytes = bytes.saturating_add(values.saturating_mul(PER_VALUE));
        if bytes < self.bytes && values <= self.values {
            return Ok(());
        }
        Err(StoreError::TooLarge { bytes, most: self.bytes })
    }
}

async fn packet(db: &impl ConnectionTrait) -> Result<u64, StoreError> {
    let query = Sql::new("SELECT CAST(@@max_allowed_packet AS SIGNED)");
    let row = query.one(db).await?;
    row.map_or(Ok(0), |row| {
        Row::new("the server's settings", &row, 0).count(0, "max_allowed_packet")
    })
}
