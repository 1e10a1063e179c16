//! Replacing a running server's handlers and remotes.

use std::sync::Arc;

use super::App;
use super::cluster::{Cluster, Mount};
use crate::dispatch::MountedEndpoints;
use crate::value::{Error, ErrorKind, Result};

impl<R: Cluster> App<R> {
    /// Replaces all handlers and remotes of this running server by what `mount` mounts, in one step: what is under way
    /// ends on the old ones, what starts later runs on the new ones. pomelo's `reloadHandlers` and `reloadRemotes`, for
    /// code that comes from elsewhere, such as a script or a table of rules.
    ///
    /// Other servers learn the new methods at once. A remote's method keeps its number, so a call that was on its way
    /// meanwhile finds it; one to a method that is no more fails by itself.
    ///
    /// # Errors
    /// If a method wants to be lent something that was not inserted; if the server is stopped. Then all is as before.
    ///
    /// ```
    /// # use pomelo::{Result, remote};
    /// #[remote]
    /// trait RuleRemote {
    ///     async fn max_players(&self) -> Result<u32>;
    /// }
    ///
    /// struct Rules(u32);
    ///
    /// #[remote]
    /// impl RuleRemote for Rules {
    ///     async fn max_players(&self) -> Result<u32> {
    ///         Ok(self.0)
    ///     }
    /// }
    ///
    /// pomelo::servers! { battle: { remotes: [impl RuleRemote] } }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<()> {
    /// # let builder = App::builder().servers(r#"{ "battle": [{ "id": "battle-1" }] }"#);
    /// let running = builder.mount("battle", |_, mount| mount.remote(Rules(4))).start().await?;
    /// let app = running.app("battle-1").expect("it is up");
    /// app.reload(|_, mount| mount.remote(Rules(8)))?;
    /// assert_eq!(app.rpc.battle.rule_remote.max_players(pomelo::to("battle-1")).await?, 8);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "reloadHandlers")]
    #[doc(alias = "reloadRemotes")]
    pub fn reload(&self, mount: impl FnOnce(&Self, &mut Mount<R>)) -> Result<()> {
        let stopped = || Error::of(ErrorKind::Closed, "the server is stopped");
        let mut parts = Mount::new();
        mount(self, &mut parts);
        // One at a time: two that number the same methods would tell others different numbers.
        let _turn = self.reloading.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let before = self.dispatch.endpoints().ok_or_else(stopped)?;
        let mounted = before.as_any().downcast_ref::<MountedEndpoints<Self>>().ok_or_else(stopped)?;
        let after = mounted.replaced_by(parts.parts)?;
        let methods = Arc::new(after.methods());
        self.dispatch.set_endpoints(Some(Arc::new(after)));
        self.change_member(|member| member.methods = methods);
        Ok(())
    }
}
