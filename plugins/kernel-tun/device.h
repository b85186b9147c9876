/* SPDX-License-Identifier: MIT */
/* device.h - the TUN device: opened, made quiet, brought up, read and written. */
#ifndef KEYFERRY_TUN_DEVICE_H
#define KEYFERRY_TUN_DEVICE_H
#include "log.h"
#include "netlink.h"
#include "packet.h"

#include <net/if.h>
#include <sys/uio.h>

struct device {
	char name[IFNAMSIZ];
	int fd;                    /* -1: closed; non-blocking                         */
	int index;
	_Atomic uint64_t refused;  /* packets that the stack did not take              */
};

/*
 * Codes "tun-device" and "tun-permission" say what is missing and what helps. FAULT_SYSTEM, FAULT_PERMISSION. The kernel removes
 * the device when it is closed, in whatever way the daemon ends.
 */
int device_open(struct device *d, const char *name, const struct log_context *log) MUST_CHECK;
/* Up, without addresses or chatter of its own, and with the largest MTU there is: the routes say what fits through tunnels. */
int device_start(struct device *d, struct netlink *n, const struct log_context *log) MUST_CHECK;
void device_close(struct device *d);
/* Any thread. */
void device_write(struct device *d, const struct iovec *pieces, size_t count);

#endif
