//! What `build.rs` makes of `proto/`.

tonic::include_proto!("custom.v1");
