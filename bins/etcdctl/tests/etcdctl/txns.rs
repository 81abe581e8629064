//! `txn`.

use crate::pair::Pair;

#[test]
fn transactions() {
    let pair = Pair::start();
    pair.same(&["put", "k1", "v1"]);
    let held = "ver(\"k1\") > \"0\"\nval(\"k1\") = \"v1\"\n\nput k2 \"a b\" --prev-kv\nget k1\ndel \
                none\n\nput k1 lost\n\n";
    for format in ["simple", "json", "fields"] {
        pair.same_with_input(&["txn", "-w", format], held);
        pair.same_with_input(&["txn", "--hex", "-w", format], held);
    }
    pair.same_with_input(&["txn", "-i"], held);
    pair.same_with_input(&["txn", "--interactive=false"], held);
    let missed = "mod(\"k1\") < \"0\"\n\nput k1 lost\n\nget k --prefix --limit=1\nget 'k1' k3 \
                  --keys-only\n\n";
    for format in ["simple", "json", "fields"] {
        pair.same_with_input(&["txn", "-w", format], missed);
    }
    for input in [
        "\n\n\n",
        "c(\"k1\") = \"2\"\ncreate(\"none\") = \"0\"\nm(\"k1\") != \"3\"\nversion(\"k1\") = \
         \"1\"\nvalue(\"k1\") < \"w\"\n\nget k1\n\n\n",
        "ver( \"k1\")   > \t\"0\" behind\n\nget k1\n\n\n",
        "\nput k3 \"x\\ny\"\nget k3 k5\n\n\n",
        "\nput k5 a\"b\"c\nget k5\n\n\n",
        "\nput k5 -- -v\nget -- k5\n\n\n",
        "\n  get   k1  \n\n\n",
        "\r\nget k1\r\n\r\n\r\n",
        "\nget \"k1\n\n\n",
        "\nput k1 --ignore-value --prev-kv\n\n\n",
    ] {
        pair.same_with_input(&["txn"], input);
    }
}

#[test]
fn mistakes() {
    let pair = Pair::start();
    for input in [
        "",
        "\n",
        "\n\n",
        "ver(\"k1\") > \"0\"",
        "\nput k1 v\n\nput k2 v",
        "foo\n\n\n\n",
        "foo(\"a\") = \"b\"\n\n\n\n",
        "VER(\"a\") = \"1\"\n\n\n\n",
        "ver(a) > \"0\"\n\n\n\n",
        "ver(\"a\")>\"0\"\n\n\n\n",
        "ver(\"a\" ) > \"0\"\n\n\n\n",
        "ver(\"a\") > 0\n\n\n\n",
        "ver(\"a\") = \"x\"\n\n\n\n",
        "c(\"a\") = \"0x1\"\n\n\n\n",
        "\nfoo\n\n\n",
        "\nGET k1\n\n\n",
        "\nput\n\n\n",
        "\nget k1 --order x\n\n\n",
        "\nget --prefix --from-key k\n\n\n",
        "\nput k1 v --lease=zz\n\n\n",
        "\nput k1 v --lease=1234\n\n\n",
        "\nput k1 v\nput k1 w\n\n\n",
        "\nget k1 --rev=999\n\n\n",
        "val(\"\") = \"x\"\n\n\n\n",
    ] {
        pair.same_with_input(&["txn"], input);
    }
    pair.same(&["txn", "x"]);
    pair.same_with_input(&["txn", "-w", "table"], "\n\n\n");
    assert_eq!(pair.same(&["get", "", "--prefix"]), "");
}
