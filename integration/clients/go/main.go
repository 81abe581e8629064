// Everything the Go client offers for keys, transactions, watches and leases, and the packages built on it, against a
// running cluster.
//
// Run by the black-box tests, which say in ENDPOINTS where the members are and answer the faults asked for here
// (integration/src/script.rs). Each subject is tried before the leader is killed, without it, and when it is back.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"reflect"
	"strings"
	"time"

	"go.uber.org/zap"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const patience = 30 * time.Second

var stdin = bufio.NewReader(os.Stdin)

func main() {
	log.SetFlags(log.Lshortfile)
	client := connect()
	defer client.Close()

	long := startLong(client)
	tryAll(client, "before")

	// The subjects compact, so what is to go on must have been read to its end before a fault.
	long.goOn("before the fault")
	fault("kill-leader")
	long.goOn("without the leader")
	tryAll(client, "during")

	long.goOn("before it comes back")
	fault("heal")
	long.goOn("when it is back")
	tryAll(client, "after")

	long.end()
}

func tryAll(client *clientv3.Client, phase string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	subject := func(name string, try func(ctx context.Context, client *clientv3.Client, prefix string)) {
		try(ctx, client, phase+"/"+name+"/")
	}
	subject("kv", tryKV)
	subject("txn", tryTxn)
	subject("watch", tryWatch)
	subject("lease", tryLease)
	subject("session", trySession)
	subject("mutex", tryMutex)
	subject("election", tryElection)
	subject("stm", trySTM)
	subject("naming", tryNaming)
	subject("mirror", tryMirror)
	subject("leasing", tryLeasing)
	subject("ordering", tryOrdering)
	subject("namespace", tryNamespace)
	subject("cluster", tryCluster)
}

func connect() *clientv3.Client {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            strings.Split(os.Getenv("ENDPOINTS"), ","),
		DialTimeout:          5 * time.Second,
		DialKeepAliveTime:    5 * time.Second,
		DialKeepAliveTimeout: 5 * time.Second,
		Logger:               zap.NewNop(),
	})
	must(err)
	return client
}

func covered(what string) {
	fmt.Println("covered:", what)
}

func fault(kind string) {
	fmt.Println("fault:", kind)
	answer, err := stdin.ReadString('\n')
	must(err)
	equal(answer, "done\n")
}

// must stops the program when something that has to succeed does not.
func must(err error) {
	if err != nil {
		_ = log.Output(2, err.Error())
		os.Exit(1)
	}
}

func check(holds bool, format string, arguments ...any) {
	if !holds {
		_ = log.Output(2, fmt.Sprintf(format, arguments...))
		os.Exit(1)
	}
}

func equal[T any](actual, expected T) {
	if !reflect.DeepEqual(actual, expected) {
		_ = log.Output(2, fmt.Sprintf("%+v is not %+v", actual, expected))
		os.Exit(1)
	}
}

// fails checks that a request was refused with the error it should be.
func fails(err error, expected error) {
	if err == nil || err.Error() != expected.Error() {
		_ = log.Output(2, fmt.Sprintf("error %v is not %v", err, expected))
		os.Exit(1)
	}
}

// eventually repeats a look until it succeeds.
func eventually(what string, look func() error) {
	deadline := time.Now().Add(patience)
	for {
		err := look()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			_ = log.Output(2, fmt.Sprintf("%s: not within %v: %v", what, patience, err))
			os.Exit(1)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// receive takes the next value of a channel, which must come.
func receive[T any](what string, channel <-chan T) T {
	select {
	case value, open := <-channel:
		if !open {
			_ = log.Output(2, what+": closed")
			os.Exit(1)
		}
		return value
	case <-time.After(patience):
		_ = log.Output(2, what+": not within "+patience.String())
		os.Exit(1)
		panic("unreachable")
	}
}

// A long is what must survive the leader's end by itself: a watch and a lease that is kept alive.
type long struct {
	client *clientv3.Client
	watch  clientv3.WatchChan
	lease  clientv3.LeaseID
	alive  <-chan *clientv3.LeaseKeepAliveResponse
	seen   int64
}

func startLong(client *clientv3.Client) *long {
	ctx := context.Background()
	put, err := client.Put(ctx, "long/watch", "start")
	must(err)
	watch := client.Watch(clientv3.WithRequireLeader(ctx), "long/", clientv3.WithPrefix(),
		clientv3.WithRev(put.Header.Revision), clientv3.WithCreatedNotify())
	check(receive("created", watch).Created, "the first answer is not the creation's")
	receive("the first event", watch)
	grant, err := client.Grant(ctx, 5)
	must(err)
	alive, err := client.KeepAlive(ctx, grant.ID)
	must(err)
	_, err = client.Put(ctx, "leased for long", "here", clientv3.WithLease(grant.ID))
	must(err)
	return &long{client, watch, grant.ID, alive, put.Header.Revision}
}

// goOn writes a few keys, perhaps more than once, and sees all of them on the watch, in order. That the watch needs a
// leader may end it while there is none; then it is taken up where it was.
func (l *long) goOn(when string) {
	last := ""
	for i := range 5 {
		last = fmt.Sprintf("%s %d", when, i)
		eventually("a write", func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_, err := l.client.Put(ctx, "long/watch", last)
			return err
		})
	}
	expected := 0
	for expected < 5 {
		var response clientv3.WatchResponse
		select {
		case value, open := <-l.watch:
			if open {
				response = value
			}
			if !open || value.Err() != nil {
				check(response.CompactRevision == 0, "what was not read yet was compacted")
				l.watch = l.client.Watch(clientv3.WithRequireLeader(context.Background()), "long/",
					clientv3.WithPrefix(), clientv3.WithRev(l.seen+1))
				continue
			}
		case <-time.After(patience):
			check(false, "no event %d %s", expected, when)
		}
		for _, event := range response.Events {
			check(event.Kv.ModRevision > l.seen, "event %v comes after revision %d", event, l.seen)
			l.seen = event.Kv.ModRevision
			switch string(event.Kv.Value) {
			case fmt.Sprintf("%s %d", when, expected):
				expected++
			case fmt.Sprintf("%s %d", when, expected-1):
				// A write whose first answer was lost.
			default:
				check(false, "%s: event %s instead of number %d", when, event.Kv.Value, expected)
			}
		}
	}
	for len(l.alive) > 0 {
		<-l.alive
	}
	equal(receive("a keep-alive", l.alive).TTL, 5)
	get, err := l.client.Get(context.Background(), "leased for long")
	must(err)
	equal(len(get.Kvs), 1)
}

func (l *long) end() {
	_, err := l.client.Revoke(context.Background(), l.lease)
	must(err)
	get, err := l.client.Get(context.Background(), "leased for long")
	must(err)
	equal(len(get.Kvs), 0)
	for range l.alive {
		// What was under way is delivered; then the channel closes, since the lease is gone.
	}
	covered("watch and keep-alive over the leader's end; WithRequireLeader")
}
