/* SPDX-License-Identifier: MIT */
/* fit.c - see fit.h. */
#include "fit.h"

#include <stdio.h>

#include "settings_parts.h"

/* ---- what a child needs ---- */

static bool is_transport(const struct child_settings *child)
{
	return child->transport;
}

static bool is_compressed(const struct child_settings *child)
{
	return child->compress;
}

static bool has_esn(const struct esp_transform *t)
{
	return t->esn;
}

static bool is_ah(const struct esp_transform *t)
{
	return t->is_ah;
}

/* clang-format off */
static const struct { uint32_t feature; bool (*needs)(const struct child_settings *child); const char *name; } of_children[] = {
	{ KERNEL_TRANSPORT, is_transport,  "transport mode" },
	{ KERNEL_IPCOMP,    is_compressed, "IPComp, which kernel-xfrm has" },
};
static const struct { uint32_t feature; bool (*needs)(const struct esp_transform *t); const char *name; } of_transforms[] = {
	{ KERNEL_ESN,       has_esn,      "extended sequence numbers" },
	{ KERNEL_AH,        is_ah,        "AH, which kernel-xfrm has" },
};
/* clang-format on */

/* What is left to the kernel's own IPsec; NULL: nothing. */
static const char *option_of(const struct child_settings *child)
{
	const struct ipsec_options *o = &child->options;
	static const struct ipsec_options none;

	if (memcmp(o, &none, sizeof(*o)) == 0)
		return NULL;
	return o->mark_mask ? "mark" : o->interface[0] ? "interface" : o->if_id ? "if-id" : o->offload ? "offload" : o->priority ? "priority" :
	       o->hides_dscp || o->takes_dscp ? "copy-dscp" : o->hides_ecn ? "copy-ecn" : o->drops_df ? "copy-df" : "routes";
}

static bool lacks_option(char why[WHY_MAX], const struct provider *kernel, uint32_t features, const struct child_settings *child)
{
	const char *option = option_of(child);
	bool has_route = !child->transport && !child->options.no_routes, has_mtu = has_route || child->options.interface[0];

	if (option && !(features & KERNEL_OPTIONS))
		snprintf(why, WHY_MAX, "kernel service %s does not heed %s; leave it out, or use one that does, as xfrm", kernel->key, option);
	else if (child->mtu && (features & KERNEL_OPTIONS) && !has_mtu)
		snprintf(why, WHY_MAX, "mtu is that of a route with kernel service %s, and this child has none; leave it out", kernel->key);
	else
		return false;
	return true;
}

static bool has_not(char why[WHY_MAX], const struct provider *kernel, const char *name)
{
	snprintf(why, WHY_MAX, "kernel service %s has no %s", kernel->key, name);
	return true;
}

bool fit_lacks(const struct provider *kernel, const struct child_settings *child, const struct esp_transform *t, char why[WHY_MAX])
{
	const struct kernel_ipsec *ops = kernel->ops;

	for (size_t i = 0; !t && i < COUNT(of_children); i++)
		if (!(ops->features & of_children[i].feature) && of_children[i].needs(child))
			return has_not(why, kernel, of_children[i].name);
	if (!t && lacks_option(why, kernel, ops->features, child))
		return true;
	for (size_t i = 0; t && i < COUNT(of_transforms); i++)
		if (!(ops->features & of_transforms[i].feature) && of_transforms[i].needs(t))
			return has_not(why, kernel, of_transforms[i].name);
	return t && ops->lacks && ops->lacks(kernel->state, t, why);
}

/* ---- all children ---- */

/* "WHY: PROPOSAL, PROPOSAL; WHY: PROPOSAL" */
struct left_out {
	char text[LOG_LINE_MAX / 2], why[WHY_MAX];
	size_t used, count;
};

static void leave_out(struct left_out *out, const struct esp_transform *t, const char *why)
{
	bool is_same = out->count++ > 0 && strcmp(out->why, why) == 0;
	char words[PROPOSAL_TEXT_MAX];

	if (out->used >= sizeof(out->text))
		return;
	out->used += (size_t)snprintf(out->text + out->used, sizeof(out->text) - out->used, "%s%s%s%s",
				      is_same ? ", " : out->used ? "; " : "", is_same ? "" : why, is_same ? "" : ": ",
				      esp_transform_text(words, t));
	memcpy(out->why, why, strlen(why) + 1);
}

static void child_fit(struct check *check, const struct provider *kernel, struct child_settings *child)
{
	struct left_out out = { .used = 0 };
	struct esp_transforms *proposals = &child->proposals;
	const struct config_node *node = child->node;
	char why[WHY_MAX] = "";
	size_t kept = 0;

	if (fit_lacks(kernel, child, NULL, why)) {
		check_error(check, node, "%s", why);
		return;
	}
	for (size_t i = 0; i < proposals->count; i++) {
		if (fit_lacks(kernel, child, &proposals->at[i], why))
			leave_out(&out, &proposals->at[i], why);
		else
			proposals->at[kept++] = proposals->at[i];
	}
	if (proposals->count > 0 && kept == 0)
		check_error(check, node, "none of its proposals can be installed: %s", out.text);
	else if (out.count > 0)
		log_info(check->log, "%s:%u: <%s>: proposals that cannot be installed are left out: %s", node->file, node->line, node->name,
			 out.text);
	proposals->count = kept;
}

static void shunts_fit(struct check *check, const struct provider *kernel, const struct settings *s)
{
	const struct kernel_ipsec *ops = kernel->ops;
	char why[WHY_MAX];

	for (size_t i = 0; !(ops->features & KERNEL_SHUNT) && i < s->shunt_count; i++)
		if (has_not(why, kernel, "shunts"))
			check_error(check, s->shunts[i].node, "%s", why);
}

int fit_settings(struct settings *s, const struct provider *kernel, const struct log_context *log)
{
	struct check check = { .log = log };

	for (size_t i = 0; kernel && i < s->connection_count; i++)
		for (size_t k = 0; k < s->connections[i].child_count; k++)
			child_fit(&check, kernel, &s->connections[i].children[k]);
	if (kernel)
		shunts_fit(&check, kernel, s);
	return check_result(&check);
}
