/* SPDX-License-Identifier: MIT */
/* daemon.c - the order of start-up and end, and signals; reading the configuration again is daemon_reload.c's. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon_private.h"
#include "expiry.h"
#include "fit.h"
#include "privileges.h"

/* Threads for calls that block: names of hosts mostly, which come all at once when the network is back. */
enum { HELPERS_MAX = 4 };

/* ---- the log ---- */

static int open_log(struct daemon *d)
{
	struct log_options options = d->options.log;

	if (d->options.log_level >= 0)
		options.level = (enum log_level)d->options.log_level;
	d->early_log = d->log = log_new(&options);
	return d->log ? 0 : FAULT_MEMORY;
}

/* As the configuration wants it. */
static int set_up_log(struct daemon *d)
{
	struct log_options options = d->options.log;

	options.level = d->options.log_level >= 0 ? (enum log_level)d->options.log_level : d->load.daemon.log_level;
	options.json = d->load.daemon.log_json;
	if (options.json == d->options.log.json) {
		log_set_level(d->log, options.level);
		return 0;
	}
	struct log *log = log_new(&options);
	if (!log)
		return FAULT_MEMORY;
	d->log = d->load.core.log = log;
	return 0;
}

/* ---- signals ---- */

static void end_by_signal(struct daemon *d, unsigned number)
{
	if (!loop_stopping(d->loop))
		log_info(log_root(d->log), "ending because of %s", number == SIGINT ? "SIGINT" : "SIGTERM");
	loop_stop(d->loop);
}

static void signal_came(struct watch *watch, bool readable, bool writable)
{
	struct daemon *d = CONTAINER(watch, struct daemon, signals);
	struct signalfd_siginfo info;

	(void)readable;
	(void)writable;
	if (read(watch->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload_by_itself(d);
	else
		end_by_signal(d, info.ssi_signo);
}

/* Before any thread is started, so that none of them takes a signal. */
static int take_signals(struct daemon *d)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return FAULT_SYSTEM;
	d->signals.ready = signal_came;
	d->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signals.fd < 0)
		return FAULT_SYSTEM;
	return loop_watch(d->loop, &d->signals, true, false);
}

/* ---- control ---- */

static struct settings *host_settings(void *arg)
{
	return ((struct daemon *)arg)->load.settings;
}

static const struct shunts *host_shunts(void *arg)
{
	return ((struct daemon *)arg)->shunts;
}

static int host_reload(void *arg, void (*say)(void *to, const char *line), void *to)
{
	return daemon_reload(arg, say, to);
}

static int host_reload_secrets(void *arg, void (*say)(void *to, const char *line), void *to)
{
	return daemon_reload_secrets(arg, say, to);
}

static void host_set_wanted(void *arg, const char *connection, const char *child, bool wanted)
{
	struct daemon *d = arg;

	if (d->intents)
		intents_set_wanted(d->intents, connection, child, wanted);
}

static int open_control(struct daemon *d)
{
	struct control_host host = {
		.log = d->engine.log, .bus = d->engine.bus, .engine = &d->engine, .plugins = d->load.plugins,
		.settings = host_settings, .shunts = host_shunts, .reload = host_reload, .reload_secrets = host_reload_secrets,
		.set_wanted = host_set_wanted, .arg = d,
	};

	if (d->options.control_path)
		pidfile_make_folder(d->options.control_path);
	return control_new(&d->control, d->loop, &host, d->options.control_path);
}

/* ---- start-up, in order ---- */

static int open_base(struct daemon *d)
{
	int fault = open_log(d);

	if (fault)
		return fault;
	d->loop = loop_new(NULL);
	d->load.core = (struct core){
		.log = d->log, .bus = bus_new(), .helpers = helpers_new(HELPERS_MAX), .main_loop = d->loop,
	};
	if (!d->loop || !d->load.core.bus || !d->load.core.helpers)
		return FAULT_MEMORY;
	return d->options.take_signals ? take_signals(d) : 0;
}

static int read_configuration(struct daemon *d)
{
	watch_begin(d);
	int fault = load_config(&d->load, &d->options.load);

	return fault ? fault : set_up_log(d);
}

static int take_pidfile(struct daemon *d)
{
	return d->options.pid_file ? pidfile_take(&d->pidfile, d->options.pid_file, log_root(d->log)) : 0;
}

static int load_rest(struct daemon *d)
{
	int fault = load_services(&d->load, &d->options.load);

	if (!fault)
		fault = load_settings(&d->load);
	watch_end(d, d->load.daemon.watch, false);
	return fault;
}

static int open_net(struct daemon *d)
{
	const struct net_options options = { d->load.daemon.port, d->load.daemon.nat_port, true, true };
	int fault = net_new(&d->net, &options, d->engine.log);

	if (!fault)
		d->engine.transport = net_transport(d->net);
	return fault;
}

static int give_up_privileges(struct daemon *d)
{
	return d->options.drop_privileges ? privileges_drop(d->engine.log) : 0;
}

static int attach_kernel(struct daemon *d)
{
	engine_attach_kernel(d);
	return 0;
}

/* No shard runs yet. */
static int fit_kernel(struct daemon *d)
{
	return fit_settings(d->load.settings, d->engine.kernel, d->engine.log);
}

static int open_intents(struct daemon *d)
{
	d->shunts = shunts_new(&d->engine);
	d->intents = intents_new(&d->engine, d->loop);
	return d->shunts && d->intents ? 0 : FAULT_MEMORY;
}

static int heed_intents(struct daemon *d)
{
	int fault = net_set_interfaces(d, d->load.settings);

	if (!fault)
		fault = shunts_install(d->shunts, d->load.settings);
	return fault ? fault : intents_apply(d->intents, d->load.settings);
}

static void expiry_run(struct timer *timer)
{
	expiry_begin(CONTAINER(timer, struct daemon, expiry));
}

void expiry_begin(struct daemon *d)
{
	expiry_say(d->load.settings, (int64_t)time(NULL), log_root(d->log));
	d->expiry.run = expiry_run;
	if (timer_set(loop_timers(d->loop), &d->expiry, loop_now(d->loop) + EXPIRY_SAY_MS) != 0)
		log_warn(log_root(d->log), "out of memory: certificates that expire will not be told of");
}

static int look_at_certificates(struct daemon *d)
{
	expiry_begin(d);
	return 0;
}

static void network_changed(void *arg)
{
	struct daemon *d = arg;

	net_follow(d);
	if (d->intents)
		intents_network_changed(d->intents);
}

/* One that cannot be had was said to be missing; tunnels come up without it. */
static int follow_addresses(struct daemon *d)
{
	(void)!net_watch_new(&d->net_watch, d->loop, d->engine.log, network_changed, d);
	return 0;
}

static int check_modes(struct daemon *d)
{
	return engine_check_modes(d);
}

/* clang-format off */
static const struct stage {
	const char *what;            /* for the line when it fails without one of its own */
	int (*begin)(struct daemon *d);
} stages[] = {
	{ "the main loop",           open_base },
	{ "the configuration",       read_configuration },
	{ "the pid file",            take_pidfile },           /* before anything that two daemons must not share */
	{ "plugins and settings",    load_rest },
	{ "the engine",              engine_open },
	{ "exchange modes",          check_modes },
	{ "the UDP sockets",         open_net },               /* needs CAP_NET_BIND_SERVICE */
	{ "the control socket",      open_control },           /* sets the umask: before threads */
	{ "privileges",              give_up_privileges },     /* are each thread's own: before threads */
	{ "the kernel service",      attach_kernel },          /* starts threads of its own */
	{ "what the kernel cannot",  fit_kernel },
	{ "addresses",               follow_addresses },       /* not those of our own device */
	{ "connections",             open_intents },           /* hears events: before there are any */
	{ "threads",                 engine_start_threads },
	{ "connections",             heed_intents },           /* and from now on there are */
	{ "certificates",            look_at_certificates },
};
/* clang-format on */

int daemon_new(struct daemon **out, const struct daemon_options *options)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int fault = 0;

	*out = NULL;
	if (!d)
		return FAULT_MEMORY;
	d->options = *options;
	d->pidfile = (struct pidfile){ -1, NULL };
	d->signals.fd = -1;
	for (size_t i = 0; i < COUNT(stages) && !fault; i++) {
		fault = stages[i].begin(d);
		/* Whoever found a fault has said so; only for want of memory nobody does. */
		if (fault && d->log)
			log_line(log_root(d->log), fault == FAULT_MEMORY ? LEVEL_ERROR : LEVEL_DEBUG, "start-failed",
				 "keyferryd does not start, because of %s: %s", stages[i].what, fault_text(fault));
	}
	if (fault) {
		daemon_free(d);
		return fault;
	}
	size_t count = settings_connection_count(d->load.settings);
	log_info(d->engine.log, "keyferry " PACKAGE_VERSION " is ready: %zu connection%s, UDP ports %u and %u, %u shard%s",
		 count, count == 1 ? "" : "s", d->load.daemon.port, d->load.daemon.nat_port, d->engine.shard_count,
		 d->engine.shard_count == 1 ? "" : "s");
	*out = d;
	return 0;
}

int daemon_run(struct daemon *daemon)
{
	int fault = loop_run(daemon->loop);

	if (fault)
		log_error(log_root(daemon->log), "the main loop ended: %s", strerror(errno));
	return fault;
}

void daemon_stop(struct daemon *daemon)
{
	loop_stop(daemon->loop);
}

struct engine *daemon_engine(struct daemon *daemon)
{
	return &daemon->engine;
}

/* ---- the end ---- */

void daemon_free(struct daemon *d)
{
	if (!d)
		return;
	/* Nobody asks for anything new ... */
	if (d->loop)
		timer_stop(loop_timers(d->loop), &d->expiry);
	file_watch_free(d->files);
	net_watch_free(d->net_watch);
	if (d->control)
		control_free(d->control);
	intents_free(d->intents);
	d->intents = NULL;
	shunts_free(d->shunts);
	/* ... what there is ends ... */
	if (d->loop)
		engine_close(d);
	else
		helpers_free(d->load.core.helpers);
	/* ... and then what it stood on. */
	load_free(&d->load);
	if (d->signals.fd >= 0) {
		loop_unwatch(d->loop, &d->signals);
		close(d->signals.fd);
	}
	if (d->loop)
		loop_free(d->loop);
	bus_free(d->load.core.bus);
	pidfile_release(&d->pidfile);
	if (d->log != d->early_log)
		log_free(d->log);
	if (d->early_log)
		log_free(d->early_log);
	free(d);
}
