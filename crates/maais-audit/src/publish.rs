//! Checkpoints for others: the `checkpoint` file that transparency-log tools look for, and a history of
//! earlier ones that `verify` compares with the log.
//!
//! Neither is needed to go on, and neither is flushed: the newest checkpoint is always in the head.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::layout::Layout;
use crate::storage::{File, Storage};

/// Between two versions of the `checkpoint` file, while records come.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// Between two checkpoints of the history.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// Where checkpoints are published.
#[derive(Debug)]
pub(crate) struct Publisher {
    storage: Arc<dyn Storage>,
    layout: Layout,
    history: Option<(Box<dyn File>, u64)>,
    published: Instant,
    kept: Instant,
}

impl Publisher {
    pub(crate) fn new(storage: Arc<dyn Storage>, layout: Layout) -> Self {
        let now = Instant::now();
        Self { storage, layout, history: None, published: now, kept: now }
    }

    /// Publishes and keeps the checkpoint if it is time to; whether it was published.
    pub(crate) fn offer(&mut self, checkpoint: &str) -> io::Result<bool> {
        let now = Instant::now();
        let is_due = now - self.published >= PUBLISH_EVERY;
        if is_due {
            self.publish(checkpoint)?;
            self.published = now;
        }
        if now - self.kept >= KEEP_EVERY {
            self.keep(checkpoint)?;
            self.kept = now;
        }
        Ok(is_due)
    }

    pub(crate) fn publish(&self, checkpoint: &str) -> io::Result<()> {
        let path = self.layout.checkpoint();
        let temporary = path.with_extension("new");
        let file = self.storage.open(&temporary, 0o640)?;
        file.set_len(0)?;
        file.write_at(checkpoint.as_bytes(), 0)?;
        self.storage.rename(&temporary, &path)
    }

    /// Appends the checkpoint to the history, as one line. A torn line there is ended.
    pub(crate) fn keep(&mut self, checkpoint: &str) -> io::Result<()> {
        let (file, end) = match self.history.take() {
            Some(history) => history,
            None => {
                let path = self.layout.checkpoints();
                let end = std::fs::metadata(&path).map_or(0, |data| data.len());
                (self.storage.open(&path, 0o640)?, end)
            }
        };
        let line = format!("\n{}", serde_json::to_string(checkpoint)?);
        file.write_at(line.as_bytes(), end)?;
        self.history = Some((file, end + line.len() as u64));
        Ok(())
    }
}
