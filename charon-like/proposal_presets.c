/* SPDX-License-Identifier: MIT */
/*
 * proposal_presets.c - lists of words under one name, for those who know what stands at the other end but not what
 * it speaks. A part that no loaded backend has is left out of a preset, where it would be an error in plain words.
 */
#include "proposal_table.h"

struct preset {
	const char *name;
	const char *ike, *esp, *ah;
};

/*
 * The best comes first: a responder takes the initiator's order, an initiator's order is this one. MODP 1024, MD5 and
 * 3DES are only in the presets whose comment says who needs them. Each list stays within OFFER_MAX; "default, legacy"
 * together do, too.
 */
static const struct preset presets[] = {
	/*
	 * Today's software and routers. ESP first without PFS, which is what most gear has unless told otherwise; a peer
	 * that wants PFS finds its group below. To insist on PFS name the group in words. AH likewise; it is in no other preset.
	 */
	{ "default",
	  "aes256-aes128-sha256-curve25519-ecp256-modp2048, aes256-sha384-ecp384-modp3072,"
	  "aes256-sha256-modp3072-modp4096, aes256-sha512-modp2048-modp4096",
	  "aes256gcm16-aes128gcm16-aes256-aes128-sha256, aes256gcm16-aes128gcm16-aes256-aes128-sha256-modp2048,"
	  "aes256gcm16-aes128gcm16-aes256-aes128-sha256-ecp256,"
	  "aes256gcm16-aes128gcm16-aes256-aes128-sha256-curve25519",
	  "sha256-sha384-sha512, sha256-sha384-sha512-modp2048-ecp256-curve25519" },
	/* What gear of the years 2000 to 2012 has when nothing newer is in it. Weak: for links that cannot be replaced yet. */
	{ "legacy",
	  "aes256-sha256-modp1536-modp1024, aes256-aes128-3des-sha1-modp2048-modp1536-modp1024, 3des-md5-modp1024",
	  "aes256-aes128-3des-sha1, aes256-aes128-3des-sha1-modp1024, aes128-3des-md5", NULL },
	/*
	 * The L2TP/IPsec client built into Windows: 7 to 11 offer the elliptic curve pairs, MODP 2048 and last 3DES with
	 * MODP 1024; macOS and Android's L2TP clients are within it. Transport mode, never with PFS.
	 */
	{ "l2tp",
	  "aes256-sha256-modp2048, aes256-sha1-ecp384, aes128-sha1-ecp256, aes256-sha1-modp2048, aes128-sha1-modp2048,"
	  "3des-sha1-modp2048, aes256-aes128-3des-sha1-modp1024",
	  "aes256-aes128-sha256, aes256-aes128-3des-sha1", NULL },
	/* "Cisco IPSec" on iPhone, iPad and Mac: AES with SHA-2 and MODP 2048 first, SHA-1 and small groups after it. */
	{ "ios",
	  "aes256-aes128-sha256-modp2048-modp1536, aes256-aes128-sha1-modp2048-modp1536-modp1024, 3des-sha1-modp1024",
	  "aes256-aes128-sha256, aes256-aes128-3des-sha1, aes256-aes128-sha256-sha1-modp2048", NULL },
	/*
	 * "IPSec Xauth" and "L2TP/IPSec PSK" of Android up to 11 (a racoon): nothing but MODP 1024. ESP without SHA-256:
	 * kernels of Android 4 and before cut it to 96 bits and still negotiate it like the whole one.
	 */
	{ "android",
	  "aes256-sha384-sha256-modp1024, aes128-sha256-modp1024, aes256-aes128-3des-sha1-modp1024",
	  "aes256-aes128-sha512-sha384, aes256-aes128-3des-sha1", NULL },
	/* AVM FRITZ!Box: its strategies "all/all/all" and "def/all/all", whose phase 2 asks for PFS. */
	{ "fritzbox",
	  "aes256-sha512-sha256-sha1-modp2048, aes256-sha512-sha1-modp1024, aes128-sha1-modp1024, 3des-sha1-modp1024",
	  "aes256-sha512-sha256-sha1-modp2048, aes256-sha512-sha1-modp1024, aes128-sha1-modp1024,"
	  "3des-sha1-modp1024, aes256-sha512-sha1", NULL },
	/* Cisco ASA: the IKEv1 policies and transform sets of its VPN wizard; from 9.13 with group 14, before with 5 and 2. */
	{ "asa",
	  "aes256-aes192-aes128-3des-sha1-modp2048-modp1536-modp1024",
	  "aes256-aes192-aes128-3des-sha1, aes256-aes128-3des-md5, aes256-aes128-sha1-modp2048-modp1536-modp1024", NULL },
	/* AWS Site-to-Site VPN: what the configuration files to download name (AES-128, SHA-1, group 2), and the better ones. */
	{ "aws",
	  "aes256-aes128-sha256-ecp256-modp2048, aes256-sha384-ecp384, aes256-aes128-sha1-modp2048, aes128-sha1-modp1024",
	  "aes256gcm16-aes128gcm16-modp2048, aes256-aes128-sha256-sha1-modp2048, aes128-sha1-modp1024", NULL },
	/* Azure VPN gateways of the policy-based kind, the only ones with IKEv1 by default: group 2, and no PFS. */
	{ "azure",
	  "aes256-sha256-modp1024, aes256-aes128-3des-sha1-modp1024",
	  "aes256gcm16-aes128gcm16, aes256-sha256, aes256-aes128-3des-sha1", NULL },
	/* Cisco Meraki MX with a peer of another make, in its default policy, and its client VPN. */
	{ "meraki",
	  "aes256-sha256-modp2048, aes256-aes192-aes128-3des-sha1-modp2048-modp1024, 3des-md5-modp1024",
	  "aes256-aes192-aes128-sha256, aes256-aes192-aes128-3des-sha1, 3des-md5", NULL },
	/* MikroTik RouterOS: the default profile (AES-128 and 3DES with SHA-1) and the default proposal with its PFS group. */
	{ "mikrotik",
	  "aes256-aes128-sha256-modp2048, aes256-aes128-3des-sha1-modp2048-modp1024",
	  "aes256-aes192-aes128-sha1-modp1024, aes256-aes192-aes128-sha1-modp2048, aes256-aes128-sha256-modp2048,"
	  "aes256-aes192-aes128-sha1", NULL },
};

const char *preset_words(const char *name, enum proposal_kind kind)
{
	for (size_t i = 0; i < COUNT(presets); i++)
		if (strcmp(presets[i].name, name) == 0)
			return kind == PROPOSAL_IKE ? presets[i].ike : kind == PROPOSAL_ESP ? presets[i].esp : presets[i].ah;
	return NULL;
}

const char *preset_name_at(size_t i)
{
	return i < COUNT(presets) ? presets[i].name : NULL;
}
