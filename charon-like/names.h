/* SPDX-License-Identifier: MIT */
/*
 * names.h - the numbers of ISAKMP, IKEv1 and the IPsec DOI and their names, each from one list. The name of
 * a number that is not in a list is the number itself.
 */
#ifndef KEYFERRY_NAMES_H
#define KEYFERRY_NAMES_H
#include "bytes.h"

/* RFC 2408 3.1 and its successors: next payload types. */
#define PAYLOAD_LIST(X)                                                                              \
	X(NONE, 0, "none") X(SA, 1, "SA") X(PROPOSAL, 2, "P") X(TRANSFORM, 3, "T") X(KE, 4, "KE")     \
	X(ID, 5, "ID") X(CERT, 6, "CERT") X(CR, 7, "CR") X(HASH, 8, "HASH") X(SIG, 9, "SIG")          \
	X(NONCE, 10, "NONCE") X(NOTIFY, 11, "N") X(DELETE, 12, "D") X(VID, 13, "VID")                 \
	X(ATTR, 14, "ATTR") X(NATD, 20, "NAT-D") X(NATOA, 21, "NAT-OA")                               \
	X(NATD_DRAFT, 130, "NAT-D(draft)") X(NATOA_DRAFT, 131, "NAT-OA(draft)") X(FRAGMENT, 132, "FRAG")

/* RFC 2408 3.1, RFC 2409: exchange types. */
#define EXCHANGE_LIST(X)                                                                             \
	X(MAIN, 2, "Main Mode") X(AGGRESSIVE, 4, "Aggressive Mode") X(INFORMATIONAL, 5, "Informational") \
	X(TRANSACTION, 6, "Transaction") X(QUICK, 32, "Quick Mode") X(NEW_GROUP, 33, "New Group Mode")

/* RFC 2408 3.14.1, RFC 2407 4.6.3, RFC 3706: notify message types. */
#define NOTIFY_LIST(X)                                                                               \
	X(INVALID_PAYLOAD_TYPE, 1, "INVALID-PAYLOAD-TYPE") X(DOI_NOT_SUPPORTED, 2, "DOI-NOT-SUPPORTED") \
	X(SITUATION_NOT_SUPPORTED, 3, "SITUATION-NOT-SUPPORTED") X(INVALID_COOKIE, 4, "INVALID-COOKIE") \
	X(INVALID_MAJOR_VERSION, 5, "INVALID-MAJOR-VERSION") X(INVALID_MINOR_VERSION, 6, "INVALID-MINOR-VERSION") \
	X(INVALID_EXCHANGE_TYPE, 7, "INVALID-EXCHANGE-TYPE") X(INVALID_FLAGS, 8, "INVALID-FLAGS")       \
	X(INVALID_MESSAGE_ID, 9, "INVALID-MESSAGE-ID") X(INVALID_PROTOCOL_ID, 10, "INVALID-PROTOCOL-ID") \
	X(INVALID_SPI, 11, "INVALID-SPI") X(INVALID_TRANSFORM_ID, 12, "INVALID-TRANSFORM-ID")           \
	X(ATTRIBUTES_NOT_SUPPORTED, 13, "ATTRIBUTES-NOT-SUPPORTED") X(NO_PROPOSAL_CHOSEN, 14, "NO-PROPOSAL-CHOSEN") \
	X(BAD_PROPOSAL_SYNTAX, 15, "BAD-PROPOSAL-SYNTAX") X(PAYLOAD_MALFORMED, 16, "PAYLOAD-MALFORMED") \
	X(INVALID_KEY_INFORMATION, 17, "INVALID-KEY-INFORMATION") X(INVALID_ID_INFORMATION, 18, "INVALID-ID-INFORMATION") \
	X(INVALID_CERT_ENCODING, 19, "INVALID-CERT-ENCODING") X(INVALID_CERTIFICATE, 20, "INVALID-CERTIFICATE") \
	X(CERT_TYPE_UNSUPPORTED, 21, "CERT-TYPE-UNSUPPORTED") X(INVALID_CERT_AUTHORITY, 22, "INVALID-CERT-AUTHORITY") \
	X(INVALID_HASH_INFORMATION, 23, "INVALID-HASH-INFORMATION") X(AUTHENTICATION_FAILED, 24, "AUTHENTICATION-FAILED") \
	X(INVALID_SIGNATURE, 25, "INVALID-SIGNATURE") X(ADDRESS_NOTIFICATION, 26, "ADDRESS-NOTIFICATION") \
	X(NOTIFY_SA_LIFETIME, 27, "NOTIFY-SA-LIFETIME") X(CERTIFICATE_UNAVAILABLE, 28, "CERTIFICATE-UNAVAILABLE") \
	X(UNSUPPORTED_EXCHANGE_TYPE, 29, "UNSUPPORTED-EXCHANGE-TYPE") X(UNEQUAL_PAYLOAD_LENGTHS, 30, "UNEQUAL-PAYLOAD-LENGTHS") \
	X(CONNECTED, 16384, "CONNECTED") X(RESPONDER_LIFETIME, 24576, "RESPONDER-LIFETIME")             \
	X(REPLAY_STATUS, 24577, "REPLAY-STATUS") X(INITIAL_CONTACT, 24578, "INITIAL-CONTACT")           \
	X(KEYFERRY_GENERATION, 40800, "KEYFERRY-GENERATION") X(R_U_THERE, 36136, "R-U-THERE") X(R_U_THERE_ACK, 36137, "R-U-THERE-ACK")

/* RFC 2407 4.6.2.1: identification types. */
#define ID_LIST(X)                                                                                   \
	X(IPV4_ADDR, 1, "IPv4") X(FQDN, 2, "FQDN") X(USER_FQDN, 3, "USER_FQDN") X(IPV4_SUBNET, 4, "IPv4 subnet") \
	X(IPV6_ADDR, 5, "IPv6") X(IPV6_SUBNET, 6, "IPv6 subnet") X(IPV4_RANGE, 7, "IPv4 range")         \
	X(IPV6_RANGE, 8, "IPv6 range") X(DER_ASN1_DN, 9, "DN") X(DER_ASN1_GN, 10, "GN") X(KEY_ID, 11, "KEY_ID")

#define NAMES_ENUM_PAY(word, number, text) PAY_##word = number,
#define NAMES_ENUM_EXCHANGE(word, number, text) EXCHANGE_##word = number,
#define NAMES_ENUM_NOTIFY(word, number, text) NOTIFY_##word = number,
#define NAMES_ENUM_ID(word, number, text) ID_##word = number,
enum payload { PAYLOAD_LIST(NAMES_ENUM_PAY) };
enum exchange_type { EXCHANGE_LIST(NAMES_ENUM_EXCHANGE) };
enum notify_type { NOTIFY_LIST(NAMES_ENUM_NOTIFY) };
enum id_type { ID_LIST(NAMES_ENUM_ID) };

/* RFC 2407 4.4.1: protocol identifiers. */
enum { PROTO_ISAKMP = 1, PROTO_AH = 2, PROTO_ESP = 3, PROTO_IPCOMP = 4 };
/* RFC 2407 4.2, 4.1: the IPsec DOI and the only situation that anybody uses. */
enum { DOI_ISAKMP = 0, DOI_IPSEC = 1, SIT_IDENTITY_ONLY = 1 };

enum { NAME_TEXT_MAX = 40 };
/* Name of a number, or the number itself written to `out`. */
const char *payload_name(char out[NAME_TEXT_MAX], unsigned number);
const char *exchange_name(char out[NAME_TEXT_MAX], unsigned number);
const char *notify_name(char out[NAME_TEXT_MAX], unsigned number);
const char *id_type_name(char out[NAME_TEXT_MAX], unsigned number);

#endif
