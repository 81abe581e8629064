//! The chores of this workspace: `cargo xtask <chore>`.
//!
//! A chore is a module with `run`, and a row in [`CHORES`].

mod bench;
mod build;
mod dist;
mod features;
mod image;
mod integration;
mod sim;
mod test;
mod tidy;

use std::{env, process::ExitCode};

struct Chore {
    name: &'static str,
    does: &'static str,
    run: fn(&[String]) -> ExitCode,
}

const CHORES: [Chore; 8] = [
    Chore { name: "bench", does: bench::DOES, run: bench::run },
    Chore { name: "dist", does: dist::DOES, run: dist::run },
    Chore { name: "features", does: features::DOES, run: features::run },
    Chore { name: "image", does: image::DOES, run: image::run },
    Chore { name: "integration", does: integration::DOES, run: integration::run },
    Chore { name: "sim", does: sim::DOES, run: sim::run },
    Chore { name: "test", does: test::DOES, run: test::run },
    Chore { name: "tidy", does: tidy::DOES, run: tidy::run },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let Some((name, rest)) = arguments.split_first()
        && let Some(chore) = CHORES.iter().find(|chore| chore.name == name)
    {
        return (chore.run)(rest);
    }
    eprintln!("usage: cargo xtask <chore> [arguments]\n");
    for Chore { name, does, .. } in CHORES {
        eprintln!("  {name:11} {does}");
    }
    ExitCode::from(2)
}
