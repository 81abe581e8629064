package main

import (
	"context"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// collect takes events from a watch until there are as many as wanted, and tells them in words.
func collect(watch clientv3.WatchChan, wanted int) string {
	var all []string
	for len(all) < wanted {
		response := receive("an event", watch)
		must(response.Err())
		for _, event := range response.Events {
			previous := ""
			if event.PrevKv != nil {
				previous = fmt.Sprintf("(%s)", event.PrevKv.Value)
			}
			kind := event.Type.String()
			if event.IsCreate() {
				kind = "CREATE"
			} else if event.IsModify() {
				kind = "MODIFY"
			}
			all = append(all, fmt.Sprintf("%s %s%s", kind, event.Kv.Value, previous))
		}
	}
	return strings.Join(all, ", ")
}

func tryWatch(ctx context.Context, client *clientv3.Client, prefix string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	key := prefix + "key"
	put := func(key, value string) int64 {
		response, err := client.Put(ctx, key, value)
		must(err)
		return response.Header.Revision
	}

	live := client.Watch(ctx, key, clientv3.WithCreatedNotify())
	check(receive("created", live).Created, "the first answer is not the creation's")
	start := put(key, "one")
	put(key, "two")
	removed, err := client.Delete(ctx, key)
	must(err)
	end := removed.Header.Revision
	equal(collect(live, 3), "CREATE one, MODIFY two, DELETE ")
	covered("Watch; WithCreatedNotify, IsCreate, IsModify")

	for _, past := range []struct {
		options  []clientv3.OpOption
		wanted   int
		expected string
	}{
		{nil, 3, "CREATE one, MODIFY two, DELETE "},
		{[]clientv3.OpOption{clientv3.WithPrevKV()}, 3, "CREATE one, MODIFY two(one), DELETE (two)"},
		{[]clientv3.OpOption{clientv3.WithFilterPut()}, 1, "DELETE "},
		{[]clientv3.OpOption{clientv3.WithFilterDelete()}, 2, "CREATE one, MODIFY two"},
		{[]clientv3.OpOption{clientv3.WithPrefix()}, 3, "CREATE one, MODIFY two, DELETE "},
		{[]clientv3.OpOption{clientv3.WithRange(key + "x")}, 3, "CREATE one, MODIFY two, DELETE "},
		{[]clientv3.OpOption{clientv3.WithFromKey()}, 3, "CREATE one, MODIFY two, DELETE "},
		{[]clientv3.OpOption{clientv3.WithFragment()}, 3, "CREATE one, MODIFY two, DELETE "},
	} {
		one, stop := context.WithCancel(ctx)
		options := append(past.options, clientv3.WithRev(start))
		equal(collect(client.Watch(one, key, options...), past.wanted), past.expected)
		stop()
	}
	covered("WithRev, WithPrevKV, WithFilterPut, WithFilterDelete, WithPrefix, WithRange, WithFromKey")

	// More than one answer can hold: with WithFragment it comes in pieces, without it whole.
	ops := make([]clientv3.Op, 0, 20)
	for i := range cap(ops) {
		ops = append(ops, clientv3.OpPut(fmt.Sprintf("%slarge/%02d", prefix, i), strings.Repeat("x", 60_000)))
	}
	for range 2 {
		_, err = client.Txn(ctx).Then(ops...).Commit()
		must(err)
	}
	for _, options := range [][]clientv3.OpOption{nil, {clientv3.WithFragment()}} {
		one, stop := context.WithCancel(ctx)
		options = append(options, clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithRev(end+1))
		large := client.Watch(one, prefix+"large/", options...)
		for seen := 0; seen < 40; {
			response := receive("large events", large)
			must(response.Err())
			seen += len(response.Events)
		}
		stop()
	}
	covered("WithFragment on more than a message holds")

	// Events of one transaction come together.
	pair := client.Watch(ctx, prefix+"pair/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	receive("created", pair)
	_, err = client.Txn(ctx).Then(clientv3.OpPut(prefix+"pair/x", "x"), clientv3.OpPut(prefix+"pair/y", "y")).Commit()
	must(err)
	equal(len(receive("both events", pair).Events), 2)

	watcher := clientv3.NewWatcher(client)
	progress := watcher.Watch(ctx, prefix+"silence", clientv3.WithProgressNotify(), clientv3.WithCreatedNotify())
	receive("created", progress)
	last := put(key, "not watched")
	eventually("a progress notice", func() error {
		must(watcher.RequestProgress(ctx))
		response := receive("progress", progress)
		if !response.IsProgressNotify() || response.Header.Revision < last {
			return fmt.Errorf("%+v", response)
		}
		return nil
	})
	must(watcher.Close())
	_, open := <-progress
	check(!open, "the watcher is closed, its watch is not")
	covered("RequestProgress, WithProgressNotify, NewWatcher, Close")

	stopped, stop := context.WithCancel(ctx)
	canceled := client.Watch(stopped, key, clientv3.WithCreatedNotify())
	receive("created", canceled)
	stop()
	for range canceled {
		// It closes.
	}
	compacted := put(key, "compacted")
	_, err = client.Compact(ctx, compacted)
	must(err)
	response := receive("the end", client.Watch(ctx, key, clientv3.WithRev(start)))
	fails(response.Err(), rpctypes.ErrCompacted)
	check(response.Canceled && response.CompactRevision >= compacted, "%+v", response)
	covered("cancel; compacted start")
}

func tryLease(ctx context.Context, client *clientv3.Client, prefix string) {
	grant, err := client.Grant(ctx, 60)
	must(err)
	equal(grant.TTL, 60)
	for _, name := range []string{"a", "b"} {
		_, err = client.Put(ctx, prefix+name, "leased", clientv3.WithLease(grant.ID))
		must(err)
	}
	_, err = client.Put(ctx, prefix+"a", "still leased", clientv3.WithIgnoreLease())
	must(err)
	// The leader answers, which may learn of the last put later than the member that was asked for it.
	eventually("the lease's keys", func() error {
		left, err := client.TimeToLive(ctx, grant.ID, clientv3.WithAttachedKeys())
		if err == nil && (left.GrantedTTL != 60 || left.TTL <= 0 || left.TTL > 60 || len(left.Keys) != 2) {
			err = fmt.Errorf("%+v", left)
		}
		return err
	})
	leases, err := client.Leases(ctx)
	must(err)
	found := false
	for _, lease := range leases.Leases {
		found = found || lease.ID == grant.ID
	}
	check(found, "the lease is not listed")
	once, err := client.KeepAliveOnce(ctx, grant.ID)
	must(err)
	equal(once.TTL, 60)
	kept, stop := context.WithCancel(ctx)
	alive, err := client.KeepAlive(kept, grant.ID)
	must(err)
	equal(receive("a keep-alive", alive).ID, grant.ID)
	stop()
	for range alive {
		// It closes.
	}
	_, err = client.Revoke(ctx, grant.ID)
	must(err)
	get, err := client.Get(ctx, prefix, clientv3.WithPrefix())
	must(err)
	equal(get.Count, 0)
	covered("Grant, TimeToLive, WithAttachedKeys, Leases, KeepAliveOnce, KeepAlive, Revoke")

	_, err = client.Revoke(ctx, grant.ID)
	fails(err, rpctypes.ErrLeaseNotFound)
	_, err = client.KeepAliveOnce(ctx, grant.ID)
	fails(err, rpctypes.ErrLeaseNotFound)
	eventually("no lease", func() error {
		left, err := client.TimeToLive(ctx, grant.ID)
		if err == nil && left.TTL != -1 {
			err = fmt.Errorf("%+v", left)
		}
		return err
	})
	_, err = client.Grant(ctx, 10_000_000_000)
	fails(err, rpctypes.ErrLeaseTTLTooLarge)
	covered("errors of leases")

	lessor := clientv3.NewLease(client)
	short, err := lessor.Grant(ctx, 1)
	must(err)
	_, err = client.Put(ctx, prefix+"short", "soon gone", clientv3.WithLease(short.ID))
	must(err)
	gone := client.Watch(ctx, prefix+"short", clientv3.WithFilterPut())
	equal(collect(gone, 1), "DELETE ")
	must(lessor.Close())
	covered("NewLease, expiry")
}
