"""Everything the Python client etcd3 offers for keys, transactions, watches and leases, against a running cluster.

Run by the black-box tests, which say in ENDPOINTS where the members are and answer the faults asked for here
(integration/src/script.rs). Each subject is tried before the leader is killed, without it, and when it is back.
"""

import io
import os
import queue
import sys
import threading
import time

import etcd3
import grpc

PATIENCE_S = 30
REQUEST_TIMEOUT_S = 10
COMPACTED = "required revision has been compacted"


def covered(what):
    print(f"covered: {what}", flush=True)


def fault(kind):
    print(f"fault: {kind}", flush=True)
    assert sys.stdin.readline() == "done\n"


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def eventually(what, look):
    """Looks until something true comes back; a member that is away is no reason to stop looking."""
    deadline = time.monotonic() + PATIENCE_S
    reason = None
    while time.monotonic() < deadline:
        try:
            found = look()
            if found:
                return found
        except etcd3.exceptions.Etcd3Exception as error:
            reason = repr(error)
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {PATIENCE_S} s: {reason}")


def fails(request, *kinds):
    """The error that a request must end with. etcd3 passes those on that it has no name for."""
    try:
        result = request()
    except Exception as error:  # the caller's list decides
        assert isinstance(error, kinds), repr(error)
        return error
    raise AssertionError(f"not refused: {result!r}")


def connect():
    """A client of the first member that serves: etcd3 knows one member only."""
    clients = []
    for endpoint in os.environ["ENDPOINTS"].split(","):
        host, port = endpoint.removeprefix("http://").rsplit(":", 1)
        clients.append(etcd3.client(host=host, port=int(port), timeout=REQUEST_TIMEOUT_S))

    def look():
        for client in clients:
            try:
                client.get("is anybody there")
                return client
            except etcd3.exceptions.Etcd3Exception:
                pass
        return None

    return eventually("a member that serves", look)


def try_kv(etcd, prefix):
    key = f"{prefix}kv"
    equal(etcd.get(key), (None, None))
    first = etcd.put(key, "one")
    second = etcd.put(key, b"two", prev_kv=True)
    equal(second.prev_kv.value, b"one")
    equal(second.header.revision, first.header.revision + 1)
    value, meta = etcd.get(key)
    equal(value, b"two")
    equal((meta.key, meta.version, meta.lease_id), (key.encode(), 2, 0))
    equal(meta.create_revision, first.header.revision)
    equal(meta.mod_revision, second.header.revision)
    equal(meta.response_header.revision, second.header.revision)
    equal(etcd.get(key, serializable=True)[0], b"two")
    covered("put, prev_kv, get, metadata, serializable get")

    assert etcd.put_if_not_exists(f"{key}/once", "1")
    assert not etcd.put_if_not_exists(f"{key}/once", "2")
    assert etcd.replace(f"{key}/once", "1", "3")
    assert not etcd.replace(f"{key}/once", "1", "4")
    equal(etcd.get(f"{key}/once")[0], b"3")
    covered("put_if_not_exists, replace")

    for name, number in [("d", 1), ("a", 4), ("b", 3), ("c", 2)]:
        etcd.put(f"{key}/range/{name}", str(number))
    etcd.put(f"{key}/range/d", "1")

    def names(found):
        return "".join(meta.key.decode()[-1] for _, meta in found)

    scope = f"{key}/range/"
    equal(names(etcd.get_prefix(scope)), "abcd")
    equal(names(etcd.get_range(f"{scope}b", f"{scope}d")), "bc")
    for target, ascending in [("key", "abcd"), ("value", "dcba"), ("create", "dabc"), ("mod", "abcd")]:
        equal(names(etcd.get_prefix(scope, sort_order="ascend", sort_target=target)), ascending)
        equal(names(etcd.get_prefix(scope, sort_order="descend", sort_target=target)), ascending[::-1])
    equal(names(etcd.get_prefix(scope, sort_order="descend", sort_target="version"))[0], "d")
    equal([value for value, _ in etcd.get_prefix(scope, keys_only=True)], [b""] * 4)
    whole = list(etcd.get_all(sort_order="ascend", sort_target="key"))
    assert len(whole) >= 6 and names(etcd.get_all(keys_only=True)) == names(whole)
    covered("get_prefix, get_range, get_all, sort_order, sort_target, keys_only")

    assert etcd.delete(f"{scope}a")
    assert not etcd.delete(f"{scope}a")
    deleted = etcd.delete(f"{scope}b", prev_kv=True, return_response=True)
    equal((deleted.deleted, deleted.prev_kvs[0].value), (1, b"3"))
    equal(etcd.delete_prefix(scope).deleted, 2)
    covered("delete, prev_kv, delete_prefix")

    etcd.compact(second.header.revision)
    error = fails(lambda: etcd.compact(first.header.revision), etcd3.exceptions.Etcd3Exception, Exception)
    assert COMPACTED in str(error), error
    etcd.put(key, "three")
    etcd.compact(second.header.revision + 1, physical=True)
    covered("compact, physical")


def try_transactions(etcd, prefix):
    key, other = f"{prefix}txn/a", f"{prefix}txn/b"
    txn = etcd.transactions
    etcd.put(key, "1")
    created = etcd.get(key)[1].create_revision
    etcd.put(key, "2")
    for compare, holds in [
        (txn.value(key) == "2", True),
        (txn.value(key) != "2", False),
        (txn.value(key) > "1", True),
        (txn.value(key) < "1", False),
        (txn.version(key) == 2, True),
        (txn.version(other) == 0, True),
        (txn.create(key) == created, True),
        (txn.create(other) > 0, False),
        (txn.mod(key) > created, True),
        (txn.mod(key) < created, False),
    ]:
        succeeded, responses = etcd.transaction([compare], [txn.get(key)], [txn.get(other)])
        equal((succeeded, len(responses[0])), (holds, 1 if holds else 0))
    # A range in a comparison: all keys of it must agree.
    for version, holds in [(0, True), (5, False)]:
        compare = etcd3.transactions.Version(f"{prefix}txn/", range_end=f"{prefix}txn0") > version
        equal(etcd.transaction([compare], [], [])[0], holds)
    covered("transaction: value, version, create, mod; =, !=, <, >; range")

    before = etcd.put(other, "3").header.revision
    succeeded, responses = etcd.transaction(
        [txn.value(key) == "2", txn.value(other) == "3"],
        [
            txn.put(key, "4", prev_kv=True),
            txn.get(key),
            txn.delete(other, prev_kv=True),
            # What is inside compares with what was before the whole.
            txn.txn([txn.value(key) == "2"], [txn.put(f"{other}/nested", "yes")], [txn.delete(key + "/none")]),
        ],
        [],
    )
    assert succeeded
    equal(responses[0].response_put.prev_kv.value, b"2")
    equal(responses[1][0][0], b"4")
    equal(responses[2].response_delete_range.prev_kvs[0].value, b"3")
    assert responses[3].response_txn.succeeded
    for changed in (key, f"{other}/nested"):
        equal(etcd.get(changed)[1].mod_revision, before + 1)
    covered("transaction: put, get, delete, nested; one revision")


def try_watches(etcd, prefix):
    key = f"{prefix}watch/a"
    start = etcd.put(key, "before").header.revision

    events, cancel = etcd.watch(key)
    etcd.put(key, "one")
    event = next(events)
    assert isinstance(event, etcd3.events.PutEvent)
    equal((event.key, event.value), (key.encode(), b"one"))
    etcd.delete(key)
    assert isinstance(next(events), etcd3.events.DeleteEvent)
    cancel()
    equal(list(events), [])
    covered("watch, put and delete events, cancel")

    events, cancel = etcd.watch_prefix(f"{prefix}watch/", start_revision=start, prev_kv=True)
    seen = [next(events) for _ in range(3)]
    equal([event.value for event in seen], [b"before", b"one", b""])
    equal([event.prev_value for event in seen], [b"", b"before", b"one"])
    equal([event.mod_revision for event in seen], [start, start + 1, start + 2])
    cancel()
    covered("watch_prefix, start_revision, prev_kv")

    # etcd3 takes filters too, but cannot put them into its request.
    events, cancel = etcd.watch(key, start_revision=start, progress_notify=True)
    equal(next(events).value, b"before")
    cancel()
    covered("progress_notify")

    # A transaction's events come together.
    responses, cancel = etcd.watch_prefix_response(f"{prefix}watch/")
    pair = [etcd.transactions.put(f"{prefix}watch/{name}", name) for name in "xy"]
    etcd.transaction([], pair, [])
    response = next(responses)
    equal([event.value for event in response.events], [b"x", b"y"])
    assert response.header.revision >= response.events[0].mod_revision
    cancel()
    covered("watch_prefix_response")

    for watch_once in (
        lambda: etcd.watch_once(key, timeout=PATIENCE_S),
        lambda: etcd.watch_prefix_once(f"{prefix}watch/", timeout=PATIENCE_S),
        lambda: etcd.watch_once_response(key, timeout=PATIENCE_S).events[0],
        lambda: etcd.watch_prefix_once_response(f"{prefix}watch/", timeout=PATIENCE_S).events[0],
    ):
        answers = queue.Queue()
        thread = threading.Thread(target=lambda: answers.put(watch_once()))
        thread.start()

        def write_until_seen():
            etcd.put(key, "once")
            return not answers.empty()

        eventually("watch_once", write_until_seen)
        thread.join()
        equal(answers.get().value, b"once")
    fails(lambda: etcd.watch_once(f"{prefix}silence", timeout=0.1), etcd3.exceptions.WatchTimedOut)
    covered("watch_once, watch_prefix_once and their responses, timeout")

    calls = queue.Queue()
    ids = [
        etcd.add_watch_callback(key, calls.put),
        etcd.add_watch_prefix_callback(f"{prefix}watch/", calls.put),
    ]
    etcd.put(key, "called")
    for _ in ids:
        equal(calls.get(timeout=PATIENCE_S).events[0].value, b"called")
    for watch_id in ids:
        etcd.cancel_watch(watch_id)
    covered("add_watch_callback, add_watch_prefix_callback, cancel_watch, two watches on a stream")

    etcd.compact(etcd.put(key, "compacted").header.revision)
    # etcd3 tells of a compacted start when it creates the watch, or on the watch.
    def watch_the_past():
        events, cancel = etcd.watch(key, start_revision=start)
        try:
            return next(events)
        finally:
            cancel()

    error = fails(watch_the_past, etcd3.exceptions.RevisionCompactedError)
    assert error.compacted_revision > start
    covered("RevisionCompactedError")


def try_leases(etcd, prefix):
    key = f"{prefix}lease"
    lease = etcd.lease(60)
    equal(lease.ttl, 60)
    etcd.put(f"{key}/a", "1", lease=lease)
    etcd.put(f"{key}/b", "2", lease=lease.id)
    etcd.transaction([], [etcd.transactions.put(f"{key}/c", "3", lease=lease)], [])
    equal(etcd.get(f"{key}/a")[1].lease_id, lease.id)
    # The leader answers, which may learn of the last put later than the member that was asked for it.
    names = [f"{key}/{name}".encode() for name in "abc"]
    eventually("the lease's keys", lambda: sorted(lease.keys) == names)
    equal(lease.granted_ttl, 60)
    assert 0 < lease.remaining_ttl <= 60
    equal(lease.refresh()[0].TTL, 60)
    info = etcd.get_lease_info(lease.id)
    equal((info.ID, info.grantedTTL), (lease.id, 60))
    lease.revoke()
    equal(list(etcd.get_prefix(f"{key}/")), [])
    eventually("no lease", lambda: etcd.get_lease_info(lease.id).TTL == -1)
    error = fails(lambda: etcd.revoke_lease(lease.id), Exception)
    assert "requested lease not found" in str(error), error
    equal(next(iter(etcd.refresh_lease(lease.id))).TTL, 0)
    covered("lease, keys, granted_ttl, remaining_ttl, refresh, revoke, get_lease_info")

    chosen = etcd.lease(30, lease_id=0x1234_5678 + len(prefix))
    equal(chosen.id, 0x1234_5678 + len(prefix))
    chosen.revoke()
    short = etcd.lease(1)
    etcd.put(f"{key}/short", "soon gone", lease=short)
    eventually("the lease's end", lambda: etcd.get(f"{key}/short") == (None, None))
    covered("a chosen id, expiry")


def try_locks(etcd, prefix):
    lock = etcd.lock(f"{prefix}lock", ttl=10)
    assert lock.acquire()
    assert lock.is_acquired()
    lock.refresh()
    rival = etcd.lock(f"{prefix}lock", ttl=10)
    assert not rival.acquire(timeout=0.2)
    assert lock.release()
    with rival:
        assert rival.is_acquired() and not lock.is_acquired()
    assert not rival.is_acquired()
    covered("lock, acquire, is_acquired, refresh, release, context manager, contention")


def try_cluster(etcd):
    members = list(etcd.members)
    equal(len(members), len(os.environ["ENDPOINTS"].split(",")))
    assert all(member.name and member.peer_urls and member.client_urls for member in members)
    status = etcd.status()
    assert status.leader is not None and status.version and status.raft_index > 0 and status.raft_term > 0
    equal(list(etcd.list_alarms()), [])
    etcd.defragment()
    assert etcd.hash() > 0
    covered("members, status, list_alarms, defragment, hash")
    try_snapshot(etcd)


def try_snapshot(etcd):
    file = io.BytesIO()
    try:
        etcd.snapshot(file)
    except grpc.RpcError as error:
        # A server that cannot write etcd's file yet has to say so.
        equal(error.code(), grpc.StatusCode.UNIMPLEMENTED)
        covered("snapshot, which this server does not have yet and says so")
        return
    # An etcd backup is a database file and its SHA-256.
    equal(len(file.getvalue()) % 512, 32)
    covered("snapshot")


def try_all(name):
    with connect() as etcd:
        try_kv(etcd, f"{name}/")
        try_transactions(etcd, f"{name}/")
        try_watches(etcd, f"{name}/")
        try_leases(etcd, f"{name}/")
        try_locks(etcd, f"{name}/")
        try_cluster(etcd)


class Follower:
    """A watch that is taken up again after a failure, where it had ended: etcd3 leaves that to its user."""

    def __init__(self, key):
        self.key = key
        self.values = []
        self.next_revision = connect().put(key, "start").header.revision
        self.etcd = None

    def follow_until(self, value):
        def look():
            while value not in self.values:
                if self.etcd is None:
                    self.etcd = connect()
                    self.responses, _ = self.etcd.watch_response(self.key, start_revision=self.next_revision)
                try:
                    for event in next(self.responses).events:
                        self.values.append(event.value.decode())
                        self.next_revision = event.mod_revision + 1
                except etcd3.exceptions.Etcd3Exception:
                    self.etcd = None
                    raise
            return True

        eventually(f"the event {value}", look)


def main():
    follower = Follower("long/watch")
    lease = connect().lease(5)
    connect().put("long/leased", "here", lease=lease.id)
    stop = threading.Event()
    kept = queue.Queue()

    def keep_alive():
        """Refreshes the lease by whichever member serves, three times in its life."""
        etcd = connect()
        while not stop.wait(1):
            try:
                kept.put(next(iter(etcd.refresh_lease(lease.id))).TTL)
            except etcd3.exceptions.Etcd3Exception:
                etcd = connect()

    keeper = threading.Thread(target=keep_alive, daemon=True)
    keeper.start()

    follower.follow_until("start")
    written = ["start"]

    def write_and_follow(value):
        eventually("a write", lambda: connect().put("long/watch", value))
        written.append(value)
        follower.follow_until(value)

    # The subjects compact, so what is to be taken up must be read to its end before a fault.
    try_all("before")
    write_and_follow("before the fault")
    fault("kill-leader")
    write_and_follow("without the leader")
    try_all("during")
    write_and_follow("before it comes back")
    fault("heal")
    write_and_follow("when it is back")
    try_all("after")

    # A put that failed may have happened: events may repeat a value, never lose or reorder one.
    equal(list(dict.fromkeys(follower.values)), written)
    stop.set()
    keeper.join()
    assert kept.qsize() > 3 and set(kept.queue) == {5}, list(kept.queue)
    equal(connect().get("long/leased")[0], b"here")
    connect().revoke_lease(lease.id)
    equal(connect().get("long/leased"), (None, None))
    covered("a watch taken up where it ended, and a lease kept alive, over the leader's end")
    print("all is well", flush=True)


main()
