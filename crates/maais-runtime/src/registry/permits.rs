//! Which permits were used. One that is over permits nothing anyway, and is forgotten.

use jiff::Timestamp;

use super::{Registry, RegistryError, millis};

/// Used permits that are remembered. Beyond it none can be used until some are over.
pub const SPENT_MAX: u64 = 1_000_000;

impl Registry {
    /// Uses a permit up; false if somebody did before.
    pub(crate) fn spend_permit(&self, id: &str, expires: Timestamp) -> Result<bool, RegistryError> {
        // A day more than needed: a clock that was set back lets nothing in again.
        let over = millis(self.now()).saturating_sub(24 * 3600 * 1000);
        self.write(|transaction| {
            transaction.execute("DELETE FROM permit WHERE expires < ?1", [over]).map_err(self.failed())?;
            let count: i64 = transaction
                .query_row("SELECT count(*) FROM permit", [], |row| row.get(0))
                .map_err(self.failed())?;
            if count.unsigned_abs() >= SPENT_MAX {
                return Err(RegistryError::Full { what: "used permits", max: SPENT_MAX });
            }
            let sql = "INSERT OR IGNORE INTO permit VALUES(?1, ?2)";
            let inserted = transaction.execute(sql, (id, millis(expires))).map_err(self.failed())?;
            Ok(inserted == 1)
        })
    }
}
