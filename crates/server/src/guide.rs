#![doc = include_str!("../guide.md")]

#[expect(unused_imports, reason = "what the page speaks of")]
use crate::{
    Assembly, Config, ConsensusPart, EnginePart, LogPart, Member, Parts, TransportPart, run_of,
};
