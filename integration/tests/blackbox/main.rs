//! etcdd as others see it: processes, sockets, genuine clients, and a kill -9 in between.

mod clients;
mod etcdctl;
