/* SPDX-License-Identifier: MIT */
/* quick.h - the scratch of Quick Mode, and what its files share. */
#ifndef KEYFERRY_QUICK_H
#define KEYFERRY_QUICK_H
#include "child.h"
#include "v1.h"

/* Views point into the exchange's arena; arrays of two are indexed by role. */
struct quick {
	const struct child_settings *config;
	struct child *child;                         /* made when keys are there, see quick_row_done()   */
	struct esp_transform transform;              /* chosen                                           */
	uint16_t mode;                               /* enum esp_mode                                    */
	struct lifetime lifetime;                    /* agreed                                           */
	bool tell_lifetime;                          /* the peer offered a longer one                    */
	uint64_t asked_at;                           /* initiator: loop ms of message 1                  */
	uint32_t generation;                         /* see struct child_rival; 0: the peer is not keyferry */
	uint8_t proposal_number, transform_number;
	uint32_t spi[2];                             /* that the role receives with                      */
	uint16_t cpi[2];                             /* likewise, of IPComp; 0: without                  */
	uint8_t comp_transform;
	bool has_ids;
	struct selector ts[2];
	struct bytes sa_body, nonce[2], ke[2], dh_private, keymat_in, keymat_out;
};

static inline struct quick *quick_of(const struct exchange *ex)
{
	return ex->scratch;
}

/* What a child's configuration means under this SA (selectors.c). */
uint16_t quick_mode(const struct ike_sa *sa, const struct child_settings *config);
/* A child of AH, in which not every SA can be: says why. */
enum verdict quick_check_ah(struct exchange *ex, const struct child_settings *config);
struct selector quick_local(const struct ike_sa *sa, const struct child_settings *config);
struct selector quick_remote(const struct ike_sa *sa, const struct child_settings *config);

/* Responder: the peer's IDs into `ts`; then the child and the transform that fit (selectors.c). */
enum verdict quick_take_ids(struct exchange *ex, const struct message *in);
enum verdict quick_choose(struct exchange *ex, struct esp_offers *offers);
/* Reserves a CPI of ours where the child is to be compressed and can be; 0: it goes without. */
uint16_t quick_make_cpi(struct exchange *ex, const struct child_settings *config);
void quick_take_choice(struct quick *quick, const struct esp_offer *offer, enum role own);
/* The peer's RESPONDER-LIFETIME (RFC 2407 4.6.3.1). */
void quick_take_lifetime(struct quick *quick, const struct message *in);
/* Responder: the peer goes first; what we began for the same child is over. */
void quick_give_way(struct exchange *ex);
/* Initiator: the peer must repeat ours. */
enum verdict quick_check_ids(struct exchange *ex, const struct message *in);

/* The mode's outside effects (install.c). */
void quick_row_done(struct exchange *ex, size_t row);
void quick_done(struct exchange *ex);
void quick_failed(struct exchange *ex);
const char *quick_child(const struct exchange *ex);
bool quick_is_answered(const struct exchange *ex);
bool quick_concerns(const struct exchange *ex, struct bytes spi);
bool quick_is_overtaken(const struct exchange *ex, const struct child_rival *rival);

#endif
