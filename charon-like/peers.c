/* SPDX-License-Identifier: MIT */
/* peers.c - who is connected, over all shards: for INITIAL-CONTACT and to find the shard that has a connection. */
#include "peers.h"

#include <pthread.h>
#include <stdlib.h>

#include "sa.h"
#include "shard.h"

/* One authenticated SA. */
struct peer {
	UT_hash_handle hh;               /* by cookies                         */
	UT_hash_handle hh_id;            /* by identities: the first of a ring */
	UT_hash_handle hh_connection;    /* by connection; several may be equal */
	uint8_t cookies[2 * COOKIE_SIZE];
	unsigned shard;
	struct address local, remote;
	uint64_t established_at;
	uint32_t generation;
	bool is_ours;
	struct list same_id;
	bool heads;                      /* it is the one in by_id             */
	char connection[64];
	size_t id_len;
	uint8_t ids[];                   /* of both ends, see ids_key()        */
};

/* any, under lock */
struct peers {
	pthread_mutex_t lock;
	struct peer *by_cookies, *by_id, *by_connection;
};

struct peers *peers_new(void)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (peers)
		pthread_mutex_init(&peers->lock, NULL);
	return peers;
}

static void remove_peer(struct peers *peers, struct peer *peer)
{
	HASH_DELETE(hh, peers->by_cookies, peer);
	HASH_DELETE(hh_connection, peers->by_connection, peer);
	if (peer->heads) {
		HASH_DELETE(hh_id, peers->by_id, peer);
		if (!list_empty(&peer->same_id)) {
			struct peer *heir = CONTAINER(list_first(&peer->same_id), struct peer, same_id);
			heir->heads = true;
			HASH_ADD_KEYPTR(hh_id, peers->by_id, heir->ids, heir->id_len, heir);
		}
	}
	list_remove(&peer->same_id);
	free(peer);
}

void peers_free(struct peers *peers)
{
	if (!peers)
		return;
	while (peers->by_cookies)
		remove_peer(peers, peers->by_cookies);
	pthread_mutex_destroy(&peers->lock);
	free(peers);
}

enum { IDS_MAX = 2 * (IDENTITY_DATA_MAX + 3) + 18 };

static void put_id(struct writer *w, const struct identity *id)
{
	struct bytes data = { id->data.at, id->data.len < IDENTITY_DATA_MAX ? id->data.len : IDENTITY_DATA_MAX };

	put_u8(w, id->type);
	put_u16(w, (uint16_t)data.len);
	put_bytes(w, data);
}

static struct bytes ids_key(uint8_t out[IDS_MAX], const struct identity *local_id, const struct identity *remote_id)
{
	struct writer w = writer_over(out, IDS_MAX);

	put_id(&w, local_id);
	put_id(&w, remote_id);
	return writer_bytes(&w);
}

/* Where many hosts share one identity (unique="never") each is a contact of its own, by the address that it was first seen at. */
static struct bytes contact_key(uint8_t out[IDS_MAX], const struct ike_sa *sa)
{
	struct bytes ids = ids_key(out, &sa->local_id, &sa->remote_id);
	struct writer w = writer_over(out + ids.len, IDS_MAX - ids.len);

	if (sa->connection->unique != UNIQUE_NEVER)
		return ids;
	put_bytes(&w, bytes_of(sa->remote.ip, sizeof(sa->remote.ip)));
	put_u16(&w, sa->remote.port);
	return bytes_of(out, ids.len + w.used);
}

int peers_add(struct peers *peers, const struct ike_sa *sa)
{
	uint8_t buffer[IDS_MAX];
	struct bytes key = contact_key(buffer, sa);
	struct peer *peer = calloc(1, sizeof(*peer) + key.len), *head;

	if (!peer)
		return FAULT_MEMORY;
	memcpy(peer->cookies, sa->cookie, sizeof(peer->cookies));
	memcpy(peer->ids, key.at, peer->id_len = key.len);
	peer->shard = sa->shard->index;
	peer->local = sa->local;
	peer->remote = sa->remote;
	peer->established_at = sa->established_at;
	peer->is_ours = sa->role == INITIATOR;
	peer->generation = sa->generation;
	strncpy(peer->connection, sa->connection->name, sizeof(peer->connection) - 1);
	list_init(&peer->same_id);
	pthread_mutex_lock(&peers->lock);
	HASH_ADD(hh, peers->by_cookies, cookies, sizeof(peer->cookies), peer);
	HASH_ADD_KEYPTR(hh_connection, peers->by_connection, peer->connection, strlen(peer->connection), peer);
	HASH_FIND(hh_id, peers->by_id, key.at, key.len, head);
	if (head) {
		list_append(&head->same_id, &peer->same_id);
	} else {
		peer->heads = true;
		HASH_ADD_KEYPTR(hh_id, peers->by_id, peer->ids, peer->id_len, peer);
	}
	pthread_mutex_unlock(&peers->lock);
	return 0;
}

void peers_remove(struct peers *peers, const struct ike_sa *sa)
{
	struct peer *peer;

	pthread_mutex_lock(&peers->lock);
	HASH_FIND(hh, peers->by_cookies, sa->cookie, sizeof(peer->cookies), peer);
	if (peer)
		remove_peer(peers, peer);
	pthread_mutex_unlock(&peers->lock);
}

bool peers_knows(struct peers *peers, const struct identity *local_id, const struct identity *remote_id)
{
	uint8_t buffer[IDS_MAX];
	struct bytes key = ids_key(buffer, local_id, remote_id);
	struct peer *peer;

	pthread_mutex_lock(&peers->lock);
	HASH_FIND(hh_id, peers->by_id, key.at, key.len, peer);
	pthread_mutex_unlock(&peers->lock);
	return peer != NULL;
}

/* Tells a shard to forget one SA. */
struct forget {
	struct job job;
	struct shard *shard;
	uint8_t cookies[2][COOKIE_SIZE];
};

static void forget_run(struct job *job)
{
	struct forget *forget = CONTAINER(job, struct forget, job);
	struct ike_sa *sa = sa_find(&forget->shard->sas, forget->cookies);

	if (sa) {
		log_info(&sa->ctx, "the peer has a newer SA (INITIAL-CONTACT, or too many): this one and its children are forgotten");
		sa_free(sa);
	}
	free(forget);
}

/*
 * Where a connection takes everybody's word for who he is, he can be no more than somebody else of that connection: with its key
 * he must not end SAs that another key proved.
 */
static bool speaks_for(const struct ike_sa *sa, const struct peer *peer)
{
	return sa->connection->remote_id.type || strncmp(peer->connection, sa->connection->name, sizeof(peer->connection) - 1) == 0;
}

static void post_forget(struct engine *engine, const struct peer *peer)
{
	struct forget *forget = calloc(1, sizeof(*forget));

	if (!forget)
		return;
	forget->job.run = forget_run;
	forget->shard = engine->shards[peer->shard];
	memcpy(forget->cookies, peer->cookies, sizeof(forget->cookies));
	loop_post(forget->shard->loop, &forget->job);
}

static struct peer *find_own(const struct peers *peers, const struct ike_sa *sa)
{
	struct peer *peer;

	HASH_FIND(hh, peers->by_cookies, sa->cookie, sizeof(peer->cookies), peer);
	return peer;
}

/* The first of those that are the same contact as an SA that was added. */
static struct peer *find_ring(const struct peers *peers, const struct ike_sa *sa)
{
	const struct peer *own = find_own(peers, sa);
	struct peer *head = NULL;

	if (own)
		HASH_FIND(hh_id, peers->by_id, own->ids, own->id_len, head);
	return head;
}

static struct peer *next_of_ring(const struct peer *peer, const struct peer *head)
{
	struct peer *next = CONTAINER(peer->same_id.next, struct peer, same_id);

	return next == head ? NULL : next;
}

void peers_forget_others(struct engine *engine, const struct ike_sa *sa)
{
	struct peers *peers = engine->peers;

	pthread_mutex_lock(&peers->lock);
	struct peer *head = find_ring(peers, sa);
	for (struct peer *peer = head; peer; peer = next_of_ring(peer, head))
		if (memcmp(peer->cookies, sa->cookie, sizeof(peer->cookies)) != 0 && speaks_for(sa, peer) &&
		    peer->established_at <= sa->created_at)
			post_forget(engine, peer);
	pthread_mutex_unlock(&peers->lock);
}

void peers_forget_oldest(struct engine *engine, const struct ike_sa *sa)
{
	struct peers *peers = engine->peers;
	const struct peer *oldest = NULL;
	size_t count = 0;

	pthread_mutex_lock(&peers->lock);
	/* The ring is in the order of coming. */
	struct peer *head = find_ring(peers, sa);
	for (struct peer *peer = head; peer; peer = next_of_ring(peer, head)) {
		if (!speaks_for(sa, peer))
			continue;
		oldest = oldest ? oldest : peer;
		count++;
	}
	if (count > SAS_PER_PEER_MAX)
		post_forget(engine, oldest);
	pthread_mutex_unlock(&peers->lock);
}

size_t peers_kin(struct peers *peers, const struct ike_sa *sa, struct peer_kin *out, size_t max)
{
	size_t count = 0;

	pthread_mutex_lock(&peers->lock);
	const struct peer *own = find_own(peers, sa);
	/* Against the order of coming: those before it, then, behind the ring's end, those after it. */
	for (const struct list *it = own ? own->same_id.prev : NULL; it && it != &own->same_id && count < max; it = it->prev) {
		const struct peer *peer = CONTAINER(it, const struct peer, same_id);
		if (strcmp(peer->connection, own->connection) != 0)
			continue;
		out[count] = (struct peer_kin){ .shard = peer->shard, .local = peer->local, .remote = peer->remote,
						.established_at = peer->established_at, .generation = peer->generation,
						.is_ours = peer->is_ours };
		memcpy(out[count++].cookies, peer->cookies, sizeof(peer->cookies));
	}
	pthread_mutex_unlock(&peers->lock);
	return count;
}

void peers_update(struct peers *peers, const struct ike_sa *sa)
{
	pthread_mutex_lock(&peers->lock);
	struct peer *own = find_own(peers, sa);
	if (own) {
		own->local = sa->local;
		own->remote = sa->remote;
		own->generation = sa->generation;
	}
	pthread_mutex_unlock(&peers->lock);
}

bool peers_elsewhere(struct peers *peers, const struct identity *local_id, const struct identity *remote_id, const struct address *remote)
{
	uint8_t buffer[IDS_MAX];
	struct bytes key = ids_key(buffer, local_id, remote_id);
	bool is_elsewhere = false;
	struct peer *head;

	pthread_mutex_lock(&peers->lock);
	HASH_FIND(hh_id, peers->by_id, key.at, key.len, head);
	for (struct peer *peer = head; peer && !is_elsewhere; peer = next_of_ring(peer, head))
		is_elsewhere = !address_same_host(&peer->remote, remote);
	pthread_mutex_unlock(&peers->lock);
	return is_elsewhere;
}

int peers_shard_of(struct peers *peers, const char *connection)
{
	struct peer *peer;

	pthread_mutex_lock(&peers->lock);
	HASH_FIND(hh_connection, peers->by_connection, connection, strlen(connection), peer);
	int shard = peer ? (int)peer->shard : -1;
	pthread_mutex_unlock(&peers->lock);
	return shard;
}
