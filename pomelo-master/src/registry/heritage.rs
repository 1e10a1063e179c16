//! Heritage: what a new master learns from the servers of the one before it.

use std::collections::HashSet;
use std::sync::Arc;

use pomelo_core::value::{ServerId, ServerInfo};

use super::standing::Standing;
use super::{MAX_SERVERS, Registry};

impl Registry {
    /// A server tells what the master before this one had it expect: servers that servers.json lacks, or has otherwise; and, if
    /// it ever was told, the ids of all. Returns those that are new here.
    ///
    /// What that master didn't have others expect was never up, or is stopped for good, and so isn't expected by this one either.
    pub(crate) fn inherit(
        &mut self,
        from: &ServerId,
        added: Vec<Arc<ServerInfo>>,
        told: Option<&[ServerId]>,
    ) -> Vec<ServerId> {
        let mut learnt = Vec::new();
        for info in added {
            // Of itself a server has said already what it is.
            if info.id != *from && self.learn(&info) {
                learnt.push(info.id.clone());
            }
        }
        self.recall(from, told);
        learnt
    }

    fn recall(&mut self, from: &ServerId, told: Option<&[ServerId]>) {
        let Some(told) = told else { return };
        let told: HashSet<_> = told.iter().collect();
        let untried = self.entries().filter(|entry| entry.standing == Standing::configured());
        let ids: Vec<_> = untried.map(|entry| entry.info.id.clone()).filter(|id| id != from).collect();
        for id in ids {
            if let Some(entry) = self.servers.get_mut(&id) {
                entry.standing.recalled(told.contains(&id));
                self.settle(&id);
            }
        }
    }

    fn learn(&mut self, info: &Arc<ServerInfo>) -> bool {
        let id = &info.id;
        if self.former.contains(id) || self.servers.len() >= MAX_SERVERS {
            return false;
        }
        let is_new = match self.servers.get_mut(id) {
            None => true,
            // An operator had replaced what servers.json has.
            Some(entry) => entry.is_down() && entry.standing == Standing::configured() && entry.info != *info,
        };
        if is_new {
            self.insert(info.clone(), Standing::inherited());
        }
        is_new
    }
}
