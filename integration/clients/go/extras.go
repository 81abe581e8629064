package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/leasing"
	"go.etcd.io/etcd/client/v3/mirror"
	"go.etcd.io/etcd/client/v3/namespace"
	"go.etcd.io/etcd/client/v3/naming/endpoints"
	"go.etcd.io/etcd/client/v3/naming/resolver"
	"go.etcd.io/etcd/client/v3/ordering"
)

// tryNaming registers the members themselves as a service and finds them by its name.
func tryNaming(ctx context.Context, client *clientv3.Client, prefix string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	service := prefix + "service"
	manager, err := endpoints.NewManager(client, service)
	must(err)
	changes, err := manager.NewWatchChannel(ctx)
	must(err)
	grant, err := client.Grant(ctx, 60)
	must(err)
	for i, address := range client.Endpoints() {
		endpoint := endpoints.Endpoint{Addr: strings.TrimPrefix(address, "http://"), Metadata: "a member"}
		key := fmt.Sprintf("%s/%d", service, i)
		must(manager.AddEndpoint(ctx, key, endpoint, clientv3.WithLease(grant.ID)))
		update := receive("an update", changes)
		check(len(update) == 1 && update[0].Op == endpoints.Add && update[0].Key == key, "%+v", update)
	}
	listed := func(wanted int) {
		// The list is a serializable read.
		eventually("the list", func() error {
			found, err := manager.List(ctx)
			if err == nil && len(found) != wanted {
				err = fmt.Errorf("it has %d endpoints", len(found))
			}
			return err
		})
	}
	listed(len(client.Endpoints()))

	builder, err := resolver.NewBuilder(client)
	must(err)
	connection, err := grpc.NewClient("etcd:///"+service, grpc.WithResolvers(builder),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	health, err := healthpb.NewHealthClient(connection).
		Check(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
	must(err)
	equal(health.Status, healthpb.HealthCheckResponse_SERVING)
	must(connection.Close())

	must(manager.Update(ctx, []*endpoints.UpdateWithOpts{endpoints.NewDeleteUpdateOpts(service + "/0")}))
	equal(receive("an update", changes)[0].Op, endpoints.Delete)
	_, err = client.Revoke(ctx, grant.ID)
	must(err)
	listed(0)
	covered("naming: AddEndpoint, DeleteEndpoint, Update, List, NewWatchChannel, resolver for gRPC, health service")
}

func tryMirror(ctx context.Context, client *clientv3.Client, prefix string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	expected := make(map[string]string)
	put := func(i int, value string) {
		key := fmt.Sprintf("%s%04d", prefix, i)
		_, err := client.Put(ctx, key, value)
		must(err)
		expected[key] = value
	}
	for base := 0; base < 1_050; base += 105 {
		ops := make([]clientv3.Op, 0, 105)
		for i := base; i < base+105; i++ {
			key := fmt.Sprintf("%s%04d", prefix, i)
			ops = append(ops, clientv3.OpPut(key, "base"))
			expected[key] = "base"
		}
		_, err := client.Txn(ctx).Then(ops...).Commit()
		must(err)
	}
	syncer := mirror.NewSyncer(client, prefix, 0)
	pages, errors := syncer.SyncBase(ctx)
	mirrored := make(map[string]string)
	for page := range pages {
		for _, kv := range page.Kvs {
			mirrored[string(kv.Key)] = string(kv.Value)
		}
	}
	must(<-errors)
	equal(mirrored, expected)
	updates := syncer.SyncUpdates(ctx)
	put(0, "updated")
	put(2_000, "new")
	_, err := client.Delete(ctx, prefix+"0001")
	must(err)
	delete(expected, prefix+"0001")
	for seen := 0; seen < 3; {
		response := receive("updates", updates)
		must(response.Err())
		for _, event := range response.Events {
			seen++
			if event.Type == clientv3.EventTypeDelete {
				delete(mirrored, string(event.Kv.Key))
			} else {
				mirrored[string(event.Kv.Key)] = string(event.Kv.Value)
			}
		}
	}
	equal(mirrored, expected)
	covered("mirror: SyncBase over pages, SyncUpdates")
}

func tryLeasing(ctx context.Context, client *clientv3.Client, prefix string) {
	one, closeOne, err := leasing.NewKV(client, prefix+"leases-of-keys/")
	must(err)
	two, closeTwo, err := leasing.NewKV(client, prefix+"leases-of-keys/")
	must(err)
	key := prefix + "key"
	_, err = one.Put(ctx, key, "one")
	must(err)
	read := func(kv clientv3.KV) string {
		response, err := kv.Get(ctx, key)
		must(err)
		if len(response.Kvs) == 0 {
			return ""
		}
		return string(response.Kvs[0].Value)
	}
	equal(read(one), "one") // acquires the key
	equal(read(one), "one") // from memory
	_, err = two.Put(ctx, key, "two")
	must(err) // the owner was asked to let go
	equal(read(one), "two")
	equal(read(two), "two")
	response, err := two.Txn(ctx).If(clientv3.Compare(clientv3.Value(key), "=", "two")).
		Then(clientv3.OpPut(key, "three"), clientv3.OpPut(prefix+"other", "x")).
		Else(clientv3.OpGet(key)).Commit()
	must(err)
	check(response.Succeeded, "not succeeded")
	equal(read(one), "three")
	_, err = one.Delete(ctx, prefix, clientv3.WithPrefix())
	must(err)
	equal(read(two), "")
	closeOne()
	closeTwo()
	covered("leasing: Get from memory, Put, Txn and Delete that revoke another's")
}

func tryOrdering(ctx context.Context, client *clientv3.Client, prefix string) {
	kv := ordering.NewKV(client.KV, ordering.NewOrderViolationSwitchEndpointClosure(client))
	key := prefix + "key"
	for i := range 20 {
		put, err := client.Put(ctx, key, fmt.Sprint(i))
		must(err)
		get, err := kv.Get(ctx, key)
		must(err)
		check(get.Header.Revision >= put.Header.Revision, "an older answer")
		// A member that is behind may be asked; the wrapper turns to another until none is older than the last answer.
		again, err := kv.Get(ctx, key, clientv3.WithSerializable())
		if err == ordering.ErrNoGreaterRev {
			continue
		}
		must(err)
		check(again.Header.Revision >= get.Header.Revision, "time went back")
	}
	response, err := kv.Txn(ctx).Then(clientv3.OpGet(key)).Commit()
	must(err)
	equal(string(response.Responses[0].GetResponseRange().Kvs[0].Value), "19")
	covered("ordering: Get, serializable Get, Txn")
}

func tryNamespace(ctx context.Context, client *clientv3.Client, prefix string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kv := namespace.NewKV(client.KV, prefix)
	watcher := namespace.NewWatcher(client.Watcher, prefix)
	lease := namespace.NewLease(client.Lease, prefix)
	changes := watcher.Watch(ctx, "", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	receive("created", changes)
	grant, err := lease.Grant(ctx, 60)
	must(err)
	_, err = kv.Put(ctx, "key", "value", clientv3.WithLease(grant.ID))
	must(err)
	outside, err := client.Get(ctx, prefix+"key")
	must(err)
	equal(string(outside.Kvs[0].Value), "value")
	inside, err := kv.Get(ctx, "\x00", clientv3.WithFromKey())
	must(err)
	check(inside.Count == 1 && string(inside.Kvs[0].Key) == "key", "%+v", inside)
	event := receive("an event", changes).Events[0]
	equal(string(event.Kv.Key), "key")
	eventually("the lease's key", func() error {
		left, err := lease.TimeToLive(ctx, grant.ID, clientv3.WithAttachedKeys())
		if err == nil && (len(left.Keys) != 1 || string(left.Keys[0]) != "key") {
			err = fmt.Errorf("%+v", left)
		}
		return err
	})
	response, err := kv.Txn(ctx).If(clientv3.Compare(clientv3.Version("key"), "=", 1)).
		Then(clientv3.OpDelete("key", clientv3.WithPrevKV())).Commit()
	must(err)
	equal(string(response.Responses[0].GetResponseDeleteRange().PrevKvs[0].Key), "key")
	covered("namespace: KV, Watcher, Lease")
}

func tryCluster(ctx context.Context, client *clientv3.Client, _ string) {
	list, err := client.MemberList(ctx)
	must(err)
	equal(len(list.Members), len(client.Endpoints()))
	reached := 0
	for _, endpoint := range client.Endpoints() {
		status := statusOf(ctx, client, endpoint)
		if status == nil {
			continue // the one that was killed
		}
		reached++
		check(status.Leader != 0 && status.RaftTerm > 0 && status.DbSize > 0 && status.Version != "", "%+v", status)
		hash, err := client.HashKV(ctx, endpoint, 0)
		must(err)
		check(hash.Hash != 0, "no hash")
		_, err = client.Defragment(ctx, endpoint)
		must(err)
	}
	check(2*reached > len(client.Endpoints()), "only %d answer", reached)
	alarms, err := client.AlarmList(ctx)
	must(err)
	equal(len(alarms.Alarms), 0)
	must(client.Sync(ctx))
	covered("MemberList, Status, HashKV, Defragment, AlarmList, Sync")
	trySnapshot(ctx, client)
}

func trySnapshot(ctx context.Context, client *clientv3.Client) {
	var size int64
	snapshot, err := client.Snapshot(ctx)
	if err == nil {
		size, err = io.Copy(io.Discard, snapshot)
	}
	// A server that cannot write etcd's file yet has to say so.
	if status.Code(err) == codes.Unimplemented {
		covered("Snapshot, which this server does not have yet and says so")
		return
	}
	must(err)
	equal(size%512, 32) // a database file and its SHA-256
	covered("Snapshot")
}
