use crate::command::{Command, Path};
use crate::flags::{Flag, Kind, Parsed};
use crate::help::{help, usage};

static FLAGS: [Flag; 3] = [
    Flag::new("prefix", Kind::Bool, "all of them"),
    Flag::new("interactive", Kind::Bool, "ask").short('i'),
    Flag::new("lease", Kind::String, "which").default("0"),
];
static CHILDREN: [Command<Parsed>; 2] =
    [Command::new("do", "<what>", "Does it.", |_| Ok(())).flags(&FLAGS), Command::later("soon")];
static ROOT: Command<Parsed> = Command::group("tool", "A tool.", &[("Commands:", &CHILDREN)]);

#[test]
fn a_command_lists_its_flags() {
    let path: Path<Parsed> = vec![&ROOT, &CHILDREN[0]];
    assert_eq!(
        usage(&path),
        "Usage:\n  tool do [options] <what>\n\nFlags:\n  \
         -h, --help           show how this is called\n  \
         -i, --interactive    ask\n      --lease string   which (default \"0\")\n      \
         --prefix         all of them\n\n"
    );
}

#[test]
fn a_group_lists_what_is_there() {
    let path: Path<Parsed> = vec![&ROOT];
    assert_eq!(
        help(&path),
        "A tool.\n\nUsage:\n  tool [command]\n\nCommands:\n  do          Does it.\n\nFlags:\n  \
         -h, --help   show how this is called\n\n\"tool options\" lists the flags that all \
         commands have.\n"
    );
}
