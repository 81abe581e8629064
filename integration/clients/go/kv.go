package main

import (
	"context"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/clientv3util"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// names is what the keys found end with.
func names(response *clientv3.GetResponse) string {
	var all strings.Builder
	for _, kv := range response.Kvs {
		all.WriteByte(kv.Key[len(kv.Key)-1])
	}
	return all.String()
}

func tryKV(ctx context.Context, client *clientv3.Client, prefix string) {
	key := prefix + "key"
	put := func(key, value string, options ...clientv3.OpOption) *clientv3.PutResponse {
		response, err := client.Put(ctx, key, value, options...)
		must(err)
		return response
	}
	get := func(key string, options ...clientv3.OpOption) *clientv3.GetResponse {
		response, err := client.Get(ctx, key, options...)
		must(err)
		return response
	}

	equal(get(key).Count, 0)
	first := put(key, "one")
	second := put(key, "two", clientv3.WithPrevKV())
	equal(string(second.PrevKv.Value), "one")
	equal(second.Header.Revision, first.Header.Revision+1)
	kv := get(key).Kvs[0]
	equal(string(kv.Value), "two")
	equal([]int64{kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease},
		[]int64{first.Header.Revision, second.Header.Revision, 2, 0})
	equal(string(get(key, clientv3.WithRev(first.Header.Revision)).Kvs[0].Value), "one")
	eventually("a serializable read", func() error {
		response, err := client.Get(ctx, key, clientv3.WithSerializable())
		if err == nil && (len(response.Kvs) == 0 || string(response.Kvs[0].Value) != "two") {
			return rpctypes.ErrFutureRev
		}
		return err
	})
	put(key, "", clientv3.WithIgnoreValue())
	put(key, "three", clientv3.WithIgnoreLease())
	equal(get(key).Kvs[0].Version, 4)
	covered("Put, Get; WithPrevKV, WithRev, WithSerializable, WithIgnoreValue, WithIgnoreLease")

	_, err := client.Put(ctx, prefix+"absent", "", clientv3.WithIgnoreValue())
	fails(err, rpctypes.ErrKeyNotFound)
	_, err = client.Put(ctx, "", "value")
	fails(err, rpctypes.ErrEmptyKey)
	_, err = client.Put(ctx, key, "value", clientv3.WithLease(123))
	fails(err, rpctypes.ErrLeaseNotFound)
	_, err = client.Get(ctx, key, clientv3.WithRev(1_000_000_000))
	fails(err, rpctypes.ErrFutureRev)
	_, err = client.Put(ctx, key, strings.Repeat("x", 1_600_000))
	fails(err, rpctypes.ErrRequestTooLarge)
	covered("errors of Put and Get by rpctypes")

	scope := prefix + "range/"
	for _, pair := range []string{"d1", "a4", "b3", "c2", "d1"} {
		put(scope+pair[:1], pair[1:])
	}
	all := clientv3.WithPrefix()
	equal(names(get(scope, all)), "abcd")
	equal(names(get(scope+"b", clientv3.WithRange(scope+"d"))), "bc")
	equal(names(get(scope+"c", clientv3.WithFromKey()))[:2], "cd")
	limited := get(scope, all, clientv3.WithLimit(3))
	check(names(limited) == "abc" && limited.More && limited.Count == 4, "limited: %v", limited)
	equal(get(scope, all, clientv3.WithCountOnly()).Count, 4)
	equal(len(get(scope, all, clientv3.WithKeysOnly()).Kvs[0].Value), 0)
	for target, ascending := range map[clientv3.SortTarget]string{
		clientv3.SortByKey: "abcd", clientv3.SortByValue: "dcba", clientv3.SortByCreateRevision: "dabc",
		clientv3.SortByModRevision: "abcd",
	} {
		equal(names(get(scope, all, clientv3.WithSort(target, clientv3.SortAscend))), ascending)
		descending := names(get(scope, all, clientv3.WithSort(target, clientv3.SortDescend)))
		equal(descending[3:]+descending[2:3]+descending[1:2]+descending[:1], ascending)
	}
	equal(names(get(scope, all, clientv3.WithSort(clientv3.SortByVersion, clientv3.SortDescend)))[:1], "d")
	for _, one := range []struct {
		options []clientv3.OpOption
		name    string
	}{
		{clientv3.WithFirstKey(), "a"}, {clientv3.WithLastKey(), "d"}, {clientv3.WithFirstCreate(), "d"},
		{clientv3.WithLastCreate(), "c"}, {clientv3.WithFirstRev(), "a"}, {clientv3.WithLastRev(), "d"},
	} {
		equal(names(get(scope, one.options...)), one.name)
	}
	// Keys were created in the order d, a, b, c, and d was written again at the end.
	created := get(scope + "d").Kvs[0].CreateRevision
	equal(names(get(scope, all, clientv3.WithMinCreateRev(created+1), clientv3.WithMaxCreateRev(created+2))), "ab")
	equal(names(get(scope, all, clientv3.WithMinModRev(created+3), clientv3.WithMaxModRev(created+4))), "cd")
	covered("WithPrefix, WithRange, WithFromKey, WithLimit, WithCountOnly, WithKeysOnly, WithSort, WithFirst…, " +
		"WithLast…, WithMin…, WithMax…")

	tryStream(ctx, client, scope)

	for op, expected := range map[*clientv3.Op]int64{
		ptr(clientv3.OpGet(scope+"a", clientv3.WithCountOnly())): 1,
		ptr(clientv3.OpGet(scope + "z")):                         0,
	} {
		response, err := client.Do(ctx, *op)
		must(err)
		equal(response.Get().Count, expected)
	}
	response, err := client.Do(ctx, clientv3.OpPut(scope+"e", "5"))
	must(err)
	check(response.Put().Header.Revision > 0, "no revision")
	response, err = client.Do(ctx, clientv3.OpDelete(scope+"e", clientv3.WithPrevKV()))
	must(err)
	equal(string(response.Del().PrevKvs[0].Value), "5")
	covered("Do; OpGet, OpPut, OpDelete")

	remove := func(key string, options ...clientv3.OpOption) int64 {
		response, err := client.Delete(ctx, key, options...)
		must(err)
		return response.Deleted
	}
	equal(remove(scope+"a"), 1)
	equal(remove(scope+"a"), 0)
	equal(remove(scope+"b", clientv3.WithRange(scope+"d")), 2)
	put("~last", "of all")
	equal(remove("~", clientv3.WithFromKey()), 1)
	equal(remove(scope, all, clientv3.WithPrevKV()), 1)
	covered("Delete; WithRange, WithFromKey, WithPrefix, WithPrevKV")

	old := put(key, "old").Header.Revision
	put(key, "new")
	_, err = client.Compact(ctx, old)
	must(err)
	_, err = client.Compact(ctx, old+1, clientv3.WithCompactPhysical())
	must(err)
	_, err = client.Compact(ctx, old)
	fails(err, rpctypes.ErrCompacted)
	_, err = client.Get(ctx, key, clientv3.WithRev(old))
	fails(err, rpctypes.ErrCompacted)
	_, err = client.Compact(ctx, 1_000_000_000)
	fails(err, rpctypes.ErrFutureRev)
	covered("Compact; WithCompactPhysical")
}

// tryStream reads a range as a stream, which servers before 3.7 do not know.
func tryStream(ctx context.Context, client *clientv3.Client, scope string) {
	stream, err := client.GetStream(ctx, scope, clientv3.WithPrefix())
	must(err)
	whole, err := clientv3.GetStreamToGetResponse(stream)
	if status.Code(err) == codes.Unimplemented && serverVersion(ctx, client) < "3.7" {
		return
	}
	must(err)
	equal(names(whole), "abcd")
	equal(whole.Count, 4)
	covered("GetStream")
}

func serverVersion(ctx context.Context, client *clientv3.Client) string {
	for _, endpoint := range client.Endpoints() {
		if response := statusOf(ctx, client, endpoint); response != nil {
			return response.Version
		}
	}
	check(false, "no member tells its version")
	return ""
}

// statusOf is what a member says of itself, if it is there.
func statusOf(ctx context.Context, client *clientv3.Client, endpoint string) *clientv3.StatusResponse {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	response, err := client.Status(ctx, endpoint)
	if err != nil {
		return nil
	}
	return response
}

func ptr[T any](value T) *T {
	return &value
}

func tryTxn(ctx context.Context, client *clientv3.Client, prefix string) {
	a, b := prefix+"a", prefix+"b"
	first, err := client.Put(ctx, a, "1")
	must(err)
	grant, err := client.Grant(ctx, 60)
	must(err)
	_, err = client.Put(ctx, a, "2", clientv3.WithLease(grant.ID))
	must(err)
	created := first.Header.Revision

	for compare, holds := range map[*clientv3.Cmp]bool{
		ptr(clientv3.Compare(clientv3.Value(a), "=", "2")):                           true,
		ptr(clientv3.Compare(clientv3.Value(a), "!=", "2")):                          false,
		ptr(clientv3.Compare(clientv3.Value(a), ">", "1")):                           true,
		ptr(clientv3.Compare(clientv3.Value(a), "<", "1")):                           false,
		ptr(clientv3.Compare(clientv3.Version(a), "=", 2)):                           true,
		ptr(clientv3.Compare(clientv3.Version(b), "=", 0)):                           true,
		ptr(clientv3.Compare(clientv3.CreateRevision(a), "=", created)):              true,
		ptr(clientv3.Compare(clientv3.ModRevision(a), "=", created+1)):               true,
		ptr(clientv3.Compare(clientv3.ModRevision(b), ">", 0)):                       false,
		ptr(clientv3.Compare(clientv3.LeaseValue(a), "=", grant.ID)):                 true,
		ptr(clientv3.Compare(clientv3.LeaseValue(a), "=", 0)):                        false,
		ptr(clientv3.Compare(clientv3.Version(prefix), ">", 0).WithPrefix()):         true,
		ptr(clientv3.Compare(clientv3.Version(a), ">", 5).WithRange(b)):              false,
		ptr(clientv3util.KeyExists(a)):                                               true,
		ptr(clientv3util.KeyMissing(a)):                                              false,
		ptr(clientv3.Compare(clientv3.Value(b), "=", "")):                            false,
		ptr(clientv3.Compare(clientv3.Value(prefix+"none/"), "=", "x").WithPrefix()): false,
	} {
		response, err := client.Txn(ctx).If(*compare).Then(clientv3.OpGet(a)).Else(clientv3.OpGet(b)).Commit()
		must(err)
		check(response.Succeeded == holds, "%+v", compare)
	}
	covered("Txn; Compare of Value, Version, CreateRevision, ModRevision, LeaseValue; =, !=, <, >; WithRange, " +
		"WithPrefix; KeyExists, KeyMissing")

	// What is inside compares with what was before the whole.
	nested := clientv3.OpTxn(
		[]clientv3.Cmp{clientv3.Compare(clientv3.Value(a), "=", "2")},
		[]clientv3.Op{clientv3.OpPut(b, "nested")},
		[]clientv3.Op{clientv3.OpDelete(b)})
	response, err := client.Txn(ctx).
		If(clientv3.Compare(clientv3.Value(a), "=", "2"), clientv3util.KeyMissing(b)).
		Then(clientv3.OpPut(a, "3", clientv3.WithPrevKV()), clientv3.OpGet(a), nested,
			clientv3.OpGet(prefix, clientv3.WithPrefix()), clientv3.OpDelete(prefix+"none")).
		Commit()
	must(err)
	check(response.Succeeded, "not succeeded")
	equal(string(response.Responses[0].GetResponsePut().PrevKv.Value), "2")
	equal(string(response.Responses[1].GetResponseRange().Kvs[0].Value), "3")
	check(response.Responses[2].GetResponseTxn().Succeeded, "the inner one did not succeed")
	equal(response.Responses[3].GetResponseRange().Count, 2)
	equal(response.Responses[4].GetResponseDeleteRange().Deleted, 0)
	get, err := client.Get(ctx, prefix, clientv3.WithPrefix())
	must(err)
	for _, kv := range get.Kvs {
		equal(kv.ModRevision, response.Header.Revision)
	}
	done, err := client.Do(ctx, nested)
	must(err)
	check(!done.Txn().Succeeded, "a is 3 by now")
	covered("OpTxn, nested; one revision for all")

	_, err = client.Txn(ctx).Then(clientv3.OpPut(a, "1"), clientv3.OpPut(a, "2")).Commit()
	fails(err, rpctypes.ErrDuplicateKey)
	// Before 3.7, members that do not answer the client drop the range, put, and so differ from the one that answers.
	if serverVersion(ctx, client) >= "3.7" {
		future := clientv3.OpGet(a, clientv3.WithRev(1_000_000_000))
		_, err = client.Txn(ctx).Then(clientv3.OpPut(a, "1"), future).Commit()
		fails(err, rpctypes.ErrFutureRev)
	}
	_, err = client.Txn(ctx).Then(make129(a)...).Commit()
	fails(err, rpctypes.ErrTooManyOps)
	get, err = client.Get(ctx, a)
	must(err)
	equal(string(get.Kvs[0].Value), "3")
	covered("errors of Txn, which then changes nothing")
}

func make129(key string) []clientv3.Op {
	ops := make([]clientv3.Op, 129)
	for i := range ops {
		ops[i] = clientv3.OpGet(key)
	}
	return ops
}
