//! etcdd as others see it: processes, sockets, genuine clients, and a kill -9 in between.

mod chaos;
mod clients;
mod etcdctl;
mod lagging;
mod membership;
mod quorum;
