//! The errors etcd has a name for.

/// Defines [`Reason`] from etcd's messages, which are the contract: clients tell errors apart by
/// them, not by their codes.
macro_rules! reasons {
    ($($name:ident = $message:literal,)*) => {
        /// Which of etcd's errors a member answered with.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Reason {
            $(#[doc = concat!("`", $message, "`")] $name,)*
            /// None that etcd's clients know.
            Other,
        }

        impl Reason {
            /// All that have a message of their own.
            pub const KNOWN: &'static [Self] = &[$(Self::$name,)*];

            /// The reason whose message this is.
            pub fn of(message: &str) -> Self {
                match message {
                    $($message => Self::$name,)*
                    _ => Self::Other,
                }
            }

            /// Its message; none if it is not known.
            pub fn message(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($message),)*
                    Self::Other => None,
                }
            }
        }
    };
}

reasons! {
    AuthFailed = "etcdserver: authentication failed, invalid user ID or password",
    AuthNotEnabled = "etcdserver: authentication is not enabled",
    AuthOldRevision = "etcdserver: revision of auth store is old",
    BadLeaderTransferee = "etcdserver: bad leader transferee",
    Canceled = "etcdserver: request canceled",
    ClusterIdMismatch = "etcdserver: cluster ID mismatch",
    ClusterVersionUnavailable = "etcdserver: cluster version not found during downgrade",
    Compacted = "etcdserver: mvcc: required revision has been compacted",
    Corrupt = "etcdserver: corrupt cluster",
    DeadlineExceeded = "etcdserver: context deadline exceeded",
    DowngradeInProcess = "etcdserver: cluster has a downgrade job in progress",
    DuplicateKey = "etcdserver: duplicate key given in txn request",
    EmptyKey = "etcdserver: key is not provided",
    FutureRevision = "etcdserver: mvcc: required revision is a future revision",
    InvalidAuthManagement = "etcdserver: invalid auth management",
    InvalidAuthToken = "etcdserver: invalid auth token",
    InvalidClientApiVersion = "etcdserver: invalid client api version",
    InvalidDowngradeTargetVersion = "etcdserver: invalid downgrade target version",
    InvalidSortOption = "etcdserver: invalid sort option",
    KeyNotFound = "etcdserver: key not found",
    LeaderChanged = "etcdserver: leader changed",
    LearnerNotReady =
        "etcdserver: can only promote a learner member which is in sync with leader",
    LeaseExists = "etcdserver: lease already exists",
    LeaseNotFound = "etcdserver: requested lease not found",
    LeaseProvided = "etcdserver: lease is provided",
    LeaseTtlTooLarge = "etcdserver: too large lease TTL",
    MemberBadUrls = "etcdserver: given member URLs are invalid",
    MemberExists = "etcdserver: member ID already exist",
    MemberNotFound = "etcdserver: member not found",
    MemberNotLearner = "etcdserver: can only promote a learner member",
    NoInflightDowngrade = "etcdserver: no inflight downgrade job",
    NoLeader = "etcdserver: no leader",
    NoSpace = "etcdserver: mvcc: database space exceeded",
    NotCapable = "etcdserver: not capable",
    NotEnoughStartedMembers =
        "etcdserver: re-configuration failed due to not enough started members",
    NotLeader = "etcdserver: not leader",
    NotSupportedForLearner = "etcdserver: rpc not supported for learner",
    PeerUrlExists = "etcdserver: Peer URLs already exists",
    PermissionDenied = "etcdserver: permission denied",
    PermissionNotGiven = "etcdserver: permission not given",
    PermissionNotGranted = "etcdserver: permission is not granted to the role",
    RequestTooLarge = "etcdserver: request is too large",
    RoleAlreadyExists = "etcdserver: role name already exists",
    RoleEmpty = "etcdserver: role name is empty",
    RoleNotFound = "etcdserver: role name not found",
    RoleNotGranted = "etcdserver: role is not granted to the user",
    RootRoleNotExist = "etcdserver: root user does not have root role",
    RootUserNotExist = "etcdserver: root user does not exist",
    Stopped = "etcdserver: server stopped",
    Timeout = "etcdserver: request timed out",
    TimeoutDueToConnectionLost =
        "etcdserver: request timed out, possibly due to connection lost",
    TimeoutDueToLeaderFail =
        "etcdserver: request timed out, possibly due to previous leader failure",
    TimeoutWaitAppliedIndex =
        "etcdserver: request timed out, waiting for the applied index took too long",
    TooManyLearners = "etcdserver: too many learner members in cluster",
    TooManyOperations = "etcdserver: too many operations in txn request",
    TooManyRequests = "etcdserver: too many requests",
    Unhealthy = "etcdserver: unhealthy cluster",
    UserAlreadyExists = "etcdserver: user name already exists",
    UserEmpty = "etcdserver: user name is empty",
    UserNotFound = "etcdserver: user name not found",
    ValueProvided = "etcdserver: value is provided",
    WatchCanceled = "etcdserver: watch canceled",
    WrongDowngradeVersionFormat = "etcdserver: wrong downgrade target version format",
}

impl Reason {
    /// Whether etcd's Go client makes an error of its own of it, and so shows its message without
    /// its code. The others it passes on as gRPC gave them.
    pub(crate) fn is_typed(self) -> bool {
        !matches!(
            self,
            Self::Canceled
                | Self::DeadlineExceeded
                | Self::InvalidClientApiVersion
                | Self::Other
                | Self::PermissionNotGiven
                | Self::TimeoutWaitAppliedIndex
                | Self::WatchCanceled
        )
    }
}
