//! A look at the others before a member hears them: whether it holds what they hold, as etcd's
//! feature gate `InitialCorruptCheck` asks for.
//!
//! Members that look at each other at the same time do not hear each other, so that one of them
//! that is spoilt does not keep all from starting. Over QUIC, which hears peers from its own start,
//! they do.

use host::{Error as HostError, Handle, Hashed};
use tracing::{info, warn};
use units::{NodeId, Revision};

use crate::Error;

/// Compares this member's keyspace with that of every other one, as of its own newest revision.
/// Whoever cannot be asked, or cannot tell any more, is passed over.
///
/// # Errors
///
/// When somebody holds something else.
pub(crate) async fn check(handle: &Handle) -> Result<(), Error> {
    let own = handle.identity().node;
    info!("local-member-id" = %own, "starting initial corruption check");
    let fetch =
        |error: HostError| Error::Inconsistent(format!("{own} failed to fetch hash ({error})"));
    let here = handle.hash(own, Revision(0)).await.map_err(fetch)?;
    let others: Vec<NodeId> = {
        let published = handle.published();
        published.members.current.keys().copied().filter(|id| *id != own).collect()
    };
    let mut differ = false;
    for id in others {
        match handle.hash(id, here.revision).await {
            Ok(there) => differ |= !is_alike(&here, &there, id),
            Err(error) => warn!(
                "remote-peer-id" = %id,
                "error" = %error,
                "failed to get hash from remote peer"
            ),
        }
    }
    if differ {
        return Err(Error::Inconsistent(format!("{own} found data inconsistency with peers")));
    }
    info!("local-member-id" = %own, "initial corruption checking passed; no corruption");
    Ok(())
}

/// Whether another member holds the same, as far as both have kept the same.
fn is_alike(here: &Hashed, there: &Hashed, id: NodeId) -> bool {
    if here.hash == there.hash {
        return true;
    }
    let what = if here.compacted == there.compacted { "hash" } else { "compact revision" };
    warn!(
        "local-member-revision" = here.revision.0,
        "local-member-compact-revision" = here.compacted.0,
        "local-member-hash" = here.hash,
        "remote-peer-id" = %id,
        "remote-peer-revision" = there.revision.0,
        "remote-peer-compact-revision" = there.compacted.0,
        "remote-peer-hash" = there.hash,
        "found different {what} values from remote peer"
    );
    // What one has compacted and the other not yet tells nothing.
    here.compacted != there.compacted
}
