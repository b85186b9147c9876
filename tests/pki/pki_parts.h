/* SPDX-License-Identifier: MIT */
/* pki_parts.h - what pki.c and pki_names.c share: DER written by hand, for what GnuTLS reads but does not write. */
#ifndef KEYFERRY_PKI_PARTS_H
#define KEYFERRY_PKI_PARTS_H
#include "pki.h"

/* Ends the program unless it holds. */
void pki_must(bool holds, const char *what);
void pki_put_element(struct writer *w, uint8_t tag, struct bytes content);
/* GeneralNames of "dns:...", "ip:...", as in struct pki_spec; with a mask for constraints. */
void pki_put_names(struct writer *w, const char *const *names);
/* The content of a nameConstraints extension. */
void pki_put_constraints(struct writer *w, const char *const *permitted, const char *const *excluded);

#endif
