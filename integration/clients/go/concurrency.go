package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func newSession(client *clientv3.Client, options ...concurrency.SessionOption) *concurrency.Session {
	session, err := concurrency.NewSession(client, options...)
	must(err)
	return session
}

func trySession(ctx context.Context, client *clientv3.Client, prefix string) {
	session := newSession(client, concurrency.WithTTL(5), concurrency.WithContext(ctx))
	lives(ctx, client, session.Lease(), 5)
	_, err := client.Put(ctx, prefix+"key", "as long as the session", clientv3.WithLease(session.Lease()))
	must(err)
	must(session.Close())
	<-session.Done()
	get, err := client.Get(ctx, prefix+"key")
	must(err)
	equal(get.Count, 0)

	grant, err := client.Grant(ctx, 10)
	must(err)
	orphan := newSession(client, concurrency.WithLease(grant.ID))
	equal(orphan.Lease(), grant.ID)
	orphan.Orphan()
	<-orphan.Done()
	lives(ctx, client, grant.ID, 10)

	revoked := newSession(client)
	_, err = client.Revoke(ctx, revoked.Lease())
	must(err)
	receiveClosed("the session's end", revoked.Done())
	covered("concurrency.Session; WithTTL, WithLease, WithContext, Orphan, Done")
}

// lives waits until the leader, which answers, knows of a lease that another member may have told us of.
func lives(ctx context.Context, client *clientv3.Client, lease clientv3.LeaseID, granted int64) {
	eventually("a lease", func() error {
		left, err := client.TimeToLive(ctx, lease)
		if err == nil && (left.TTL <= 0 || left.GrantedTTL != granted) {
			err = fmt.Errorf("%+v", left)
		}
		return err
	})
}

func receiveClosed(what string, channel <-chan struct{}) {
	eventually(what, func() error {
		select {
		case <-channel:
			return nil
		default:
			return fmt.Errorf("still open")
		}
	})
}

func tryMutex(ctx context.Context, client *clientv3.Client, prefix string) {
	one, two := newSession(client), newSession(client)
	defer one.Close()
	defer two.Close()
	first := concurrency.NewMutex(one, prefix+"lock")
	second := concurrency.NewMutex(two, prefix+"lock")
	must(first.Lock(ctx))
	fails(second.TryLock(ctx), concurrency.ErrLocked)
	owned, err := client.Txn(ctx).If(first.IsOwner()).Then(clientv3.OpPut(prefix+"guarded", "by the owner")).Commit()
	must(err)
	check(owned.Succeeded && first.Header().Revision > 0 && first.Key() != "", "the owner is not the owner")
	waited := make(chan error)
	go func() { waited <- second.Lock(ctx) }()
	must(first.Unlock(ctx))
	must(<-waited)
	fails(first.Unlock(ctx), concurrency.ErrLockReleased)
	must(second.Unlock(ctx))

	// The session's end hands the lock on.
	three := newSession(client, concurrency.WithTTL(5))
	must(concurrency.NewMutex(three, prefix+"lock").Lock(ctx))
	must(three.Close())
	must(second.Lock(ctx))
	must(second.Unlock(ctx))

	counter := 0
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			session := newSession(client)
			defer session.Close()
			locker := concurrency.NewLocker(session, prefix+"locker")
			for range 5 {
				locker.Lock()
				counter++
				locker.Unlock()
			}
		})
	}
	all.Wait()
	equal(counter, 20)
	covered("concurrency.Mutex; Lock, TryLock, Unlock, IsOwner, NewLocker under contention")
}

func tryElection(ctx context.Context, client *clientv3.Client, prefix string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	one, two := newSession(client), newSession(client)
	defer one.Close()
	defer two.Close()
	first := concurrency.NewElection(one, prefix+"election")
	second := concurrency.NewElection(two, prefix+"election")
	_, err := first.Leader(ctx)
	fails(err, concurrency.ErrElectionNoLeader)
	must(first.Campaign(ctx, "first"))
	observed := second.Observe(ctx)
	equal(string(receive("the leader", observed).Kvs[0].Value), "first")
	won := make(chan error)
	go func() { won <- second.Campaign(ctx, "second") }()
	must(first.Proclaim(ctx, "first again"))
	equal(string(receive("the proclamation", observed).Kvs[0].Value), "first again")
	leader, err := second.Leader(ctx)
	must(err)
	equal(string(leader.Kvs[0].Key), first.Key())
	resumed := concurrency.ResumeElection(one, prefix+"election", first.Key(), first.Rev())
	must(resumed.Resign(ctx))
	must(<-won)
	equal(string(receive("the successor", observed).Kvs[0].Value), "second")
	check(second.Header().Revision > first.Rev(), "the successor is older")
	must(second.Resign(ctx))
	covered("concurrency.Election; Campaign, Proclaim, Leader, Observe, ResumeElection, Resign")
}

func trySTM(ctx context.Context, client *clientv3.Client, prefix string) {
	accounts := []string{prefix + "a", prefix + "b", prefix + "c"}
	for _, account := range accounts {
		_, err := client.Put(ctx, account, "100")
		must(err)
	}
	transfer := func(from, to string) func(concurrency.STM) error {
		return func(stm concurrency.STM) error {
			balance := func(account string) int {
				// Repeatable reads are serializable, of a member that may not have the account yet; what was computed
				// from them is refused when it is committed.
				number, _ := strconv.Atoi(stm.Get(account))
				return number
			}
			stm.Put(from, strconv.Itoa(balance(from)-1))
			stm.Put(to, strconv.Itoa(balance(to)+1))
			return nil
		}
	}
	levels := []concurrency.Isolation{concurrency.SerializableSnapshot, concurrency.Serializable,
		concurrency.RepeatableReads}
	var all sync.WaitGroup
	for worker, level := range levels {
		all.Go(func() {
			for i := range 10 {
				from, to := accounts[(worker+i)%3], accounts[(worker+i+1)%3]
				_, err := concurrency.NewSTM(client, transfer(from, to), concurrency.WithIsolation(level),
					concurrency.WithAbortContext(ctx), concurrency.WithPrefetch(from, to))
				must(err)
			}
		})
	}
	all.Wait()
	get, err := client.Get(ctx, prefix, clientv3.WithPrefix())
	must(err)
	sum := 0
	for _, kv := range get.Kvs {
		number, err := strconv.Atoi(string(kv.Value))
		must(err)
		sum += number
	}
	equal(sum, 300)
	_, err = concurrency.NewSTM(client, func(stm concurrency.STM) error {
		check(stm.Rev(accounts[0]) > 0, "no revision")
		stm.Del(accounts[0])
		stm.Put(prefix+"deleted", "a")
		return nil
	}, concurrency.WithIsolation(concurrency.ReadCommitted))
	must(err)
	get, err = client.Get(ctx, accounts[0])
	must(err)
	equal(get.Count, 0)
	covered("concurrency.STM; four isolations, WithPrefetch, WithAbortContext, Rev, Del, under contention")
}
