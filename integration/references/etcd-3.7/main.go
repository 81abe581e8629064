// Genuine etcd 3.7 as a program, with all of its flags.
//
// It is built from the Go module, as integration/setup uses ordinary registries only and none of
// them has this release as a binary.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
