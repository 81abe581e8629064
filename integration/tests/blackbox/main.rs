//! etcdd as others see it: processes, sockets, genuine clients, and a kill -9 in between.

mod chaos;
mod clients;
mod convert;
mod disk_full;
mod etcdctl;
mod lagging;
mod membership;
mod quorum;
mod secured;
mod shutdown;
mod startup;
